"""Hostile PyTorch files, as they are and damaged: they are read or refused, and nothing in them runs."""

import mmap  # noqa: F401 - else NumPy would import it when it maps its first file
import os
import sys

from mindaam.zoo.torch_files.reading import read_torch
from tests.reliability.mutations import mutated
from tests.reliability.row import Row, require
from tests.zoo.hostile import FILES, SENTINEL

COUNT = 2052
NAMES = tuple(FILES)
READING = {"open", "mmap.__new__", "builtins.id"}  # what Python tells its auditors of a reader that reads
SPREAD = 1 << 20  # elements that a tensor may have even where its storage has fewer
_events = None


def _listen(event, arguments):
    if _events is not None:
        _events.append((event, arguments))


sys.addaudithook(_listen)


def make(dice, number, folder):
    """Writes file `number`: each as it is first, damaged ones after that."""
    path = folder / "weights.pth"
    path.unlink(missing_ok=True)
    FILES[NAMES[number % len(NAMES)]](path)
    if number >= len(NAMES):
        content = path.read_bytes()
        path.write_bytes(mutated(content, dice, content[::-1]))
    return path


def attempt(path):
    """Reads the file while an auditor listens, in a folder where a command would leave its mark."""
    global _events
    os.chdir(path.parent)
    _events = []
    try:
        arrays = read_torch(path)
    finally:
        heard, _events = _events, None
        others = [event for event, _ in heard if event not in READING]
        require(not others, f"something ran: {others[:3]}")
        opened = [str(arguments[0]) for event, arguments in heard if event == "open"]
        require(set(opened) <= {str(path)}, f"another file was opened: {opened[:3]}")
        require(not (path.parent / SENTINEL).exists(), "a command ran")
    for name, array in arrays.items():
        require(array.size <= max(SPREAD, path.stat().st_size), f"{name[:50]!r} has {array.size} elements")


ROW = Row("torch-files", "hostile PyTorch files", COUNT, make, attempt, megabytes=650)
