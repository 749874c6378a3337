#!/usr/bin/env bash
# Trains on one device.
#
#   train_1p.sh CONFIG [KEY=VALUE...] [--out DIR] [--resume] [--tiny] [--jit-level O0|O1] [--deterministic] [--dry-run]
#
#   CONFIG, KEY=VALUE   as in `mindaam train`
#   --out DIR           folder of the run (default: runs/NAME of CONFIG)
#   --resume            continue the run in DIR
#   --allow-changes, --skip-damaged   as in `mindaam train`
#   --tiny              run a smoke test
#   --jit-level O0|O1   how graphs are compiled: kernel by kernel (O0, the default on Ascend), or with fused operators
#   --deterministic     kernels and communication that repeat a result bit for bit, slower
#   --dry-run           print the command and exit
#
# DEVICE_TARGET=CPU runs it on a CPU; ASCEND_RT_VISIBLE_DEVICES=3 selects the device; PYTHON=... the interpreter.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --resume --allow-changes --skip-damaged --tiny --jit-level --deterministic" "$@"
prepare_training
run "$PYTHON" -m mindaam.cli.main "${TRAIN[@]}"
