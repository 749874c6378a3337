#!/usr/bin/env bash
# Writes a model as MindIR, the graph and its weights in one file, for MindSpore Lite and Ascend inference.
#
#   export_mindir.sh --model NAME|PATH [--out FILE.mindir] [--dry-run]
#
#   --model NAME|PATH   a bundled model or a .safetensors checkpoint
#   --out FILE          what is written (the model's name, .mindir)
#   --dry-run           prints the command and leaves
#
# It calls `mindaam export`, and says so, with exit code 2, when the installed MindAAM does not have that command yet.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "--model" "$@"
if [[ -z "$MODEL" ]]; then fail "which model? give --model NAME or a checkpoint"; fi
if [[ -z "$OUT" ]]; then
    OUT="$(basename "$MODEL")"
    OUT="${OUT%.safetensors}.mindir"
fi
if ! $DRY_RUN && ! "$PYTHON" -m mindaam.cli.main export --help >/dev/null 2>&1; then
    fail "the installed MindAAM has no command 'mindaam export' yet; install a release that has it"
fi
run "$PYTHON" -m mindaam.cli.main export --model "$MODEL" --format mindir --out "$OUT"
