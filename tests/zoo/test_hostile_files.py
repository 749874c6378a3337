"""Files from strangers: every one is refused in one sentence, quickly, without running anything or filling memory."""

import contextlib
import mmap  # noqa: F401 - else NumPy imports it in the first test, when it maps its first file
import os
import subprocess
import sys
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mindaam.errors import CheckpointError
from mindaam.zoo.torch_files import pickles as torch_pickle
from mindaam.zoo.torch_files.reading import read_torch
from tests.zoo.hostile import FILES, SENTINEL
from tests.zoo.pickles import archive, find, legacy, mapping, tensor

MEMORY = 200 << 20  # bytes, of which the longest file that is read at once takes a part
SECONDS = 15  # of computing, on a slow machine and with every allocation watched
_heard = None  # what Python tells its auditors while someone listens


def _listen(event, arguments):
    if _heard is not None:
        _heard.append((event, arguments))


sys.addaudithook(_listen)


@contextlib.contextmanager
def nothing_but_reading(path):
    """Fails when anything is imported, compiled, called or opened inside, but for the one file."""
    global _heard
    _heard = []
    try:
        yield
    finally:
        heard, _heard = _heard, None
    # id() is what finalisers of other tests' objects call when the garbage collector happens to run in here
    assert {event for event, _ in heard} <= {"open", "mmap.__new__", "builtins.id"}, heard
    assert {arguments[0] for event, arguments in heard if event == "open"} <= {path, str(path)}


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
    start = time.process_time()
    with nothing_but_reading(path), pytest.raises(CheckpointError) as refusal:
        read_torch(path)
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(refusal.value)
    assert message.startswith(str(path)) and message.isprintable() and len(message) < len(str(path)) + 350
    assert peak < MEMORY and seconds < SECONDS
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


def test_too_many_instructions_are_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_pickle, "MOST", 1000)  # the true number takes seconds
    assert read_torch(archive(tmp_path / "weights.pth", b"N0" * 400 + b"}")) == {}
    archive(tmp_path / "weights.pth", b"N0" * 500 + b"}")
    with pytest.raises(CheckpointError, match="more than 1000 instructions"):
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


def test_the_auditor_hears_what_is_run(tmp_path):
    with pytest.raises(AssertionError, match="exec"), nothing_but_reading(tmp_path):
        exec("1")


WRITERS = {"zip": archive, "legacy": legacy}
WHOLE = mapping(weight=tensor(), module=find("__torch__.A") + b")\x81" + mapping(bias=tensor(size=(2,))) + b"b")


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=3), max_size=3))
@example(changes={0.0: b"PK\x03\x04"})
def test_a_file_with_some_bytes_changed_is_read_or_refused(tmp_path, form, changes):
    content = bytearray(WRITERS[form](tmp_path / "weights.pth", WHOLE).read_bytes())
    for where, value in changes.items():
        place = int(where * len(content))
        content[place : place + len(value)] = value
    (tmp_path / "weights.pth").write_bytes(content)
    with contextlib.suppress(CheckpointError):  # anything else is a bug
        arrays = read_torch(tmp_path / "weights.pth")
        assert all(array.nbytes <= len(content) for array in arrays.values())


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path, form):
    path = tmp_path / "weights.pth"
    content = WRITERS[form](path, WHOLE).read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            read_torch(path)
