import os

import pytest

from mindaam import files
from mindaam.data import media
from mindaam.errors import InputError


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
    assert files.fault_of(tmp_path / "dangling") == "is a link that leads nowhere"
    assert files.read_small(deep, 1) == b"x"


def test_a_file_with_more_than_was_asked_for_is_not_read(tmp_path):
    (tmp_path / "large").write_bytes(bytes(11))
    assert files.read_small(tmp_path / "large", 11) == bytes(11)
    with pytest.raises(OSError, match="more than"):
        files.read_small(tmp_path / "large", 10)
