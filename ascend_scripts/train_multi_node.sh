#!/usr/bin/env bash
# Trains on several machines with msrun: run it on each of them, with its own --node-rank.
#
#   train_multi_node.sh CONFIG [KEY=VALUE...] --nodes N --node-rank R --master ADDRESS [--port PORT] [--workers N]
#                       [--out DIR] [--log-dir DIR] [--resume] [--tiny] [--dry-run]
#
#   CONFIG, KEY=VALUE   as `mindaam train` takes them, the same on every machine
#   --nodes N           machines
#   --node-rank R       which of them this is, from 0
#   --master ADDRESS    of machine 0, by which all of them reach it
#   --port PORT         of machine 0, free there and open to the others (8118)
#   --workers N         ranks on each machine (8; with DEVICE_TARGET=CPU 2)
#   --out DIR           the run's folder, on storage that all machines share (runs/NAME of CONFIG)
#   --log-dir DIR       gets a folder a machine and start, node_R/start_001/worker_RANK.log (the run's folder, logs/)
#   --resume            goes on where the run in DIR stopped
#   --allow-changes, --skip-damaged   as `mindaam train` has them
#   --tiny              a smoke run
#   --dry-run           prints the command and leaves
#
# Machines with several networks need HCCL_SOCKET_IFNAME (see CANN's documentation) to name the one between them.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --nodes --node-rank --master --port --workers --log-dir --resume --allow-changes --skip-damaged --tiny" "$@"
if ((NODES < 2)); then fail "--nodes must be 2 or more; one machine is what train_8p.sh is for"; fi
if [[ -z "$NODE_RANK" || -z "$MASTER" ]]; then fail "say which machine this is, and where the first one is: --node-rank and --master"; fi
require_number --node-rank "$NODE_RANK" 0
if ((NODE_RANK >= NODES)); then fail "--node-rank must be below --nodes, $NODES"; fi
prepare_training
launch --workers "$WORKERS" --nodes "$NODES" --node-rank "$NODE_RANK" --master "$MASTER" --port "$PORT" \
    --log-dir "$LOG_DIR" -- "${TRAIN[@]}"
