"""The checksum of every checkpoint of MindAAM: the SHA-256 of its content, in its own metadata.

It covers the metadata (configuration, prompts, a run's progress) and names, types, shapes and values of all arrays. A
file that has one is never read without it: MindSpore and safetensors load a flipped byte without an error. A file
without one is older, or from another program.
"""

import hashlib
import json
import os
import time

import numpy as np

from mindaam.errors import CheckpointError
from mindaam.zoo.headers import DTYPES, HALF, is_plain

CHECKSUM = "checksum"  # entry of a file's metadata
_LENGTH = 64  # hexadecimal digits
_SETTLED = 2_000_000_000  # nanoseconds after which a change of a file shows in its times, even coarse ones
_intact = set()  # stamps of files that were verified in this process


def checksum(tensors, metadata):
    """The SHA-256 of the content of a checkpoint: metadata, and names, types, shapes and values of its arrays."""
    parts = {}
    for name, array in tensors.items():
        array = np.asarray(array)
        parts[name] = array.dtype.name, array.shape, lambda array=array: row_bytes(array)
    return _digest(metadata, parts)


def row_bytes(array):
    """The array's bytes in row order, little end first; a copy only where memory holds them otherwise."""
    if not array.size:  # an empty array has no bytes to view
        return b""
    # reshaped, because a scalar has no bytes to view
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data


def require_intact(path, file, header, data):
    """Raises CheckpointError unless a file's content has its stored checksum; does nothing where it has none.

    file: open; header: its Header; data: () -> the arrays' bytes, which is called only where they are needed: a
    verified file is not read again until it changes.
    """
    claimed = _claimed(header.metadata)
    if claimed is None:
        return
    stamp, settled = _stamp(file)
    if stamp in _intact:
        return
    kinds = {HALF: "bfloat16"} | {code: np.dtype(kind).name for code, kind in DTYPES.items()}
    content = memoryview(data())
    parts = {
        name: (kinds.get(each.dtype, each.dtype), each.shape, lambda each=each: content[each.begin : each.end])
        for name, each in header.arrays.items()
    }
    others = {key: text for key, text in header.metadata.items() if key != CHECKSUM}
    if not is_plain(header) or _digest(others, parts) != header.metadata.get(CHECKSUM):
        raise CheckpointError(
            f"{path} is damaged: its content does not match its checksum; download it again, or "
            "use another checkpoint of the run"
        )
    if settled:
        _intact.add(stamp)


def _digest(metadata, parts):
    """SHA-256 over texts {str: str} and arrays {name: (type, shape, () -> bytes)}."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(parts):
        kind, shape, content = parts[name]
        total.update(json.dumps([name, kind, shape]).encode())
        total.update(content())
    return total.hexdigest()


def _claimed(metadata):
    """The key of a file's checksum, which may itself be damaged; None where it has none."""
    for key, text in metadata.items():
        alike = 0
        if len(key.encode()) == len(CHECKSUM):
            alike = sum(a == b for a, b in zip(key.lower(), CHECKSUM, strict=False))
        if key == CHECKSUM or (alike >= len(CHECKSUM) // 2 and len(text.encode()) == _LENGTH):
            return key
    return None


def _stamp(file):
    """The identity of an opened file's content, and whether a later change would show in it."""
    found = os.fstat(file.fileno())
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    stamp = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return stamp, time.time_ns() - changed > _SETTLED
