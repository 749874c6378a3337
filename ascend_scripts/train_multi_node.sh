#!/usr/bin/env bash
# Trains on several machines with msrun: run it on each of them, with its own --node-rank.
#
#   train_multi_node.sh CONFIG [KEY=VALUE...] --nodes N --node-rank R --master ADDRESS [--port PORT] [--workers N]
#                       [--out DIR] [--log-dir DIR] [--resume] [--tiny] [--dry-run]
#
#   CONFIG, KEY=VALUE   as in `mindaam train`, the same on every machine
#   --nodes N           number of machines
#   --node-rank R       index of this machine, from 0
#   --master ADDRESS    address of machine 0, reachable from all machines
#   --port PORT         port on machine 0, free and reachable from the others (8118)
#   --workers N         ranks on each machine (8; with DEVICE_TARGET=CPU 2)
#   --out DIR           folder of the run, on storage shared by all machines (default: runs/NAME of CONFIG)
#   --log-dir DIR       one folder per machine and start, node_R/start_001/worker_RANK.log
#                       (default: logs/ in the folder of the run)
#   --resume            continue the run in DIR
#   --allow-changes, --skip-damaged   as in `mindaam train`
#   --tiny              run a smoke test
#   --dry-run           print the command and exit
#
# Machines with several networks need HCCL_SOCKET_IFNAME (see CANN's documentation) to select the one that connects them.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --nodes --node-rank --master --port --workers --log-dir --resume --allow-changes --skip-damaged --tiny" "$@"
if ((NODES < 2)); then fail "--nodes must be 2 or more; use train_8p.sh for one machine"; fi
if [[ -z "$NODE_RANK" || -z "$MASTER" ]]; then fail "the index of this machine and the address of machine 0 are missing; give --node-rank and --master"; fi
require_number --node-rank "$NODE_RANK" 0
if ((NODE_RANK >= NODES)); then fail "--node-rank must be below --nodes, $NODES"; fi
prepare_training
launch --workers "$WORKERS" --nodes "$NODES" --node-rank "$NODE_RANK" --master "$MASTER" --port "$PORT" \
    --log-dir "$LOG_DIR" -- "${TRAIN[@]}"
