"""Two ranks that share a batch train what one rank trains that has it all, sharded or not, and go on to the bit:
shown with msrun on a CPU."""

import csv
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mindaam.places import configs_dir
from mindaam.training import checkpoints
from tests.conftest import ROOT
from tests.training.corpus_root import make_corpus

TRAIN = ["train", str(configs_dir() / "train" / "corpus.yaml"), "--tiny"]
CHANGES = ["sampling.batch_size=4", "sampling.clips=2", "part=2", "model_changes.lora.dropout=0.1", "epochs=2"]
CHANGES += ["sampling.steps=3", "schedule={kind: constant, learning_rate: 0.001}", "clip_norm=2.0"]


def run(arguments, folder):
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=1500,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def losses(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return [(row["set"], float(row["loss"]), int(row["samples"])) for row in csv.DictReader(file)]


@pytest.mark.slow  # seven processes, each with graphs to compile
def test_two_ranks_are_one(tmp_path):
    changes = [f"data_root={make_corpus(tmp_path / 'data')}", *CHANGES]
    one, two, logs = (tmp_path / name for name in ("one", "two", "logs"))
    run(["mindaam.cli.main", *TRAIN, *changes, "-o", str(one)], tmp_path)
    launch = ["mindaam.training.launch", "--workers", "2", "--log-dir", str(logs), "--"]
    run([*launch, *TRAIN, *changes, "-o", str(two)], tmp_path)
    for (name, loss, samples), (other_name, other, others) in zip(losses(one), losses(two), strict=True):
        assert name == other_name and samples == others and other == pytest.approx(loss, rel=2e-4)
    weights, others = (checkpoints.load(checkpoints.latest(folder).path)[0] for folder in (one, two))
    assert weights.keys() == others.keys()
    moments = [name for name in weights if ".first_moment." in name or "first_moment" in name]
    largest = max(np.abs(weights[name]).max() for name in moments)
    assert largest > 0 and all(np.abs(weights[name] - others[name]).max() < 1e-3 * largest for name in moments)
    sharded = tmp_path / "sharded"
    run([*launch, *TRAIN, *changes, "shard_optimizer=true", "-o", str(sharded)], tmp_path)
    same = checkpoints.load(checkpoints.latest(sharded).path)[0]
    assert others.keys() == same.keys() and all(np.array_equal(others[name], same[name]) for name in others)
    # killed after the first epoch, two ranks go on as if nothing had happened
    resumed, whole = tmp_path / "resumed", losses(two)
    shutil.copytree(two, resumed)
    last = checkpoints.latest(resumed).path
    first = min((resumed / checkpoints.FOLDER).glob("step-*.safetensors"))
    assert first != last
    last.unlink()
    (resumed / checkpoints.POINTER).write_text(f"{first.name}\n")
    run([*launch, *TRAIN, *changes, "--resume", "-o", str(resumed)], tmp_path)
    same = checkpoints.load(checkpoints.latest(resumed).path)[0]
    assert losses(resumed) == whole and all(np.array_equal(others[name], same[name]) for name in others)
    assert (two / "report.html").is_file() and sorted(path.name for path in logs.glob("worker_*.log"))
