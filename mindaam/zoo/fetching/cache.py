"""The user's own folder of weights: fetched and converted files, and the hashes that the user trusts.

It is $MINDAAM_CACHE, else `mindaam` in $XDG_CACHE_HOME, else `~/.cache/mindaam`. Beside the files, named as in the
index, are `pins.json` and a folder of locks.
"""

import errno
import fcntl
import json
from contextlib import contextmanager

from mindaam.errors import CheckpointError, OutputError
from mindaam.files import read_small, take_place, write_text
from mindaam.places import user_cache

_ELSEWHERE = "free some space or choose another folder with MINDAAM_CACHE"
LARGEST = 4_000_000  # bytes of pins.json
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG)
_HEX = set("0123456789abcdef")


def cache_dir():
    """The user's folder; it need not exist yet."""
    return user_cache()


def prepared(path):
    """`path`, after its folder was made. Raises OutputError where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {path.parent}: {error.strerror or error}; {_ELSEWHERE}") from error
    return path


@contextmanager
def locked(file, waiting=None):
    """A lock between processes on one `file`; the system frees it when a process dies.

    file: a name as in the index. waiting: called without arguments when another process has it. Raises OutputError.
    """
    path = prepared(cache_dir() / "locks" / f"{file.replace('/', '--')}.lock")
    try:
        handle = open(path, "ab")  # noqa: SIM115 - closed below; an error inside is not one of opening
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; {_ELSEWHERE}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def publish(part, path):
    """Gives a finished file its name: its content is on the disk first, and the new name outlasts a power cut.

    Raises OutputError, and leaves what was at `path`, when the disk is full or fails.
    """
    take_place(part, path, durable=True, cure=_ELSEWHERE)


def pins():
    """The hashes that the user trusts, {file: {"sha256": hexadecimal, "bytes": size}}. Raises CheckpointError if
    damaged."""
    path = cache_dir() / "pins.json"
    try:
        content = json.loads(read_small(path, LARGEST))
        good = isinstance(content, dict) and all(_is_pin(pin) for pin in content.values())
    except (OSError, ValueError, RecursionError) as error:
        if getattr(error, "errno", None) in _NOT_THERE:  # the bundled files need no such folder
            return {}
        raise CheckpointError(f"cannot read {path}: {error}; delete it and pin your files again") from error
    if not good:
        raise CheckpointError(f"{path} is not a table of hashes; delete it and pin your files again")
    return content


def pin(file, sha256, size):
    """Stores the trusted hash and size of `file`, a name as in the index. Raises OutputError."""
    path = cache_dir() / "pins.json"
    with locked(path.name):
        content = {**pins(), file: {"sha256": sha256, "bytes": size}}
        write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n", durable=True)


def is_sha256(text):
    """Whether `text` is a SHA-256 in lower-case hexadecimal."""
    return isinstance(text, str) and len(text) == 64 and set(text) <= _HEX


def _is_pin(entry):
    return isinstance(entry, dict) and is_sha256(entry.get("sha256")) and _is_size(entry.get("bytes"))


def _is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
