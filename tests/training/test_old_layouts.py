"""Runs in the folders of earlier versions: their state is restored, their logs continue."""

import csv
import json

import numpy as np
import pytest

from mindaam.errors import CheckpointError, ConfigError
from mindaam.training import checkpoint_content
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.reporting.progress import Progress
from mindaam.training.run_folder import Logs, to_resume
from mindaam.training.tasks.sounding_object import SoundingObjectTask, build
from mindaam.training.tasks.task import Setup
from tests.training.old_runs import write_old_run
from tests.training.sounding import config as sounding_config
from tests.training.tasks.test_synthetic_videos import small_task

OLD_NAMES = {
    "videos": "films", "change_weight": "calm", "images": "photographs", "size": "picture", "with_audio": "with_sound",
    "audio_width": "sound_width",
}  # fmt: skip


def old_config(config):
    """The configuration of a checkpoint of before, its keys by their earlier names."""

    def renamed(data):
        if not isinstance(data, dict):
            return data
        return {OLD_NAMES.get(key, key): renamed(value) for key, value in data.items()}

    data = renamed(config.model_dump(mode="json"))
    return {key: value for key, value in data.items() if key not in ("keep_last", "keep_best")}


def sounding_task():
    settings = sounding_config()
    return SoundingObjectTask(settings, build(settings), None, None)


@pytest.mark.parametrize("make", [small_task, sounding_task])
def test_an_old_run_is_resumed(tmp_path, make):
    task = make()
    optimizer = next(iter(task.optimizers))
    for parameter in task.parameters():
        parameter.set_data(parameter + 0.5)
    moved = task.optimizers[optimizer].parameters
    model = task.model if hasattr(task.model, "config") else None
    state = write_old_run(tmp_path, task.parameters(), moved, old_config(task.config), {"step": 2}, model)
    with pytest.raises(ConfigError, match="contains a run"):
        to_resume(tmp_path, False)
    found, again = to_resume(tmp_path, True), make()
    restored = checkpoint_content.restore(found.path, again, tmp_path)
    assert restored.number == 2 and restored.place == (0, 2) and restored.done == {optimizer: 2}
    for one, other in zip(task.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())
    for each in (*again.optimizers[optimizer].first, *again.optimizers[optimizer].second):
        np.testing.assert_array_equal(each.asnumpy(), state[each.name])
    Logs(again, restored.number, Setup(tmp_path, ALONE, Progress(0, quiet=True))).close()
    with open(tmp_path / "metrics.csv", newline="") as file:
        assert [(row["step"], row["loss"]) for row in csv.DictReader(file)] == [("1", "0.2"), ("2", "0.2")]
    assert to_resume(tmp_path, True).path == found.path and (tmp_path / "last.safetensors").exists()


def test_a_finished_old_run_has_nothing_left(tmp_path):
    task = sounding_task()
    config, steps = old_config(task.config), task.config.steps
    write_old_run(tmp_path, task.parameters(), task.parameters(), config, {"step": steps})
    restored = checkpoint_content.restore(to_resume(tmp_path, True).path, task, tmp_path)
    assert restored.place == (1, 0) and not list(task.parts(restored.place))


def test_an_old_run_of_another_configuration_is_refused(tmp_path):
    task = sounding_task()
    config = old_config(task.config) | {"silent": 2}
    write_old_run(tmp_path, task.parameters(), task.parameters(), config, {"step": 2})
    with pytest.raises(CheckpointError, match="silent"):
        checkpoint_content.restore(to_resume(tmp_path, True).path, task, tmp_path)


@pytest.mark.parametrize("place", [{}, {"step": "x"}, {"step": None}])
def test_a_damaged_place_is_refused_in_one_sentence(tmp_path, place):
    task = sounding_task()
    write_old_run(tmp_path, task.parameters(), [], old_config(task.config), {"step": 2})
    path = tmp_path / "last.safetensors"
    from mindaam.zoo.checkpoints import read_all, write_safetensors

    tensors, metadata = read_all(path)
    write_safetensors(path, tensors, {**metadata, "place": json.dumps(place)})
    with pytest.raises(CheckpointError, match="another version"):
        to_resume(tmp_path, True)
    assert not (tmp_path / "latest").exists()
