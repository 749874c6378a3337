"""Checkpoint files: safetensors only, read without executing anything, written whole or not at all, loaded strictly.

MindSpore itself loads a file with a flipped byte, or with missing names, without an error; hence these checks. Each
written file has a checksum of its content, and a file that has one is never read without it.
"""

import os
from contextlib import contextmanager

import numpy as np

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError
from mindaam.files import listed, opened, replacing, sha256
from mindaam.zoo.checksums import CHECKSUM, checksum, require_intact, row_bytes
from mindaam.zoo.headers import DTYPES, HALF, header_bytes, read_header

SHOWN, WIDTH = 4, 80  # names, and characters of them, that an error lists before "and N more"


def sha256_of(path):
    """The file's SHA-256 in hexadecimal. Raises CheckpointError when it cannot be read."""
    with _opened(path) as file:
        return sha256(file)


def read_safetensors(path, *, widen=True):
    """All arrays of a safetensors file by name; nothing in it is ever executed or unpickled.

    widen: half-precision floats (float16, bfloat16) become float32; without it float16 stays, and bfloat16, which
    NumPy does not have, becomes float32 in any case.
    Raises CheckpointError for a missing, foreign, damaged or truncated file, and for an element type unknown to NumPy.
    """
    return read_all(path, widen=widen)[0]


def read_all(path, *, widen=True):
    """(arrays, metadata) of a safetensors file, as `read_safetensors` and `read_metadata` give them, read once."""
    with _opened(path) as file:
        header = read_header(file, path)
        data = np.empty(os.fstat(file.fileno()).st_size - header.start, np.uint8)
        if file.readinto(data) != data.size:
            raise CheckpointError(f"{path} was truncated while it was read; read it once it is complete")
        require_intact(path, file, header, lambda: data)
    arrays = {name: _array(path, name, entry, data, widen) for name, entry in header.arrays.items()}
    # not every program pads the header, so that numbers may be unaligned
    arrays = {name: array if array.flags.aligned else array.copy() for name, array in arrays.items()}
    return arrays, _texts(header)


def read_metadata(path):
    """The text entries {str: str} in the header of a safetensors file but its checksum, which is verified.

    {} when it has none. Raises CheckpointError as `read_safetensors` does.
    """
    with _opened(path) as file:
        header = read_header(file, path)
        require_intact(path, file, header, lambda: _mapped(file, header))
    return _texts(header)


def glance(path):
    """The Header of a safetensors file, unverified. Raises CheckpointError."""
    with _opened(path) as file:
        return read_header(file, path)


def map_safetensors(path):
    """All arrays of a safetensors file by name, as read-only views of the mapped file.

    A file without a checksum is not read before its use. Types stay as they are, but for bfloat16, which becomes
    float32 and is the only kind that takes memory.
    Raises CheckpointError as `read_safetensors` does. The file must not be truncated while the arrays are in use.
    """
    with _opened(path) as file:
        header = read_header(file, path)
        data = _mapped(file, header)
        require_intact(path, file, header, lambda: data)
    arrays = {name: _array(path, name, entry, data, widen=False) for name, entry in header.arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def write_safetensors(path, tensors, metadata=None):
    """Writes arrays {name: ndarray} and text entries {str: str} to `path`, which appears whole or not at all.

    A checksum of the content is added to the texts. Arrays are written one by one, so that at most one is copied; the
    same content gives the same bytes. Raises OutputError when `path` cannot be written; a file that was there before is
    then still whole.
    """
    tensors = {name: np.asarray(array) for name, array in tensors.items()}
    texts = {key: text for key, text in (metadata or {}).items() if key != CHECKSUM}
    texts[CHECKSUM] = checksum(tensors, texts)
    # as in the safetensors library: the widest numbers first, so that each array is aligned
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    with replacing(path, durable=True) as file:
        file.write(header_bytes(names, tensors, texts))
        for name in names:
            file.write(row_bytes(tensors[name]))


def load_strict(cell, state, *, allow_missing=(), source="the checkpoint"):
    """Sets the parameters of a MindSpore Cell from arrays {name: ndarray}; either all of them or, on error, none.

    Names are the Cell's paths ("head.neck.weight"). allow_missing: names that may keep their values. source: where
    the arrays come from, for the message. Values are cast to each parameter's own type.
    Raises CheckpointError that lists missing and unexpected names, wrong shapes, and integers in the place of floats.
    """
    import mindspore as ms

    parameters, optional = dict(stored_parameters(cell)), set(allow_missing)
    problems = {
        "missing": [name for name in parameters if name not in state and name not in optional],
        "unexpected": [name for name in state if name not in parameters],
        "of the wrong kind": [
            misfit for name, p in parameters.items() if name in state and (misfit := _misfit(name, state[name], p))
        ],
    }
    found = [_listed(label, names) for label, names in problems.items() if names]
    if found:
        raise CheckpointError(f"{source} does not fit {type(cell).__name__}: {'; '.join(found)}")
    for name, parameter in parameters.items():
        if name in state:
            parameter.set_data(ms.Tensor(state[name], parameter.dtype))


@contextmanager
def _opened(path):
    """The file, open for reading; CheckpointError where it cannot be opened, or read inside."""
    try:
        with opened(path) as file:
            yield file
    except OSError as error:
        what = error.strerror or error
        raise CheckpointError(f"cannot read the weights file {path}: {what}; check the path") from error


def _texts(header):
    """A header's texts but the checksum."""
    return {key: text for key, text in header.metadata.items() if key != CHECKSUM}


def _mapped(file, header):
    """The bytes of a file's arrays, mapped."""
    if not any(entry.end for entry in header.arrays.values()):  # an empty range cannot be mapped
        return np.empty(0, np.uint8)
    return np.memmap(file, np.uint8, mode="r", offset=header.start)


def _array(path, name, entry, data, widen):
    """One array of a file whose arrays' bytes are `data`."""
    kind, part = entry.dtype, data[entry.begin : entry.end]
    if kind == HALF:
        halves = np.frombuffer(part, np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(entry.shape)
    if kind not in DTYPES:
        raise CheckpointError(f'{path}: "{name}" is of the type {kind}; only {", ".join(DTYPES)} and {HALF} are read')
    array = np.frombuffer(part, DTYPES[kind]).reshape(entry.shape)
    return array.astype(np.float32) if widen and kind == "F16" else array


def _misfit(name, array, parameter):
    """What is wrong with an array for a parameter, or None."""
    expected = np.dtype(str(parameter.dtype).lower())  # "Float32"
    if array.shape != tuple(parameter.shape):
        return f"{name} {list(array.shape)} instead of {list(parameter.shape)}"
    return f"{name} {array.dtype} instead of {expected}" if array.dtype.kind != expected.kind else None


def _listed(label, names):
    """The first names, as many as fit into WIDTH characters, one at least."""
    shown = [name if len(name) <= WIDTH else f"{name[:WIDTH]}..." for name in names[:SHOWN]]
    while len(shown) > 1 and sum(map(len, shown)) > WIDTH:
        shown.pop()
    return f"{len(names)} {label} ({listed(shown + names[len(shown) :], len(shown))})"
