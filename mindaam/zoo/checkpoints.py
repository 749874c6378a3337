"""Checkpoint files: safetensors only, read without executing anything, written whole or not at all, loaded strictly.

MindSpore itself loads a file with a flipped byte, or with names missing, without a word; hence the checks here.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, OutputError
from mindaam.files import opened

DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip
_CODES = {np.dtype(kind): code for code, kind in DTYPES.items()}
_CONVERT = 'convert it to safetensors with "mindaam convert" and give that file'
# What a file of another kind begins with, and how it gets into the one kind that is read here.
FOREIGN = (
    (b"PK\x03\x04", "a zip archive, such as PyTorch's .pth", _CONVERT),
    (b"\x80", "a Python pickle, such as an older .pth", _CONVERT),
    (
        b"\x0a",
        "a protobuf file, such as MindSpore's .ckpt",
        "convert it to safetensors in the program that it comes from and give that file",
    ),
)
SHOWN = 4  # names listed in an error before "and N more"


def sha256_of(path):
    """The file's SHA-256 in hexadecimal, read in pieces of 1 MiB. Raises CheckpointError when it cannot be read."""
    total = hashlib.sha256()
    with _opened(path) as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def read_safetensors(path, *, widen=True):
    """All arrays of a safetensors file by name; nothing in it is ever executed or unpickled.

    widen: half-precision floats (float16, bfloat16) become float32; without it float16 stays, and bfloat16, which
    NumPy does not have, becomes float32 all the same.
    Raises CheckpointError for a missing, foreign, damaged or truncated file, and for an element type unknown to NumPy.
    """
    from safetensors import SafetensorError, deserialize

    with _opened(path) as file:
        content = file.read()
    try:
        entries = deserialize(content)
    except (SafetensorError, ValueError) as error:
        raise _not_safetensors(path, content[:16], error) from error
    return {name: _array(path, name, entry, widen) for name, entry in entries}


def read_metadata(path):
    """The text entries {str: str} in the header of a safetensors file; {} when it has none. Raises CheckpointError."""
    with _opened(path) as file:
        length = int.from_bytes(file.read(8), "little")
        # checked before reading: a foreign file's first bytes are a length of up to 16 EiB
        header = file.read(length) if length <= os.fstat(file.fileno()).st_size else b""
        file.seek(0)
        start = file.read(16)
    try:
        content = json.loads(header)
    except ValueError as error:
        raise _not_safetensors(path, start, error) from error
    if not isinstance(content, dict) or not isinstance(content.get("__metadata__", {}), dict):
        raise _not_safetensors(path, start, "its header is not a table")
    return content.get("__metadata__", {})


def map_safetensors(path):
    """All arrays of a safetensors file by name, as read-only views of the mapped file: nothing is read before its use.

    Types stay as they are, but for bfloat16, which becomes float32 and is the only kind that takes memory.
    Raises CheckpointError as `read_safetensors` does. The file must not be cut short while the arrays are in use.
    """
    from safetensors import SafetensorError, safe_open

    with _opened(path) as file:
        start = file.read(16)
        try:
            with safe_open(path, "numpy"):  # the library's checks of the header: offsets, sizes, no gaps or overlaps
                pass
            length = int.from_bytes(start[:8], "little")
            file.seek(8)
            entries = json.loads(file.read(length))
        except (SafetensorError, ValueError) as error:
            raise _not_safetensors(path, start, error) from error
        entries.pop("__metadata__", None)
        if not any(entry["data_offsets"][1] for entry in entries.values()):  # an empty range cannot be mapped
            data = np.empty(0, np.uint8)
        else:
            data = np.memmap(file, np.uint8, mode="r", offset=8 + length)
    arrays = {}
    for name, entry in entries.items():
        begin, end = entry["data_offsets"]
        arrays[name] = _array(path, name, {**entry, "data": data[begin:end]}, widen=False)
        arrays[name].flags.writeable = False
    return arrays


def write_safetensors(path, tensors, metadata=None):
    """Writes arrays {name: ndarray} and text entries {str: str} to `path`, which appears whole or not at all.

    Arrays go to the disk one by one, so that no more than one is ever copied; the same content gives the same bytes.
    Raises OutputError when the place cannot be written to; a file that was there before is then still whole.
    """
    path, tensors = Path(path), {name: np.asarray(array) for name, array in tensors.items()}
    # as the safetensors library lays a file out: the widest numbers first, so that each array starts aligned
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(_header(names, tensors, metadata))
            for name in names:
                file.write(_bytes(tensors[name]))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
    finally:
        with suppress(OSError):  # it is gone once renamed
            beside.unlink()


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


def _opened(path):
    try:
        return opened(path)
    except OSError as error:
        what = error.strerror or error
        raise CheckpointError(f"cannot read the weights file {path}: {what}; check the path") from error


def _not_safetensors(path, start, error):
    for magic, kind, cure in FOREIGN:
        if start.startswith(magic) and start[8:9] != b"{":
            return CheckpointError(
                f"{path} is {kind}, which is not opened here because it can hold code or hide damage; {cure}"
            )
    detail = "it is empty" if not start else str(error)
    return CheckpointError(
        f"{path} is not a safetensors file, or was cut short or damaged on its way ({detail}); fetch it again"
    )


def _array(path, name, entry, widen):
    """One entry of a safetensors file as an array."""
    kind, shape = entry["dtype"], entry["shape"]
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(entry["data"], np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if kind not in DTYPES:
        raise CheckpointError(f'{path}: "{name}" is of the type {kind}; only {", ".join(DTYPES)} and BF16 are read')
    array = np.frombuffer(entry["data"], DTYPES[kind]).reshape(shape)
    return array.astype(np.float32) if widen and kind == "F16" else array


def _header(names, tensors, metadata):
    """What stands before the arrays in a safetensors file: a length of 8 bytes, then a table as JSON."""
    entries, end = ({"__metadata__": dict(sorted(metadata.items()))} if metadata else {}), 0
    for name in names:
        array, begin = tensors[name], end
        end = begin + array.nbytes
        code = _CODES[array.dtype.newbyteorder("=")]
        entries[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
    table = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    table += b" " * (-len(table) % 8)
    return len(table).to_bytes(8, "little") + table


def _bytes(array):
    """The array's bytes in row order, little end first; a copy only where memory holds them otherwise."""
    if not array.size:
        return b""
    # reshaped, because a scalar has no bytes to view
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data


def _misfit(name, array, parameter):
    """What is wrong with an array for a parameter, or None."""
    wanted = np.dtype(str(parameter.dtype).lower())  # "Float32"
    if array.shape != tuple(parameter.shape):
        return f"{name} {list(array.shape)} instead of {list(parameter.shape)}"
    return f"{name} {array.dtype} instead of {wanted}" if array.dtype.kind != wanted.kind else None


def _listed(label, names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {label} ({', '.join(names[:SHOWN])}{more})"


def _sync_folder(folder):
    """Makes a rename outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
