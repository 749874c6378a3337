"""A run in phases that begins with the weights of another run, and one that keeps averages of its weights."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mindaam import runtime
from mindaam.errors import CheckpointError
from mindaam.training import checkpoints, run
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.reporting.progress import Progress
from mindaam.training.tasks.phases import open_task
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.task import Setup
from tests.training.small import ADAPTED, MODEL, make_gaze, use_stand_ins, write_config


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    return make_gaze(tmp_path_factory.mktemp("gaze"))


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    use_stand_ins(monkeypatch)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture(scope="module")
def first(gaze, tmp_path_factory):
    """The folder of a run whose adapters are trained, with averages; tests must not write there."""
    place = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patches:
        use_stand_ins(patches)
        config = write_config(place, phases=[ADAPTED], ema={"decay": 0.5})
        return run.train(config, [f"data_root={gaze}"], out=place / "run").folder


def opened(gaze, place, **changes):
    """The task of a configuration with changes, its folder `place`."""
    config = PhasesConfig.load(write_config(place, **changes), [f"data_root={gaze}"])
    return open_task(config, Setup(place / "run", ALONE, Progress(0, quiet=True)))


def test_it_has_the_weights_of_the_start_and_features_without_its_adapters(first, gaze, tmp_path):
    task = opened(gaze, tmp_path, start=str(first))
    task.close()
    kept = load_file(first / "best.safetensors")
    ours = {parameter.name: parameter.asnumpy() for parameter in task.model.trained_parameters()}
    assert ours.keys() == kept.keys() and all(np.array_equal(ours[name], kept[name]) for name in kept)
    assert any(value.any() for name, value in ours.items() if name.endswith("lora_b"))
    names = sorted(path.name for path in (first / "features").glob("*.npy"))
    assert names and all(
        np.array_equal(np.load(first / "features" / name), np.load(tmp_path / "run" / "features" / name))
        for name in names
    )
    assert task.taps == [2, 2]  # the blocks behind have adapters already in the phase that leaves them as they are


def test_what_the_start_lacks_has_its_initial_values(first, gaze, tmp_path):
    task = opened(gaze, tmp_path, start=str(first), model_changes={**MODEL, "lora": {"rank": 2, "last_n_blocks": 3}})
    task.close()
    kept = load_file(first / "best.safetensors")
    added = {p.name: p.asnumpy() for p in task.model.trained_parameters() if p.name not in kept}
    assert sorted(name.split(".")[2] for name in added) == ["1"] * 4  # the block before
    assert not any(value.any() for name, value in added.items() if name.endswith("lora_b"))


def test_the_average_is_scored_and_saved(first):
    trained = load_file(checkpoints.latest(first).path)
    saved = load_file(first / "best.safetensors")
    moved = [name for name in saved if not np.array_equal(saved[name], trained[name])]
    assert moved and all(np.array_equal(saved[name], trained[f"ema.{name}"]) for name in moved)


def test_a_start_that_does_not_fit_is_refused_before_features_are_computed(first, gaze, tmp_path):
    changes = {**MODEL, "lora": {"rank": 3, "last_n_blocks": 2}}
    with pytest.raises(CheckpointError, match="of the wrong kind"):
        opened(gaze, tmp_path, start=str(first), model_changes=changes)
    assert not (tmp_path / "run").exists()


def test_a_start_without_weights_is_refused(gaze, tmp_path):
    save_file({"head.temporal.only": np.zeros(1, np.float32)}, tmp_path / "empty.safetensors")
    with pytest.raises(CheckpointError, match="holds no head and no adapters"):
        opened(gaze, tmp_path, start=str(tmp_path / "empty.safetensors"))


def test_a_start_that_does_not_exist_is_refused(gaze, tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        PhasesConfig.load(write_config(tmp_path, start=str(tmp_path / "nowhere")), [f"data_root={gaze}"])


def test_a_tiny_run_starts_from_nothing(first, gaze, tmp_path):
    said = []
    path = write_config(tmp_path, start=str(first))
    config = PhasesConfig.load(path, [f"data_root={gaze}"], tiny=True, say=said.append)
    assert config.start is None and "the weights of `start` are not loaded" in said[0]
