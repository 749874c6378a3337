# Shared by the scripts of this folder: options, and running or printing a command. Sourced, never executed.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts that source this use what it sets

set -euo pipefail

PYTHON="${PYTHON:-python}"
# the variables that a printed command begins with, where they are set
SHOWN=(DEVICE_TARGET MINDAAM_KERNELS MINDAAM_JIT_LEVEL MINDAAM_DETERMINISTIC MS_COMPILER_CACHE_ENABLE MS_COMPILER_CACHE_PATH)
export DEVICE_TARGET="${DEVICE_TARGET:-Ascend}"

CONFIG="" OUT="" LOG_DIR="" WORKERS="" NODES=1 NODE_RANK="" MASTER="" PORT=8118 DATA="" MODEL="" SPLIT=val
CHANGES=() SETS=() EXTRA=() PASSED=() JOB=()
RESUME=false TINY=false DRY_RUN=false

# fail SENTENCE: prints an error that states the remedy, and exits.
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# usage: the comment at the top of the calling script.
usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | sed 's/^#$//'
    exit 0
}

# read_options "ACCEPTED OPTIONS" ARGUMENTS...: sets the variables above. With CONFIG among them the script also accepts a
# configuration and KEY=VALUE.
read_options() {
    local accepted=" $1 --out --dry-run " option
    shift
    while (($#)); do
        option="$1"
        if [[ "$option" == -h || "$option" == --help ]]; then usage; fi
        if [[ "$option" == -o ]]; then option=--out; fi
        if [[ "$option" == -* && "$accepted" != *" $option "* ]]; then
            fail "unknown option $option; see $(basename "$0") --help"
        fi
        if [[ "$option" != -* && "$accepted" != *" CONFIG "* ]]; then
            fail "unexpected argument $option; see $(basename "$0") --help"
        fi
        case "$option" in
        --resume) RESUME=true && shift && continue ;;
        --allow-changes | --skip-damaged) PASSED+=("$option") && shift && continue ;;
        --bind-core) JOB+=("$option") && shift && continue ;;
        --deterministic) export MINDAAM_DETERMINISTIC=1 && shift && continue ;;
        --tiny) TINY=true && shift && continue ;;
        --dry-run) DRY_RUN=true && shift && continue ;;
        -*) if (($# < 2)); then fail "$option needs a value"; fi ;;
        *=*) CHANGES+=("$option") && shift && continue ;;
        *)
            if [[ -n "$CONFIG" ]]; then fail "one CONFIG only: $CONFIG or $option"; fi
            CONFIG="$option" && shift && continue
            ;;
        esac
        case "$option" in
        --out) OUT="$2" ;;
        --log-dir) LOG_DIR="$2" ;;
        --workers) WORKERS="$2" ;;
        --nodes) NODES="$2" ;;
        --node-rank) NODE_RANK="$2" ;;
        --master) MASTER="$2" ;;
        --port) PORT="$2" ;;
        --data) DATA="$2" ;;
        --model) MODEL="$2" ;;
        --split) SPLIT="$2" ;;
        --set) SETS+=("$2") ;;
        --cluster-timeout) require_number "$option" "$2" 1 && JOB+=("$option" "$2") ;;
        --jit-level)
            if [[ "$2" != O[01] ]]; then fail "--jit-level must be O0 or O1, not '$2'"; fi
            export MINDAAM_JIT_LEVEL="$2"
            ;;
        esac
        shift 2
    done
    # eight devices per machine; on a CPU two ranks, as in the tests
    if [[ -z "$WORKERS" ]]; then
        if [[ "$DEVICE_TARGET" == CPU ]]; then WORKERS=2; else WORKERS=8; fi
    fi
    require_number --workers "$WORKERS" 1
    require_number --nodes "$NODES" 1
    require_number --port "$PORT" 1
}

# keep_graphs: compiled graphs are stored beside OUT, in mindaam_graphs, for later starts; the environment may choose
# otherwise.
keep_graphs() {
    export MS_COMPILER_CACHE_ENABLE="${MS_COMPILER_CACHE_ENABLE:-1}"
    export MS_COMPILER_CACHE_PATH="${MS_COMPILER_CACHE_PATH:-$(dirname "$OUT")}"
}

# require_number OPTION VALUE SMALLEST
require_number() {
    if ! [[ "$2" =~ ^[0-9]+$ ]] || ((10#$2 < $3)); then fail "$1 must be a number from $3, not '$2'"; fi
}

# require_bundled NAME: a configuration in the package
require_bundled() {
    local problem
    problem="$("$PYTHON" - "$1" <<'PYTHON_CODE'
import sys

from mindaam.errors import MindAAMError
from mindaam.places import recipe

try:
    recipe(sys.argv[1])
except MindAAMError as error:
    print(error)
    sys.exit(2)
PYTHON_CODE
)" || fail "$problem"
}

# prepare_training: sets OUT and LOG_DIR if they were not given, and TRAIN, the `mindaam` command.
prepare_training() {
    if [[ -z "$CONFIG" ]]; then fail "no configuration was given; give the name of a bundled one, such as corpus, or a YAML file"; fi
    if [[ ! -f "$CONFIG" ]]; then require_bundled "$CONFIG"; fi
    if [[ -z "$OUT" ]]; then
        OUT="runs/$(basename "${CONFIG%.*}")"
        if $TINY; then OUT+="_tiny"; fi
    fi
    LOG_DIR="${LOG_DIR:-$OUT/logs}"
    keep_graphs
    TRAIN=(train "$CONFIG" "${CHANGES[@]}" --out "$OUT")
    if $TINY; then TRAIN+=(--tiny); fi
    if $RESUME; then TRAIN+=(--resume); fi
    TRAIN+=("${PASSED[@]}")
}

# run COMMAND...: replaces the shell by the command, so that it receives signals; with --dry-run, prints it.
run() {
    if $DRY_RUN; then
        show "$@"
        exit 0
    fi
    exec env "${EXTRA[@]}" "$@"
}

# show COMMAND...: one line that a shell can read back.
show() {
    local name
    printf 'env'
    for name in "${SHOWN[@]}"; do
        if [[ -n "${!name:-}" ]]; then printf ' %s=%q' "$name" "${!name}"; fi
    done
    printf ' %q' "${EXTRA[@]}" "$@"
    printf '\n'
}

# launch OPTIONS... -- COMMAND...: runs a mindaam command on many ranks; with --dry-run, prints the msrun command, and the
# environment and files of every rank, as well.
launch() {
    if $DRY_RUN; then
        show "$PYTHON" -m mindaam.training.launch "$@"
        "$PYTHON" -m mindaam.training.launch --dry-run "$@"
        return
    fi
    run "$PYTHON" -m mindaam.training.launch "$@"
}
