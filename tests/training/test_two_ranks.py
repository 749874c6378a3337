"""Two ranks that share a batch and the optimizer state train what one rank trains that has it all, and one rank can go
on from what two began: shown with msrun on a CPU. test_survive.py shows that two ranks train the same bits with a
shared optimizer state and without."""

import json
import shutil

import numpy as np
import pytest

from mindaam.training import checkpoints
from tests.training.corpus_root import make_corpus
from tests.training.jobs import finish, losses, start, tensors

CHANGES = ("sampling.batch_size=4", "sampling.clips=2", "part=2", "model_changes.lora.dropout=0.1", "epochs=2",
           "sampling.steps=3", "schedule={kind: constant, learning_rate: 0.001}", "clip_norm=2.0")  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """The folders of the run on one rank and of that on two, which share the optimizer state."""
    place = tmp_path_factory.mktemp("runs")
    one, two = place / "one", place / "two"
    finish(start(data, one, CHANGES), one)
    finish(start(data, two, [*CHANGES, "shard_optimizer=true"], ranks=2), two)
    return one, two


def require_about_same(one, other):
    """Ranks and parts are summed in another order: losses and moments are the same but for round-off."""
    for (*place, loss, samples), (*others, theirs, count) in zip(losses(one), losses(other), strict=True):
        assert place == others and samples == count and float(theirs) == pytest.approx(float(loss), rel=2e-4)
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    moments = [name for name in first if "first_moment" in name]
    largest = max(np.abs(first[name]).max() for name in moments)
    assert largest > 0 and all(np.abs(first[name] - second[name]).max() < 1e-3 * largest for name in moments)


@pytest.mark.slow  # three processes, each with graphs to compile
def test_two_ranks_are_one(runs):
    one, two = runs
    require_about_same(one, two)
    assert (two / "report.html").is_file()
    assert sorted(path.name for path in two.with_name("two_logs").glob("start_001/worker_*.log"))


@pytest.mark.slow
def test_one_rank_goes_on_from_what_two_began(runs, data):
    one, two = runs
    resumed = two.with_name("resumed")
    shutil.copytree(two, resumed)
    last, first = checkpoints.latest(resumed).path, min((resumed / checkpoints.FOLDER).glob("step-*.safetensors"))
    assert first != last
    last.unlink()
    (resumed / checkpoints.POINTER).write_text(f"{first.name}\n")
    finish(start(data, resumed, CHANGES), resumed)
    require_about_same(one, resumed)
    assert losses(resumed)[:3] == losses(two)[:3]
    assert json.loads((resumed / "environment.json").read_text())["ranks"] == 1
