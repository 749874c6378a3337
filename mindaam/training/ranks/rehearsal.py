"""What a start on one machine would run and write, rank by rank, as text: `launch --dry-run`. Nothing is started."""

import shlex

# What rank 0 writes to the folder of a run, and every rank beside it when its loss is not finite
WRITTEN = (
    "config.yaml, environment.json, data.json, metrics.csv, epochs.csv, events/, checkpoints/, latest, "
    "best.safetensors, report.html"
)


def lines(job):
    """Lines of text on a launch.Job: its msrun command, what the environment gains, and for the scheduler and each rank
    the variables that msrun sets, the command and the log."""
    shown = shlex.join(job.arguments()).replace("--master_port=0", "--master_port=FREE_PORT")
    command, ranks, total = shlex.join(job.command_line), job.ranks, job.workers * job.nodes
    found = [
        f"machine {job.node_rank} of {job.nodes}, ranks {ranks[0]} to {ranks[-1]} of {total}: {shown}",
        f"added to the environment: {_variables(job.additions())}",
        f"logs of this machine: {job.log_dir}/msrun.log and those of its processes:",
    ]
    if job.node_rank == 0:
        found.append(f"scheduler: env MS_ROLE=MS_SCHED RANK_ID=0 {command} > {job.log_dir}/scheduler.log")
    for device, rank in enumerate(ranks):
        own = {"MS_ROLE": "MS_WORKER", "MS_NODE_ID": rank, "RANK_ID": rank, "DEVICE_ID": device}
        found.append(f"rank {rank}: env {_variables(own)} {command} > {job.log(rank)}")
    out = _value_of("--out", job.command)
    if out is not None:
        writer = f"rank 0 writes to {out}: {WRITTEN}" if job.node_rank == 0 else f"rank 0 writes to {out}"
        found.append(f"{writer}; a rank R whose loss is not finite writes failed_batch_R.json there")
    return found


def _variables(values):
    return " ".join(f"{name}={shlex.quote(str(value))}" for name, value in values.items()) or "nothing"


def _value_of(option, words):
    """The word after an option; None without it."""
    words = list(words)
    return words[words.index(option) + 1] if option in words[:-1] else None
