"""Whether a file that holds video or audio is truncated: its outermost boxes have lengths."""

import os

SIZED = {b"RIFF", b"RF64"}
SEGMENT, EBML = b"\x18\x53\x80\x67", b"\x1a\x45\xdf\xa3"
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # the object with the size of the file
HEADER = 1 << 16  # bytes in which that is searched
FLV_TAGS = (8, 9, 18)


def is_cut(path, kind):
    """Whether a file ends before its own declared end: True, False, or None where it declares none.

    kind: its container, the first of FFmpeg's names.
    """
    try:
        return _is_cut(path, kind)
    except OSError:  # the file or the disk no longer exists
        return None


def _is_cut(path, kind):
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if kind == "mov":
            return _boxes(file, size, _atom)
        if kind == "avi":
            return _boxes(file, size, _riff)
        if kind == "matroska":
            return _boxes(file, size, _element)
        if kind == "flv":
            return _flv(file, size)
        return _asf(file, size) if kind == "asf" else None


def _boxes(file, size, read):
    """Whether the last of the boxes that follow one another reaches beyond the file's end."""
    offset = 0
    while offset < size:
        file.seek(offset)
        length = read(file.read(16))
        if length is None:  # not declared, or no such box
            return None if offset == 0 else False
        if length == 0:  # the rest of the file
            return None
        offset += length
    return offset > size


def _atom(head):
    """The length of an atom of MP4 in bytes, 0 for all the rest, None for anything else."""
    length = int.from_bytes(head[:4], "big")
    if len(head) < 8 or not head[4:8].isascii():
        return None
    if length == 1:
        length = int.from_bytes(head[8:], "big")
    return length if length == 0 or length >= 8 else None


def _riff(head):
    length = int.from_bytes(head[4:8], "little")
    return length + 8 + length % 2 if head[:4] in SIZED and length not in (0, 2**32 - 1) else None


def _element(head):
    """The length of the EBML header or segment of Matroska in bytes; None for others and where it is unknown."""
    if head[:4] not in (EBML, SEGMENT) or len(head) < 5 or not head[4]:
        return None
    wide = 9 - head[4].bit_length()
    length = int.from_bytes(head[4 : 4 + wide], "big") - (1 << 7 * wide)
    return None if length == (1 << 7 * wide) - 1 else 4 + wide + length


def _flv(file, size):
    """Whether the last tag is incomplete, by the length that follows each."""
    if size < 24:
        return None
    file.seek(size - 4)
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size - 13:
        return True
    file.seek(size - 4 - length)
    tag = file.read(4)
    return tag[0] & 31 not in FLV_TAGS or int.from_bytes(tag[1:], "big") + 11 != length


def _asf(file, size):
    head = file.read(HEADER)
    offset = head.find(ASF_FILE)
    declared = int.from_bytes(head[offset + 40 : offset + 48], "little") if offset >= 0 else 0
    return declared > size if declared else None
