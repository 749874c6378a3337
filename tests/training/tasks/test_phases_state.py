"""Checkpoints of a run: a round trip, and what is refused."""

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mindaam.errors import CheckpointError, OutputError, TrainingError
from mindaam.training.tasks.phases_config import TrainConfig
from mindaam.training.tasks.phases_state import Place, read_place, restore, save_last
from mindaam.training.tasks.phases_step import TrainStep
from mindaam.zoo.checkpoints import read_metadata
from mindaam.zoo.weights import save_trained
from tests.training.small import CONFIG, MODEL, NAME, build_small

TRAINING = TrainConfig(**CONFIG)
ADAPTED = TRAINING.phases[1]
PLACE = Place(phase=1, epoch=2, step=3, phase_step=4, total_step=5, best=0.625)


def made(seed):
    """A model and its step, every trained value and moment drawn anew."""
    model = build_small(NAME, changes=MODEL)
    step, rng = TrainStep(model, 2, ADAPTED, TRAINING), np.random.default_rng(seed)
    for parameter in trained(model, step):
        parameter.set_data(ms.Tensor(rng.standard_normal(parameter.shape).astype(np.float32)))
    return model, step


def trained(model, step):
    return [*model.trained_parameters(), *step.optimizer.first, *step.optimizer.second]


def values(model, step):
    return {parameter.name: parameter.asnumpy().copy() for parameter in trained(model, step)}


@pytest.fixture
def saved(tmp_path):
    """(path of a checkpoint, what it was made from)"""
    model, step = made(0)
    save_last(tmp_path / "last.safetensors", model, step.optimizer, PLACE, TRAINING)
    return tmp_path / "last.safetensors", values(model, step)


def test_a_round_trip_restores_every_bit(saved):
    path, before = saved
    model, step = made(1)
    assert not all(np.array_equal(before[name], array) for name, array in values(model, step).items())
    restore(path, model, step.optimizer)
    after = values(model, step)
    assert len(before) == 3 * len(list(model.trained_parameters()))
    assert all(np.array_equal(before[name], array) for name, array in after.items())
    assert read_place(path, TRAINING) == PLACE
    assert [each.name for each in path.parent.iterdir()] == ["last.safetensors"]


def test_without_an_optimizer_the_parameters_alone_are_kept_and_restored(saved, tmp_path):
    path, before = saved
    model, step = made(1)
    moments = {name: array for name, array in values(model, step).items() if "moment" in name}
    restore(path, model)
    after = values(model, step)
    assert all(np.array_equal(after[name], array) for name, array in moments.items())
    assert all(np.array_equal(after[name], before[name]) for name in after if "moment" not in name)
    save_last(tmp_path / "short.safetensors", model, None, PLACE, TRAINING)
    assert not any("moment" in name for name in load_file(tmp_path / "short.safetensors"))
    with pytest.raises(CheckpointError, match="short.safetensors lacks optimizer.first_moment"):
        restore(tmp_path / "short.safetensors", model, step.optimizer)


def test_a_checkpoint_that_does_not_fit_changes_nothing(saved):
    path, _ = saved
    stored = load_file(path)
    name = sorted(name for name in stored if not name.startswith("optimizer."))[-1]
    for damaged in ({k: v for k, v in stored.items() if k != name}, {**stored, name: np.zeros(77, np.float32)}):
        save_file(damaged, path)
        model, step = made(1)
        before = values(model, step)
        with pytest.raises(CheckpointError, match=f"lacks {name}"):
            restore(path, model, step.optimizer)
        assert all(np.array_equal(before[each], array) for each, array in values(model, step).items())


def test_another_configuration_is_refused_by_name(saved):
    path, _ = saved
    other = TrainConfig(**{**CONFIG, "batch_size": 3, "optimizer": {"weight_decay": 0.0}})
    with pytest.raises(CheckpointError, match=r"another configuration \(batch_size, optimizer differ\)"):
        read_place(path, other)
    moved = TrainConfig(**{**CONFIG, "data_root": "elsewhere", "checkpoint_every": 99})
    assert read_place(path, moved) == PLACE


def test_phases_may_be_added_at_the_end_only(saved):
    path, _ = saved
    phases = CONFIG["phases"]
    assert read_place(path, TrainConfig(**{**CONFIG, "phases": [*phases, phases[0]]})) == PLACE
    for changed in ([phases[0]], [phases[1], *phases]):
        with pytest.raises(CheckpointError, match=r"\(phases differ\)"):
            read_place(path, TrainConfig(**{**CONFIG, "phases": changed}))


def test_a_configuration_of_another_version_is_refused(saved):
    path, _ = saved
    save_file(load_file(path), path, {**read_metadata(path), "config": '{"model": 3}'})
    with pytest.raises(CheckpointError, match="configuration of another version"):
        read_place(path, TRAINING)


def test_a_model_alone_is_no_run(tmp_path):
    model, _ = made(0)
    save_trained(model, tmp_path / "best.safetensors")
    with pytest.raises(CheckpointError, match="holds a model but no run to continue; give a run's last.safetensors"):
        read_place(tmp_path / "best.safetensors", TRAINING)


def test_a_value_that_is_not_finite_is_never_saved(saved):
    path, _ = saved
    whole = path.read_bytes()
    model, step = made(1)
    broken = step.optimizer.second[3]
    broken.set_data(ms.Tensor(np.full(broken.shape, np.inf, np.float32)))
    with pytest.raises(TrainingError, match=f"optimizer.{broken.name} is no longer finite after step 5"):
        save_last(path, model, step.optimizer, PLACE, TRAINING)
    assert path.read_bytes() == whole


def test_an_unwritable_place_is_an_output_error(tmp_path):
    model, step = made(0)
    with pytest.raises(OutputError):
        save_last(tmp_path / "absent" / "last.safetensors", model, step.optimizer, PLACE, TRAINING)


def test_the_place_moves_step_by_step_and_epoch_by_epoch():
    place = Place(phase=0, epoch=0, step=3, phase_step=3, total_step=3, best=0.5).after_step()
    assert place == Place(0, 0, 4, 4, 4, 0.5)
    assert place.after_epoch(2) == Place(0, 1, 0, 4, 4, 0.5)
    assert place.after_epoch(2).after_epoch(2) == Place(1, 0, 0, 0, 4, 0.5)
