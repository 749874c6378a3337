"""Files from strangers: every one is refused in one sentence, quickly, without running anything or filling memory."""

import os
import subprocess
import tracemalloc

import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo.torch_files import read_torch
from tests.zoo.hostile import FILES, SENTINEL

MEMORY = 200 << 20  # bytes, of which the longest file that is read at once takes a part


@pytest.fixture(autouse=True)
def watched(monkeypatch, tmp_path):
    """Anything that would be run is told of, and would leave its mark in an empty folder."""
    ran = []
    for module, name in ((os, "system"), (os, "popen"), (subprocess, "Popen")):
        monkeypatch.setattr(module, name, lambda *arguments, **_: ran.append(arguments))
    monkeypatch.chdir(tmp_path)
    yield
    assert not ran and not (tmp_path / SENTINEL).exists()


@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_in_one_sentence(name, tmp_path):
    path = tmp_path / "weights.pth"
    FILES[name](path)
    tracemalloc.start()
    with pytest.raises(CheckpointError) as refusal:
        read_torch(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(refusal.value)
    assert message.startswith(str(path)) and message.count("\n") == 0 and len(message) < len(str(path)) + 350
    assert peak < MEMORY
    assert sorted(tmp_path.iterdir()) == [path]


def test_the_global_is_named(tmp_path):
    for name, wanted in (
        ("os.system", "os.system"),
        ("a stacked global", "os.system"),
        ("torch.hub", "torch.hub.load"),
    ):
        FILES[f"zip: {name}"](tmp_path / "weights.pth")
        with pytest.raises(CheckpointError, match=f"'{wanted}'"):
            read_torch(tmp_path / "weights.pth")


def test_missing_files_and_folders_are_told_apart(tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot read .*no\.pth: No such file"):
        read_torch(tmp_path / "no.pth")
    with pytest.raises(CheckpointError, match="is a folder"):
        read_torch(tmp_path)


def test_bytes_of_two_entries_are_what_is_complained_of(tmp_path):
    FILES["entries that share bytes"](tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="shares bytes with another"):
        read_torch(tmp_path / "weights.pth")
