#!/usr/bin/env bash
# Trains on several machines with msrun: run it on each of them, with its own --node-rank.
#
#   train_multi_node.sh CONFIG [KEY=VALUE...] --nodes N --node-rank R --master ADDRESS [--port PORT] [--workers N]
#                       [--out DIR] [--log-dir DIR] [--resume] [--tiny] [--jit-level O0|O1] [--deterministic]
#                       [--bind-core] [--cluster-timeout S] [--dry-run]
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
#   --jit-level O0|O1   how graphs are compiled: kernel by kernel (O0, the default on Ascend), or with fused operators
#   --deterministic     kernels and communication that repeat a result bit for bit, slower
#   --bind-core         each rank keeps to the cores near its device (msrun --bind_core)
#   --cluster-timeout S seconds that ranks wait for others to start (msrun's default: 600)
#   --dry-run           print the command and exit; without --node-rank, those of every machine: a rehearsal of the job
#                       on one machine
#
# Machines with several networks need HCCL_SOCKET_IFNAME (see CANN's documentation) to select the one that connects them.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_options "CONFIG --nodes --node-rank --master --port --workers --log-dir --resume --allow-changes --skip-damaged --tiny --jit-level --deterministic --bind-core --cluster-timeout" "$@"
if ((NODES < 2)); then fail "--nodes must be 2 or more; use train_8p.sh for one machine"; fi
if [[ -z "$MASTER" ]] || { ! $DRY_RUN && [[ -z "$NODE_RANK" ]]; }; then
    fail "the index of this machine and the address of machine 0 are missing; give --node-rank and --master"
fi
if [[ -n "$NODE_RANK" ]]; then
    require_number --node-rank "$NODE_RANK" 0
    if ((NODE_RANK >= NODES)); then fail "--node-rank must be below --nodes, $NODES"; fi
fi
prepare_training
for ((node = ${NODE_RANK:-0}; node <= ${NODE_RANK:-NODES - 1}; node++)); do
    launch --workers "$WORKERS" --nodes "$NODES" --node-rank "$node" --master "$MASTER" --port "$PORT" \
        --log-dir "$LOG_DIR" "${JOB[@]}" -- "${TRAIN[@]}"
done
