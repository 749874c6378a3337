"""The folder of stored graphs: one file each, named by its key; the longest unused ones are removed first.

Any number of processes may use a folder at the same time, and may be killed at any time: a file appears whole or not at
all, and begins with a checksum, so that one that is damaged counts as missing.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from mindaam.errors import OutputError
from mindaam.files import remove_leftovers, replacing

MOST = 100_000_000  # bytes of all graphs; those of one model take about 1 MB
DAY = 86_400.0  # seconds
_ENDING = ".graph"
_CHECKSUM = 32  # bytes


class GraphFolder:
    """Graphs as bytes, by key, in the folder `path`, which need not exist. most: bytes of all files together."""

    def __init__(self, path, most=MOST):
        self.path, self.most = Path(path), most

    def read(self, key):
        """The graph of that key; None if it is not stored, or damaged."""
        path = self._file(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        graph = content[_CHECKSUM:]
        if content[:_CHECKSUM] != hashlib.sha256(graph).digest():
            return None
        with suppress(OSError):  # another's file, or a read-only disk
            os.utime(path)  # when it was last used
        return graph

    def write(self, key, graph):
        """Stores a graph, unless the folder cannot be written, which only costs time."""
        with suppress(OSError, OutputError):
            self.path.mkdir(parents=True, exist_ok=True)
            with replacing(self._file(key)) as target:
                target.write(hashlib.sha256(graph).digest() + graph)
            remove_leftovers(self.path, DAY)
            self._shrink()

    def is_writable(self):
        """Whether a graph can be stored; the folder is made if it does not exist."""
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
        return os.access(self.path, os.W_OK | os.X_OK)

    def files(self):
        """[(seconds of the last use, bytes, path)] of the stored graphs, the longest unused first."""
        found = []
        with suppress(OSError):
            for path in self.path.glob("*" + _ENDING):
                with suppress(FileNotFoundError):  # another process has removed it
                    state = path.stat()
                    found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _file(self, key):
        return self.path / (key + _ENDING)

    def _shrink(self):
        files = self.files()
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self.most:
                return
            path.unlink(missing_ok=True)
            total -= size
