#!/usr/bin/env bash
# Trains on the eight devices of one machine, or on the number given by --workers, with msrun.
#
#   train_8p.sh CONFIG [KEY=VALUE...] [--workers N] [--out DIR] [--log-dir DIR] [--resume] [--tiny]
#               [--jit-level O0|O1] [--deterministic] [--bind-core] [--cluster-timeout S] [--dry-run]
#
#   CONFIG, KEY=VALUE   as in `mindaam train`
#   --workers N         ranks (8; with DEVICE_TARGET=CPU 2)
#   --out DIR           folder of the run (default: runs/NAME of CONFIG)
#   --log-dir DIR       one folder per start, start_001/worker_RANK.log (default: logs/ in the folder of the run)
#   --resume            continue the run in DIR
#   --allow-changes, --skip-damaged   as in `mindaam train`
#   --tiny              run a smoke test
#   --jit-level O0|O1   how graphs are compiled: kernel by kernel (O0, the default on Ascend), or with fused operators
#   --deterministic     kernels and communication that repeat a result bit for bit, slower
#   --bind-core         each rank keeps to the cores near its device (msrun --bind_core)
#   --cluster-timeout S seconds that ranks wait for others to start (msrun's default: 600)
#   --dry-run           print the command and exit
#
# A recipe whose batches cannot be divided by the number of ranks is refused: aam_dinov3_vitl16_released.yaml is for one
# rank, like the released code (train_1p.sh).
#
# If a rank dies, the job ends within a minute and the last lines of its log are printed. On SIGTERM and Ctrl-C the ranks
# save a checkpoint and exit. DEVICE_TARGET=CPU runs it on a CPU; PYTHON=... selects the interpreter.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --workers --log-dir --resume --allow-changes --skip-damaged --tiny --jit-level --deterministic --bind-core --cluster-timeout" "$@"
prepare_training
launch --workers "$WORKERS" --log-dir "$LOG_DIR" "${JOB[@]}" -- "${TRAIN[@]}"
