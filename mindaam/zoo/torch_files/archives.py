"""The zip archives that PyTorch writes: which entries there are and where their bytes lie, checked before use.

A few lines of our own, because entries are to be views of the mapped file, and because an untrusted archive may
lie: about sizes, with entries that share bytes, or with a directory that fills the memory.
"""

import struct
import zlib
from typing import NamedTuple

from mindaam.errors import CheckpointError

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_DIRECTORY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED, _ENCRYPTED = 0, 8, 1
_SIZES_LATER = 8  # a local header's flag: its sizes follow the bytes
_LONGEST_DIRECTORY = 1 << 22  # bytes; an entry of PyTorch's takes about a hundred
_GROWTH = 8  # times the archive's size, and a little, is the most that unpacking may give
_BRIEF = 120  # characters
_LITTLE = 1 << 24


class Entry(NamedTuple):
    """One file of an archive: a header from `offset` on, then bytes [start, end), packed; `size` bytes unpacked."""

    name: str
    offset: int
    start: int
    end: int
    method: int
    size: int
    crc: int


def read_directory(data, path):
    """All entries of a zip archive by name; `data` is the whole file as a memoryview.

    Raises CheckpointError for an archive that is cut off, inconsistent, encrypted or would unpack to far too much.
    """
    try:
        entries = _entries(data)
        _check(entries, len(data))
    except (ValueError, struct.error) as error:
        raise CheckpointError(f"{path} is a damaged zip archive ({_brief(error)}); fetch it again") from error
    return {entry.name: entry for entry in entries}


def _brief(error):
    """What an error says, without more of the file's own bytes than a line takes."""
    text = " ".join(str(error).split())
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."


def content(data, entry, path):
    """The bytes of an entry: a view where it is stored as it is, as PyTorch does, else unpacked and checked.

    A view's checksum is not checked: PyTorch can leave it out, and the whole file would have to be read for it.
    """
    packed = data[entry.start : entry.end]
    if entry.method == _STORED:
        return packed
    try:
        unpacker = zlib.decompressobj(-15)
        unpacked = unpacker.decompress(packed, entry.size + 1)
        whole = len(unpacked) == entry.size and unpacker.eof and zlib.crc32(unpacked) == entry.crc
    except zlib.error:
        whole = False
    if not whole:
        raise CheckpointError(f"{path} is damaged: {entry.name[:200]!r} in it cannot be unpacked; fetch it again")
    return memoryview(unpacked)


def _entries(data):
    start, size, count = _find_directory(data)
    if start + size > len(data) or size > _LONGEST_DIRECTORY:
        raise ValueError("its directory lies outside of it, or is huge")
    entries, position, end = [], start, start + size
    for _ in range(count):
        if position + _DIRECTORY.size > end:
            raise ValueError("its directory is shorter than it says")
        fields = _DIRECTORY.unpack_from(data, position)
        name, extra, comment = fields[10:13]
        after = position + _DIRECTORY.size
        names, extras = bytes(data[after : after + name]), bytes(data[after + name :][:extra])
        entries.append(_entry(data[:start], fields, names, extras))
        position = after + name + extra + comment
    return entries


def _find_directory(data):
    """Where the directory begins, its length in bytes, and the number of its entries."""
    tail = bytes(data[-(_END.size + 0xFFFF) :])
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise ValueError("it has no end record; it is probably truncated")
    _, disk, _, _, count, size, position, comment = _END.unpack_from(tail, at)
    at += len(data) - len(tail)
    if at + _END.size + comment != len(data) or disk not in (0, 0xFFFF):
        raise ValueError("something follows its end")
    if at >= _LOCATOR.size and bytes(data[at - _LOCATOR.size :][:4]) == b"PK\x06\x07":
        offset = _LOCATOR.unpack_from(data, at - _LOCATOR.size)[2]
        if offset + _END64.size > len(data):
            raise ValueError("its directory lies outside of it")
        signature, *_, count, size, position = _END64.unpack_from(data, offset)
        if signature != b"PK\x06\x06":
            raise ValueError("its directory is not where it says")
    return position, size, count


def _entry(data, fields, name, extra):
    signature, _, _, flags, method, _, _, crc, packed, size = fields[:10]
    offset = fields[16]
    if signature != b"PK\x01\x02":
        raise ValueError("its directory is broken")
    name_as_text = name.decode("utf-8", "replace")
    shown = name_as_text[:200]
    if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
        raise ValueError(f"{shown!r} in it is encrypted or packed in an unusual way")
    size, packed, offset = _wide(extra, (size, packed, offset))
    if offset + _LOCAL.size > len(data):
        raise ValueError(f"{shown!r} lies outside of it")
    head = _LOCAL.unpack_from(data, offset)
    start = offset + _LOCAL.size + head[9] + head[10]
    if head[0] != b"PK\x03\x04" or bytes(data[offset + _LOCAL.size :][: head[9]]) != name or head[3] != method:
        raise ValueError(f"{shown!r} is not where its directory says")
    sizes = [] if head[2] & _SIZES_LATER else [(head[7], packed), (head[8], size)]
    if head[2] & _ENCRYPTED or any(here not in (there, 0xFFFFFFFF) for here, there in sizes):
        raise ValueError(f"{shown!r} is not what its directory says")
    if start + packed > len(data) or (method == _STORED and packed != size):
        raise ValueError(f"{shown!r} is longer than what is there")
    return Entry(name_as_text, offset, start, start + packed, method, size, crc)


def _wide(extra, values):
    """The three sizes with those of 0xFFFFFFFF taken from the field of eight-byte numbers."""
    wide, position = b"", 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            wide = extra[position + 4 : position + 4 + length]
        position += 4 + length
    found = []
    for value in values:
        if value == 0xFFFFFFFF:
            (value,), wide = struct.unpack_from("<Q", wide), wide[8:]
        found.append(value)
    return found


def _check(entries, length):
    """ValueError for names that come twice, bytes that belong to two entries, and too much to unpack."""
    if len({entry.name for entry in entries}) != len(entries):
        raise ValueError("a name comes twice in it")
    reached = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < reached:
            raise ValueError(f"{entry.name[:200]!r} shares bytes with another")
        reached = max(reached, entry.end)
    unpacked = sum(entry.size for entry in entries if entry.method != _STORED)
    if unpacked > _GROWTH * length + _LITTLE:
        raise ValueError(f"it would unpack to {unpacked / 1e9:.1f} GB, which is too much for its size")
