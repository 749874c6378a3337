"""Every command on every path that leads to no file: one sentence, no traceback, no waiting, nothing left."""

import os

import pytest

from mindaam import runtime
from tests.cli.running import runner

COMMANDS = {
    "predict": ["predict", "{}", "-o", "out"],
    "predict to it": ["predict", "photo.jpg", "-o", "{}"],
    "predict with it": ["predict", "photo.jpg", "-o", "out", "--model", "{}"],
    "predict with sound": ["predict", "film.mp4", "-o", "out", "--audio", "{}"],
    "evaluate": ["evaluate", "--data", "{}"],
    "convert": ["convert", "{}", "out.safetensors", "--kind", "dinov2"],
    "convert with prompts": ["convert", "photo.jpg", "out.safetensors", "--kind", "aam", "--prompts", "{}"],
    "export": ["export", "{}", "-o", "out.mindir"],
    "train": ["train", "{}"],
    "train from it": ["train", "--from", "{}", "--dry-run"],
    "train in it": ["train", "aam_dinov2_vits14", "--data", ".", "-o", "{}"],
    "train on it": ["train", "corpus", "data_root={}"],
    "check": ["data", "check", "{}"],
    "pack": ["data", "pack", "{}", "out"],
    "import": ["data", "import", "{}", "table.csv", "-o", "out"],
    "import it": ["data", "import", ".", "{}", "-o", "out"],
    "zoo": ["zoo", "path", "{}"],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with strange files in it; gives their names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)
    for name, target in {"loop": "loop", "to": "fro", "fro": "to", "gone": "nowhere"}.items():
        os.symlink(target, name)
    os.mkfifo("pipe")
    for name in ("photo.jpg", "film.mp4", "table.csv"):
        (tmp_path / name).write_text("not what it is called")
    return ["loop", "to", "gone", "pipe", "x" * 300, "photo.jpg/x", os.fsdecode(b"caf\xe9"), "a\x1b[31m\nb"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_to_nothing_is_one_sentence(command, place, tmp_path, capsys):
    before, mindaam = sorted(os.listdir()), runner(capsys)
    for path in place:
        code, out, err = mindaam(*(word.replace("{}", path) for word in COMMANDS[command]))
        assert code in (1, 2) and "\x1b" not in out + err and "internal error" not in err, path
        assert err.startswith("mindaam: ") and err.count("\n") == 1, (path, err)
        err.encode("utf-8")
    assert sorted(os.listdir()) == before
