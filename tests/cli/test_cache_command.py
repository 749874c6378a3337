"""`mindaam cache`: lists what is stored, and removes only what is computed again."""

import os

import pytest

from mindaam.cli.main import run
from mindaam.graphs import user_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_graphs_and_timelines_are_listed_and_cleared_and_weights_stay(place, capsys):
    user_folder().write("key", bytes(1_999_968))
    for name, size in (("timelines/a.json", 10), ("encoders/mine.safetensors", 3_000_000), ("pins.json", 5)):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(bytes(size))
    (place / "graphs/gone.graph").symlink_to(place / "nowhere")
    assert run(["cache", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"cache: {place}" and lines[2:] == ["timelines: 1 file, 0.0 MB", "others: 2 files, 3.0 MB"]
    assert lines[1] == "graphs: 2 files, 2.0 MB"
    assert run(["cache", "clear"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "graphs: 2 files, 2.0 MB removed"
    left = sorted(
        path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file() or path.is_symlink()
    )
    assert left == ["encoders/mine.safetensors", "pins.json"]


def test_a_cache_that_does_not_exist_is_empty(place, capsys):
    assert run(["cache", "clear"]) == 0 and run(["cache", "list"]) == 0
    assert "graphs: 0 files, 0.0 MB\n" in capsys.readouterr().out and not place.exists()


def test_a_file_that_cannot_be_removed_is_an_error_in_a_sentence(place, capsys, monkeypatch):
    user_folder().write("key", b"graph")
    refuse = PermissionError(1, "Operation not permitted")
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(refuse))
    assert run(["cache", "clear"]) == 2
    assert f"cannot remove {place / 'graphs'}{os.sep}key.graph: Operation not permitted" in capsys.readouterr().err
