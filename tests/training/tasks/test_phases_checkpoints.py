"""Checkpoints of a run in phases: a round trip, a phase's end, and what is refused."""

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import load_file

from mindaam import runtime
from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import CheckpointError, TrainingError
from mindaam.training import checkpoint_content, checkpoints
from mindaam.training.checkpoint_content import State
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.reporting.progress import Progress
from mindaam.training.tasks.phases import open_task
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.task import Setup
from tests.training.small import ADAPTED, CONFIG, FROZEN, make_gaze, use_stand_ins

WITHIN = State(SamplerState(1, 2), number=6, done={"phase_0": 4, "phase_1": 2}, best=0.625)


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    return make_gaze(tmp_path_factory.mktemp("gaze"))


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    use_stand_ins(monkeypatch)
    runtime.configure(mode="graph", seed=0)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture
def made(gaze, tmp_path_factory):
    """made(seed, **changes): the task, with its parameters drawn anew."""
    place = tmp_path_factory.getbasetemp() / "run"  # one for all, so that features are computed once

    def make(seed, **changes):
        config = PhasesConfig(**{**CONFIG, "data_root": str(gaze), **changes})
        task, rng = open_task(config, Setup(place, ALONE, Progress(0, quiet=True))), np.random.default_rng(seed)
        for parameter in task.parameters():
            parameter.set_data(ms.Tensor(rng.standard_normal(parameter.shape).astype(np.float32)))
        return task

    return make


def moments(task):
    return [each for optimizer in task.optimizers.values() for each in (*optimizer.first, *optimizer.second)]


def entered(task, place, seed=2):
    """The task at a place, its optimizer state drawn."""
    task.enter(place)
    rng = np.random.default_rng(seed)
    for moment in moments(task):
        moment.set_data(ms.Tensor(rng.standard_normal(moment.shape).astype(np.float32)))
    return task


def values(task):
    return {name: each.asnumpy().copy() for name, each in checkpoint_content.trained_state(task).items()}


@pytest.fixture
def saved(made, tmp_path):
    """(path of a checkpoint within the second phase, its values)"""
    task = entered(made(0), WITHIN.place)
    checkpoint_content.save(tmp_path, task, WITHIN, ALONE)
    return checkpoints.latest(tmp_path).path, values(task)


def test_a_round_trip_restores_every_bit(made, saved):
    path, before = saved
    task = made(1)
    assert checkpoint_content.restore(path, task, path.parent.parent) == WITHIN
    after = values(task)
    assert before.keys() == after.keys() and len(before) == 3 * len(list(task.parameters()))
    assert all(np.array_equal(before[name], array) for name, array in after.items())


def test_at_a_phases_end_the_next_optimizer_is_fresh(made, tmp_path):
    ended = WITHIN._replace(place=SamplerState(1, 0), number=4, done={"phase_0": 4})
    task = entered(made(0), SamplerState(0, 3))
    assert any(each.asnumpy().any() for each in moments(task))
    task.enter(ended.place)
    assert not any(each.asnumpy().any() for each in moments(task))
    checkpoint_content.save(tmp_path, task, ended, ALONE)
    stored = load_file(checkpoints.latest(tmp_path).path)
    assert {name.split(".")[1] for name in stored if name.startswith("optimizer.")} == {"phase_1"}
    again = made(1)
    assert checkpoint_content.restore(checkpoints.latest(tmp_path).path, again, tmp_path) == ended
    assert list(again.optimizers) == ["phase_1"]


def test_a_finished_run_holds_no_optimizer_and_takes_further_phases(made, tmp_path):
    end = WITHIN._replace(place=SamplerState(2, 0), number=8, done={"phase_1": 4})
    task = made(0)
    task.enter(end.place)
    checkpoint_content.save(tmp_path, task, end, ALONE)
    path = checkpoints.latest(tmp_path).path
    assert not any(name.startswith("optimizer.") for name in load_file(path))
    longer = made(1, phases=[FROZEN, ADAPTED, {**FROZEN, "name": "again"}])
    assert checkpoint_content.restore(path, longer, tmp_path) == end
    assert list(longer.optimizers) == ["phase_2"]
    with pytest.raises(CheckpointError, match="phases: "):
        checkpoint_content.restore(path, made(1, phases=[ADAPTED, FROZEN]), tmp_path)


def test_another_configuration_is_refused_by_its_keys(made, saved):
    path, _ = saved
    with pytest.raises(CheckpointError, match=r"another configuration \(optimizer.weight_decay: 0.005 -> 0.0\)"):
        checkpoint_content.restore(path, made(1, optimizer={"weight_decay": 0.0}), path.parent.parent)
    assert checkpoint_content.restore(path, made(1, checkpoint_every=99), path.parent.parent) == WITHIN


def test_other_data_are_refused(made, saved):
    path, _ = saved
    with pytest.raises(CheckpointError, match="was trained on other data"):
        checkpoint_content.restore(path, made(1, images=3), path.parent.parent, allow_changes=True)


def test_a_value_that_is_not_finite_is_never_saved(made, saved):
    path, _ = saved
    task = entered(made(1), WITHIN.place)
    broken = next(iter(task.optimizers.values())).second[3]
    broken.set_data(ms.Tensor(np.full(broken.shape, np.inf, np.float32)))
    with pytest.raises(TrainingError, match=f"optimizer.phase_1.{broken.name} is no longer finite after step 7"):
        checkpoint_content.save(path.parent.parent, task, WITHIN._replace(number=7), ALONE)
    assert checkpoints.latest(path.parent.parent).path == path
