#!/usr/bin/env bash
# Trains for a few steps on one device under MindSpore's profiler, and leaves its traces.
#
#   profile.sh CONFIG [KEY=VALUE...] [--out DIR] [--tiny] [--dry-run]
#
#   CONFIG, KEY=VALUE   as `mindaam train` takes them; shorten the run with them (a trace of ten steps says it all, and
#                       every step adds megabytes): epochs=1 sampling.steps=10
#   --out DIR           the run's folder (runs/NAME of CONFIG, _profile); the traces are in DIR/profile
#   --tiny              profiles a smoke run
#   --dry-run           prints the command and leaves
#
# Open DIR/profile/*/ASCEND_PROFILER_OUTPUT/trace_view.json with MindStudio Insight or with a Chromium's about:tracing.
# On a CPU (DEVICE_TARGET=CPU) the trace holds the host's operators only.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --tiny" "$@"
if [[ -n "$CONFIG" && -z "$OUT" ]]; then OUT="runs/$(basename "${CONFIG%.*}")_profile"; fi
prepare_training
activities='["CPU","NPU"]'
if [[ "$DEVICE_TARGET" == CPU ]]; then activities='["CPU"]'; fi
EXTRA=("MS_PROFILER_OPTIONS={\"start\":true,\"output_path\":\"$OUT/profile\",\"activities\":$activities}")
run "$PYTHON" -m mindaam.cli.main "${TRAIN[@]}"
