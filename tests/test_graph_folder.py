"""The folder of stored graphs: whole or missing, bounded, and harmless where nothing can be written."""

import os
import time

import pytest

from mindaam import files
from mindaam.graph_folder import GraphFolder


def test_a_graph_is_read_as_it_was_written(tmp_path):
    folder = GraphFolder(tmp_path / "new/graphs")
    assert folder.read("a") is None and folder.files() == []
    folder.write("a", b"graph")
    folder.write("b", b"")
    assert folder.read("a") == b"graph" and folder.read("b") == b"" and folder.read("c") is None


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-1], lambda text: text[:20], lambda text: b"", lambda text: text + b"x"]
)
def test_a_damaged_graph_counts_as_missing(damage, tmp_path):
    folder = GraphFolder(tmp_path)
    folder.write("a", b"graph")
    [(_, _, path)] = folder.files()
    path.write_bytes(damage(path.read_bytes()))
    assert folder.read("a") is None
    folder.write("a", b"graph")
    assert folder.read("a") == b"graph"


def test_the_longest_unused_graphs_go_first(tmp_path):
    folder = GraphFolder(tmp_path, most=4 * 132)
    for age, key in enumerate("dcba"):
        folder.write(key, bytes(100))
        os.utime(folder._file(key), (time.time() - 100 + age,) * 2)
    assert folder.read("d") == bytes(100)  # its last use is now
    folder.write("e", bytes(100))
    assert [path.stem for _, _, path in folder.files()] == ["b", "a", "d", "e"]
    folder.write("f", bytes(10_000))  # more than fits
    assert folder.files() == []


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    folder = GraphFolder(tmp_path / "file" / "graphs")
    folder.write("a", b"graph")
    assert folder.read("a") is None and folder.files() == []
    whole = GraphFolder(tmp_path / "graphs")
    whole.write("a", b"graph")
    monkeypatch.setattr(files.os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left")))
    whole.write("a", b"other")
    whole.write("b", b"other")
    assert whole.read("a") == b"graph" and whole.read("b") is None
    assert len(list((tmp_path / "graphs").iterdir())) == 1
