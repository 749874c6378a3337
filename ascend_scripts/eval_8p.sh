#!/usr/bin/env bash
# Scores a model on datasets, one dataset per device: each is scored by a separate process, without communication. A
# single dataset is not scored faster than on one device.
#
#   eval_8p.sh --data ROOT [--model NAME|PATH] [--split NAME] [--set NAME]... [--workers N] [--out DIR]
#               [--jit-level O0|O1] [--dry-run]
#
#   --data ROOT         a folder of packs, gaze folders and datasets, or one pack or gaze folder
#   --model NAME|PATH   a bundled model, a .safetensors checkpoint or the folder of a run (as in `mindaam evaluate`)
#   --split NAME        split to score (val)
#   --set NAME          only this dataset, repeatable (default: all in ROOT)
#   --workers N         devices (8; with DEVICE_TARGET=CPU 2)
#   --out DIR           folder for SET.json and SET.log (runs/evaluation)
#   --jit-level O0|O1   how graphs are compiled: kernel by kernel (O0, the default on Ascend), or with fused operators
#   --dry-run           print the commands and exit
#
# The exit code is 1 if a dataset could not be scored; the others are still scored.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "--data --model --split --set --workers --jit-level" "$@"
if [[ -z "$DATA" ]]; then fail "no data was given; give --data ROOT"; fi
OUT="${OUT:-runs/evaluation}"
keep_graphs

# names of the datasets in ROOT that have the split, one per line
sets_there() {
    "$PYTHON" - "$DATA" "$SPLIT" <<'PYTHON_CODE'
import sys

from mindaam.data.datasets.opening import open_named
from mindaam.errors import MindAAMError

try:
    named = open_named(sys.argv[1], None, [sys.argv[2]])
except MindAAMError as error:
    sys.exit(f"eval_8p.sh: {error}")
print("\n".join(dict.fromkeys(name for name, _ in named)))
PYTHON_CODE
}

# score SLOT: the datasets SLOT, SLOT + WORKERS, ... on device SLOT; fails if one of them failed.
score() {
    local slot="$1" failed=0 i name
    EXTRA=("ASCEND_RT_VISIBLE_DEVICES=$slot")
    for ((i = slot; i < ${#SETS[@]}; i += WORKERS)); do
        name="${SETS[i]}"
        local command=("$PYTHON" -m mindaam.cli.main evaluate --data "$DATA" --split "$SPLIT" --set "$name")
        if [[ -n "$MODEL" ]]; then command+=(--model "$MODEL"); fi
        command+=(--save "$OUT/$name.json")
        if $DRY_RUN; then
            show "${command[@]}"
        elif env "${EXTRA[@]}" "${command[@]}" >"$OUT/$name.log" 2>&1; then
            printf '%s: %s\n' "$name" "$OUT/$name.json"
        else
            printf '%s could not be scored; the last lines of %s:\n' "$name" "$OUT/$name.log" >&2
            tail -n 20 "$OUT/$name.log" >&2
            failed=1
        fi
    done
    return "$failed"
}

if ((${#SETS[@]} == 0)); then
    listed="$(sets_there)" || exit 2
    mapfile -t SETS <<<"$listed"
fi
if $DRY_RUN; then
    for ((slot = 0; slot < WORKERS; slot++)); do score "$slot"; done
    exit 0
fi

mkdir -p "$OUT"
jobs_started=()
set -m # each job has its own process group, which includes its evaluation
trap 'for job in "${jobs_started[@]}"; do kill -- "-$job" 2>/dev/null || true; done; exit 143' INT TERM
for ((slot = 0; slot < WORKERS && slot < ${#SETS[@]}; slot++)); do
    score "$slot" &
    jobs_started+=("$!")
done
status=0
for job in "${jobs_started[@]}"; do wait "$job" || status=1; done
exit "$status"
