import errno
import hashlib
import os

import pytest

from mindaam import files
from mindaam.data import media
from mindaam.errors import InputError, OutputError


def strange(folder):
    """{what: path} of everything but a file that may lie where a file is expected."""
    (folder / "folder").mkdir()
    (folder / "there").write_text("x")
    for name, target in {"itself": "itself", "a": "b", "b": "a", "dangling": "nowhere", "dot": "."}.items():
        os.symlink(target, folder / name)
    os.mkfifo(folder / "pipe")
    return {
        "folder": folder / "folder",
        "circle": folder / "itself",
        "circle of two": folder / "a",
        "nowhere": folder / "dangling",
        "pipe": folder / "pipe",
        "device": "/dev/null",
        "too long": folder / ("x" * 300),
        "through a file": folder / "there" / "x",
        "NUL": f"{folder}/a\0b",
        "surrogate": f"{folder}/a\ud800b",
        "missing": folder / "missing",
    }


def test_no_path_makes_it_raise_or_wait(tmp_path):
    for what, path in strange(tmp_path).items():
        files.real(path)
        assert not files.same(path, tmp_path / "there") and not files.lies_in(path, tmp_path / "folder" / "deep")
        assert what in ("missing", "through a file") or files.fault_of(path), what
        with pytest.raises(OSError) as caught:
            files.opened(path)
        assert caught.value.strerror, what
        named = {"NUL": "NUL", "surrogate": "half of a character"}.get(what, "")
        assert named in caught.value.strerror, what
        with pytest.raises(InputError) as refused:
            media.require_file(path)
        assert what == "too long" or str(path) in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1


def test_links_are_followed_as_far_as_they_lead(tmp_path):
    strange(tmp_path)
    deep = tmp_path / "dot" / "dot" / "there"
    assert files.real(deep) == files.real(tmp_path / "there") and files.same(deep, tmp_path / "there")
    assert files.lies_in(deep, tmp_path) and not files.lies_in(tmp_path, tmp_path / "folder")
    assert files.fault_of(deep) is None and files.fault_of(tmp_path / "missing") is None
    assert files.fault_of(tmp_path / "itself") == "is a link that leads in a circle"
    assert files.fault_of(tmp_path / "dangling") == "is a broken link"
    assert files.read_small(deep, 1) == b"x"


def test_a_file_with_more_than_was_asked_for_is_not_read(tmp_path):
    (tmp_path / "large").write_bytes(bytes(11))
    assert files.read_small(tmp_path / "large", 11) == bytes(11)
    with pytest.raises(OSError, match="more than"):
        files.read_small(tmp_path / "large", 10)


def test_prepare_folder_makes_parents_and_leaves_nothing_inside(tmp_path):
    folder = files.prepare_folder(tmp_path / "a" / "b")
    assert folder.is_dir() and list(folder.iterdir()) == []


def test_a_folder_below_a_file_cannot_be_prepared(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to the folder"):
        files.prepare_folder(tmp_path / "file" / "out")


def test_files_that_killed_processes_left_are_removed_a_day_later(tmp_path):
    old, young = files.beside_name(tmp_path / "a.mp4"), files.beside_name(tmp_path / "b.mp4")
    others = [tmp_path / ".hidden.tmp"]
    for path in (old, young, *others):
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    os.utime(young)
    folder = files.beside_name(tmp_path / "import")
    (folder / "stimuli").mkdir(parents=True)
    os.utime(folder, (0, 0))
    files.prepare_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, *others])
    with pytest.raises(InputError, match="has no"):  # none of them is taken for an input
        media.list_files(tmp_path, (".tmp", ".mp4"), "films")
    files.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == others


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "first\r\n")
    with pytest.raises(KeyError), files.replacing(path) as stream:
        stream.write(b"half")
        stream.flush()
        assert path.read_bytes() == b"first\r\n"
        raise KeyError
    assert path.read_bytes() == b"first\r\n" and list(tmp_path.iterdir()) == [path]
    files.write_text(path, "caf\xe9 \udc80")
    assert path.read_bytes() == "caf\xe9 ?".encode() and list(tmp_path.iterdir()) == [path]


def test_a_durable_file_is_on_the_disk_before_its_name_and_its_name_after(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: order.append(os.path.realpath(f"/dev/fd/{handle}")) or fsync(handle)
    )
    monkeypatch.setattr(os, "replace", lambda *paths: order.append("replace") or replace(*paths))
    files.write_text(tmp_path / "a", "x", durable=True)
    content, renamed, folder = order
    assert content.startswith(f"{tmp_path}/.mindaam-") and (renamed, folder) == ("replace", str(tmp_path))
    files.write_text(tmp_path / "b", "x")
    assert order[3:] == ["replace"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, call):
    path = tmp_path / "a"
    files.write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OutputError, match="cannot write .*a .No space left on device.; choose another place"):
        files.write_text(path, "new", durable=True)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_hashes_are_sha256_of_the_bytes(tmp_path):
    path, content = tmp_path / "a", bytes(range(256)) * 5000
    path.write_bytes(content)
    assert files.file_sha256(path) == hashlib.sha256(content).hexdigest()
    with open(path, "rb") as stream:
        stream.seek(100)
        assert files.sha256(stream) == hashlib.sha256(content[100:]).hexdigest()
    with pytest.raises(InputError, match="b cannot be read .No such file"):
        files.file_sha256(tmp_path / "b")


def test_lists_show_the_first_texts_and_count_the_others():
    assert files.listed([], 2) == "" and files.listed(["a", "b"], 2) == "a, b"
    assert files.listed(["a", "b", "c"], 2) == "a, b and 1 more" and files.listed("abcd", 1, "; ") == "a and 3 more"
    assert files.first_of(["a"]) == "a" and files.first_of(["a", "b", "c"], " in x") == "a (2 more in x)"
