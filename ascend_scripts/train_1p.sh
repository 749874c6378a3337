#!/usr/bin/env bash
# Trains on one device.
#
#   train_1p.sh CONFIG [KEY=VALUE...] [--out DIR] [--resume] [--tiny] [--dry-run]
#
#   CONFIG, KEY=VALUE   as `mindaam train` takes them
#   --out DIR           the run's folder (runs/NAME of CONFIG)
#   --resume            goes on where the run in DIR stopped
#   --allow-changes, --skip-damaged   as `mindaam train` has them
#   --tiny              a smoke run
#   --dry-run           prints the command and leaves
#
# DEVICE_TARGET=CPU runs it on a CPU; ASCEND_RT_VISIBLE_DEVICES=3 picks the device; PYTHON=... the interpreter.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --resume --allow-changes --skip-damaged --tiny" "$@"
prepare_training
run "$PYTHON" -m mindaam.cli.main "${TRAIN[@]}"
