# Shared by the scripts of this folder: options, and running or printing a command. Sourced, never executed.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts that source this use what it sets

set -euo pipefail

PYTHON="${PYTHON:-python}"
export DEVICE_TARGET="${DEVICE_TARGET:-Ascend}"

CONFIG="" OUT="" LOG_DIR="" WORKERS="" NODES=1 NODE_RANK="" MASTER="" PORT=8118 DATA="" MODEL="" SPLIT=val
CHANGES=() SETS=() EXTRA=() PASSED=()
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
    exec env "DEVICE_TARGET=$DEVICE_TARGET" "${EXTRA[@]}" "$@"
}

# show COMMAND...: one line that a shell can read back.
show() {
    printf 'env DEVICE_TARGET=%q' "$DEVICE_TARGET"
    printf ' %q' "${EXTRA[@]}" "$@"
    printf '\n'
}

# launch OPTIONS... -- COMMAND...: runs a mindaam command on many ranks; with --dry-run, prints the msrun command as well.
launch() {
    if $DRY_RUN; then
        show "$PYTHON" -m mindaam.training.launch "$@"
        # on one machine a free port is selected at the start
        printf '# which starts: '
        "$PYTHON" -m mindaam.training.launch --dry-run "$@"
        exit 0
    fi
    run "$PYTHON" -m mindaam.training.launch "$@"
}
