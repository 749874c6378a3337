#!/usr/bin/env bash
# Trains for a few steps on one device under MindSpore's profiler and writes its traces.
#
#   profile.sh CONFIG [KEY=VALUE...] [--out DIR] [--tiny] [--jit-level O0|O1] [--deterministic] [--dry-run]
#
#   CONFIG, KEY=VALUE   as in `mindaam train`; use them to shorten the run (ten steps suffice, and every step adds
#                       megabytes): epochs=1 sampling.steps=10
#   --out DIR           folder of the run (default: runs/NAME_profile); the traces are in DIR/profile
#   --tiny              profile a smoke test
#   --jit-level O0|O1   how graphs are compiled: kernel by kernel (O0, the default on Ascend), or with fused operators
#   --deterministic     kernels and communication that repeat a result bit for bit, slower
#   --dry-run           print the command and exit
#
# Open DIR/profile/*/ASCEND_PROFILER_OUTPUT/trace_view.json with MindStudio Insight or Chromium's about:tracing.
# On a CPU (DEVICE_TARGET=CPU) the trace contains the operators of the host only.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --tiny --jit-level --deterministic" "$@"
if [[ -n "$CONFIG" && -z "$OUT" ]]; then OUT="runs/$(basename "${CONFIG%.*}")_profile"; fi
prepare_training
activities='["CPU","NPU"]'
if [[ "$DEVICE_TARGET" == CPU ]]; then activities='["CPU"]'; fi
EXTRA=("MS_PROFILER_OPTIONS={\"start\":true,\"output_path\":\"$OUT/profile\",\"activities\":$activities}")
run "$PYTHON" -m mindaam.cli.main "${TRAIN[@]}"
