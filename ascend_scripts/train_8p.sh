#!/usr/bin/env bash
# Trains on the eight devices of one machine, or on as many as --workers says, with msrun.
#
#   train_8p.sh CONFIG [KEY=VALUE...] [--workers N] [--out DIR] [--log-dir DIR] [--resume] [--tiny] [--dry-run]
#
#   CONFIG, KEY=VALUE   as `mindaam train` takes them
#   --workers N         ranks (8; with DEVICE_TARGET=CPU 2)
#   --out DIR           the run's folder (runs/NAME of CONFIG)
#   --log-dir DIR       gets a folder a start, start_001/worker_RANK.log (the run's folder, logs/)
#   --resume            goes on where the run in DIR stopped
#   --allow-changes, --skip-damaged   as `mindaam train` has them
#   --tiny              a smoke run
#   --dry-run           prints the command and leaves
#
# A recipe whose batches cannot be shared by so many ranks is refused: aam_dinov3_vitl16_released.yaml is for one rank,
# as the released code is (train_1p.sh).
#
# When a rank dies, the job ends within a minute and the last lines of its log are shown. SIGTERM and Ctrl-C let the
# ranks save and leave. DEVICE_TARGET=CPU runs it on a CPU; PYTHON=... picks the interpreter.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --workers --log-dir --resume --allow-changes --skip-damaged --tiny" "$@"
prepare_training
launch --workers "$WORKERS" --log-dir "$LOG_DIR" -- "${TRAIN[@]}"
