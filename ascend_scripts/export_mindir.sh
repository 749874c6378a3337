#!/usr/bin/env bash
# Writes a model as MindIR, graph and weights, for MindSpore Lite and Ascend inference: one file, or from 1 GB on a
# graph and a folder of weights (docs/export.md).
#
#   export_mindir.sh --model NAME|PATH [--out FILE.mindir] [--dry-run]
#
#   --model NAME|PATH   a bundled model, a .safetensors checkpoint or the folder of a run
#   --out FILE          the file to write (default: name of the model, .mindir)
#   --dry-run           print the command and exit
#
# It calls `mindaam export`, which has more options: mindaam export --help

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "--model" "$@"
if [[ -z "$MODEL" ]]; then fail "no model was given; give --model NAME or a checkpoint"; fi
if [[ -z "$OUT" ]]; then
    OUT="$(basename "$MODEL")"
    OUT="${OUT%.safetensors}.mindir"
fi
run "$PYTHON" -m mindaam.cli.main export "$MODEL" --out "$OUT"
