"""Hostile PyTorch files, as they are and damaged: they are read or refused, and nothing in them runs."""

import mmap  # noqa: F401 - else NumPy would import it when it maps its first file
import os

from mindaam.errors import CheckpointError
from mindaam.zoo.torch_files.reading import read_torch
from tests.reliability.auditing import listening, opened
from tests.reliability.mutations import mutated
from tests.reliability.row import Row, require
from tests.zoo.hostile import FILES, SENTINEL
from tests.zoo.pickles import archive, legacy, mapping, tensor

COUNT = 2052
GOOD = {name: lambda path, write=write: write(path, mapping(a=tensor(), b=tensor(size=(2, 2), stride=(2, 1))))
        for name, write in (("good", archive), ("good legacy", legacy))}  # fmt: skip
ALL = {**FILES, **GOOD}
NAMES = tuple(ALL)
READING = {"open", "mmap.__new__", "builtins.id"}  # what Python tells its auditors of a reader that reads
SPREAD = 1 << 20  # elements that a tensor may have even where its storage has fewer


def make(dice, number, folder):
    """Writes file `number`: each as it is first, damaged ones after that."""
    name = NAMES[number % len(NAMES)]
    path = folder / ("good.pth" if name in GOOD and number < len(NAMES) else "weights.pth")
    path.unlink(missing_ok=True)
    ALL[name](path)
    if number >= len(NAMES):
        content = path.read_bytes()
        path.write_bytes(mutated(content, dice, content[::-1]))
    return path


def attempt(path):
    """Reads the file while an auditor listens, in a folder where a command would leave its mark."""
    os.chdir(path.parent)
    try:
        with listening() as heard:
            arrays = read_torch(path)
    except CheckpointError as error:
        require(path.stem != "good", f"a good file is refused: {error}")
        raise
    finally:
        others = [event for event, _ in heard if event not in READING]
        require(not others, f"something ran: {others[:3]}")
        require(set(opened(heard)) <= {str(path)}, f"another file was opened: {opened(heard)[:3]}")
        require(not (path.parent / SENTINEL).exists(), "a command ran")
    for name, array in arrays.items():
        require(array.size <= max(SPREAD, path.stat().st_size), f"{name[:50]!r} has {array.size} elements")


ROW = Row(
    "torch-files",
    "hostile PyTorch files, and damaged ones",
    "Nothing in a PyTorch file is executed.",
    "Pickles and archives that call, import or open, and damaged ones, under a Python audit hook: no event except "
    "those of reading the file.",
    COUNT,
    make,
    attempt,
    megabytes=650,
)
