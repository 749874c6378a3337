"""Tiny runs on pictures and films as processes of their own, on one rank or several, to be left alone or killed."""

import csv
import os
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import psutil

from mindaam.places import configs_dir
from mindaam.training import checkpoints
from tests.conftest import ROOT

TRAIN = ("train", str(configs_dir() / "train" / "corpus.yaml"), "--tiny")
LONGEST = 1800  # seconds that a job may take beside other work


def start(data, out, changes, ranks=1):
    """Starts, or continues, the run in the folder `out`, its output in `out`.log; returns the Popen of the job."""
    train = [*TRAIN, "--resume", "-o", str(out), f"data_root={data}", *changes]
    if ranks == 1:
        module = ["mindaam.cli.main"]
    else:
        module = ["mindaam.training.launch", "--workers", str(ranks), "--log-dir", f"{out}_logs", "--"]
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    with open(f"{out}.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *module, *train], cwd=out.parent, stdout=log, stderr=subprocess.STDOUT,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def finish(job, out):
    """Waits for a job. AssertionError, with what it wrote last, when it failed."""
    code = job.wait(LONGEST)
    assert code == 0, f"exit code {code}: {_said(out)}"


def kill(job):
    """SIGKILL to every process of a job at once, as when its machine dies."""
    everything = psutil.Process(job.pid).children(recursive=True)
    for process in everything:
        with suppress(psutil.NoSuchProcess):  # it ended in this moment
            process.kill()
    job.kill()
    job.wait()
    psutil.wait_procs(everything)


def kill_after(job, out, step):
    """Kills a job once its log has `step`. AssertionError when it ends, or takes too long, before."""
    until = time.monotonic() + LONGEST
    while not (losses(out) and losses(out)[-1][0] >= step):
        assert job.poll() is None and time.monotonic() < until, f"no step {step}: {_said(out)}"
        time.sleep(0.02)
    kill(job)


def losses(out):
    """[(step, set, loss, samples)] of a run's log, loss a text; [] before there is one."""
    path = out / "metrics.csv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["memory_mb"]]  # a line may be half written
    return [(int(row["step"]), row["set"], row["loss"], int(row["samples"])) for row in rows]


def tensors(out):
    """{name: array} of a run's last checkpoint."""
    return checkpoints.load(checkpoints.latest(out).path)[0]


def require_same(alone, other):
    """AssertionError unless two runs' logs and last checkpoints are equal to the bit."""
    assert losses(alone) == losses(other) != []
    first, second = tensors(alone), tensors(other)
    assert first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def _said(out):
    with open(f"{out}.log", errors="replace") as file:
        return file.read()[-3000:]
