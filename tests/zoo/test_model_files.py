"""What names a model: names, files, runs' folders and what is in them; one sentence where there is none."""

from pathlib import Path

import pytest

from mindaam.errors import CheckpointError, ConfigError
from mindaam.training import checkpoints
from mindaam.zoo import index
from mindaam.zoo.model_files import checkpoint_file, checkpoint_of

NAME = "aam_dinov2_vits14"


@pytest.fixture
def run(tmp_path):
    """A run's folder with two checkpoints and no best one yet."""
    for step in (5, 10):
        checkpoints.save(tmp_path / "run", step, {}, {"corpus": "{}"})
    return tmp_path / "run"


def test_names_are_no_files():
    for name in (NAME, "aam_dinov2_vits15", "best"):
        assert checkpoint_of(name) is None
    assert checkpoint_file(NAME) == index.verified(NAME)
    with pytest.raises(ConfigError, match=f'did you mean "{NAME}"'):
        checkpoint_file("aam_dinov2_vits15")


def test_a_file_is_itself_and_one_that_is_not_there_is_left_to_the_reader(tmp_path):
    path = tmp_path / "a.safetensors"
    assert checkpoint_of(str(path)) == path == checkpoint_file(path)
    assert checkpoint_of("gone.safetensors") == Path("gone.safetensors")
    path.write_bytes(b"")
    assert checkpoint_of(path) == path == checkpoint_of(tmp_path / "a") == checkpoint_of(f"{tmp_path}/a")


def test_a_bundled_name_is_the_bundled_model_whatever_lies_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"")
    assert checkpoint_of(NAME) is None and checkpoint_of("mine") == Path("mine/model.safetensors")


def test_latest_is_what_the_pointer_names(run, monkeypatch):
    newest = run / "checkpoints" / "step-00000010.safetensors"
    assert checkpoint_of(str(run / "latest")) == newest
    monkeypatch.chdir(run)
    assert checkpoint_of("latest") == Path("checkpoints/step-00000010.safetensors")


def test_a_run_stands_for_its_best_model_or_else_its_latest_checkpoint(run):
    assert checkpoint_of(run) == run / "checkpoints" / "step-00000010.safetensors"
    (run / "last.safetensors").write_bytes(b"")
    assert checkpoint_of(run / "last") == run / "last.safetensors"
    assert checkpoint_of(run) == run / "checkpoints" / "step-00000010.safetensors"
    (run / "best.safetensors").write_bytes(b"")
    assert checkpoint_of(f"{run}/") == checkpoint_of(run / "best") == run / "best.safetensors"


def test_a_phased_run_stands_for_its_last_checkpoint_before_an_epoch_is_done(tmp_path):
    (tmp_path / "last.safetensors").write_bytes(b"")
    assert checkpoint_of(tmp_path) == tmp_path / "last.safetensors"


def test_where_latest_names_nothing_the_user_chooses(run):
    (run / "checkpoints" / "step-00000010.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"step-00000010.*is missing; give a checkpoint, such as .*step-00000005"):
        checkpoint_of(run / "latest")
    (run / "latest").write_text("what?")
    with pytest.raises(CheckpointError, match='pointer "latest" is damaged; give a checkpoint, such as '):
        checkpoint_of(run)
    (run / "latest").unlink()
    (run / "checkpoints" / "step-00000005.safetensors").unlink()
    with pytest.raises(CheckpointError, match='pointer "latest" is missing; the run has no checkpoint yet'):
        checkpoint_of(run / "latest")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=f"the folder {tmp_path} has no model: .*give such a folder"):
        checkpoint_of(tmp_path)
