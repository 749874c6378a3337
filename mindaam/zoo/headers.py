"""The header of a safetensors file, read as untrusted data: everything in it is checked before its use.

A file is a length of 8 bytes, a table as JSON of that length, and then the arrays' bytes. The table has an entry per
array (type, shape, first and last byte), which must cover the bytes without gap and overlap, and texts under
"__metadata__".
"""

import json
import math
import os
from typing import NamedTuple

import numpy as np

from mindaam.errors import CheckpointError
from mindaam.file_kinds import START, foreign_weights, stand_in

DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip
HALF = "BF16"  # the upper half of a float32, which NumPy does not have
LONGEST = 1 << 24  # bytes of a table; that of a thousand arrays has some hundred thousand
_METADATA = "__metadata__"
_AXES = 16
_LONGEST_SIDE = 1 << 40
_LONGEST_NAME = 1000
_CONVERT = 'convert it to safetensors with "mindaam convert" and give that file'
# First bytes of other kinds of files, which are not opened, and how to convert them to safetensors.
_UNOPENED = (
    (b"PK\x03\x04", "a zip archive, such as PyTorch's .pth", _CONVERT),
    (b"\x80", "a Python pickle, such as an older .pth", _CONVERT),
)


class Entry(NamedTuple):
    """An array in a file: dtype as safetensors names it, shape, and its bytes, begin..end - 1 after the header."""

    dtype: str
    shape: tuple
    begin: int
    end: int


class Header(NamedTuple):
    """metadata {str: str}; arrays {name: Entry}; start: where the arrays' bytes begin; table: the original text."""

    metadata: dict
    arrays: dict
    start: int
    table: str


class _Damaged(Exception):
    """A fault of a header, for the brackets of a message."""


def read_header(file, path):
    """The Header of a safetensors file that is open for reading; leaves the file where the arrays' bytes begin.

    Raises CheckpointError for a foreign, damaged or truncated file, with its real type where that is known.
    """
    begin = file.read(8)
    length, size = int.from_bytes(begin, "little"), os.fstat(file.fileno()).st_size
    try:
        # before reading: a foreign file's first bytes are a length of up to 16 EiB
        if len(begin) < 8 or not 2 <= length <= min(LONGEST, size - 8):
            raise _Damaged(f"its header would have {length} bytes" if len(begin) == 8 else "it is too short")
        table = file.read(length).decode()
        if not table.startswith("{"):
            raise _Damaged("its header is not a table")
        content = json.loads(table, object_pairs_hook=_unique, parse_constant=_no_number)
        metadata = _texts(content.pop(_METADATA, {}))
        arrays = {name: _entry(name, each) for name, each in content.items()}
        _check_cover(arrays, size - 8 - length)
    except (_Damaged, ValueError, RecursionError) as error:  # ValueError: no JSON, no UTF-8, or a number of 5000 digits
        file.seek(0)
        raise _not_safetensors(path, file.read(START), " ".join(str(error).split())[:200]) from error
    return Header(metadata, arrays, 8 + length, table)


def header_bytes(names, tensors, metadata):
    """The bytes of a file before those of the arrays {name: ndarray}, which follow in the order of `names`."""
    entries, end = ({_METADATA: dict(sorted(metadata.items()))} if metadata else {}), 0
    for name in names:
        array, begin = tensors[name], end
        end = begin + array.nbytes
        code = _CODES[array.dtype.newbyteorder("=")]
        entries[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
    table = _padded(compact(entries))
    return len(table).to_bytes(8, "little") + table


def is_plain(header):
    """Whether a Header's text is canonical, byte for byte, without hidden content."""
    return _padded(compact(json.loads(header.table))) == header.table.encode()


def compact(content):
    """JSON without any space, as `header_bytes` and the safetensors library write it."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _padded(table):
    """The bytes of a table, with spaces up to where a number of any type may begin."""
    table = table.encode()
    return table + b" " * (-len(table) % 8)


_CODES = {np.dtype(kind): code for code, kind in DTYPES.items()}


def _unique(pairs):
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _Damaged("its header has a name twice")
    return content


def _no_number(text):
    raise _Damaged(f"its header has {text}")


def _texts(metadata):
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _Damaged("its header is not a table of texts")
    if any(0xD800 <= ord(letter) < 0xE000 for each in metadata.items() for text in each for letter in text):
        raise _Damaged("its header has half a character")
    return metadata


def _entry(name, found):
    """The Entry of one array, checked by itself."""
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        raise _Damaged(f"it has {name[:60]!r} for a name")
    shown = f'"{name[:100]}"'
    if not isinstance(found, dict) or not {"dtype", "shape", "data_offsets"} <= set(found):
        raise _Damaged(f"{shown} lacks a type, a shape or its offsets")
    kind, shape, span = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(kind, str) or not kind.isalnum() and not kind.replace("_", "").isalnum():
        raise _Damaged(f"{shown} has no type")
    if not isinstance(shape, list) or len(shape) > _AXES or not all(_is_side(side) for side in shape):
        raise _Damaged(f"{shown} has an invalid shape")
    if not isinstance(span, list) or len(span) != 2 or not all(_is_side(each) for each in span):
        raise _Damaged(f"{shown} has no valid offsets")
    if math.prod(side for side in shape if side) > _LONGEST_SIDE:
        raise _Damaged(f"{shown} has an invalid shape")
    begin, end = span
    width = 2 if kind == HALF else np.dtype(DTYPES[kind]).itemsize if kind in DTYPES else None
    if begin > end or (width and math.prod(shape) * width != end - begin):
        raise _Damaged(f"{shown} has a number of bytes that does not match its shape")
    return Entry(kind, tuple(shape), begin, end)


def _is_side(value):
    return type(value) is int and 0 <= value <= _LONGEST_SIDE  # True is an int as well


def _check_cover(arrays, length):
    """Raises _Damaged unless the arrays lie one after the other from the first to the last of `length` bytes."""
    reached = 0
    for name, entry in sorted(arrays.items(), key=lambda each: each[1][2:]):
        if entry.begin != reached:
            raise _Damaged(f'"{name[:100]}" does not begin where the array before it ends')
        reached = entry.end
    if reached != length:
        raise _Damaged(f"its arrays have {reached} bytes, but the file has {length}")


def _not_safetensors(path, start, detail):
    """The CheckpointError for a file that begins with `start`."""
    named = stand_in(start) or foreign_weights(start)
    if named:
        return CheckpointError(f"{path} is not a safetensors file but {named}")
    for magic, kind, cure in _UNOPENED:
        if start.startswith(magic) and start[8:9] != b"{":
            return CheckpointError(
                f"{path} is {kind}, which is not opened because it may contain code or hide damage; {cure}"
            )
    return CheckpointError(
        f"{path} is not a safetensors file, or is truncated or damaged ({detail}); download it again"
    )
