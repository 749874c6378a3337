"""Remarks about an image beside its pixels: its coding of high dynamic range, more frames or pages."""

import struct

from mindaam.data.images import raws, tone_mapping

_FRONT = 1 << 16  # bytes; colors are named before pixels
_NCLX = b"colrnclx"  # in AVIF and HEIC
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")


def dynamic_range(image, path):
    """(transfer, code point of the primaries) of an image, opened from `path`, in PQ or HLG; None for all others.

    Pillow keeps neither AVIF's "nclx" nor PNG's "cICP", so they are read here.
    """
    if image.format not in ("AVIF", "HEIF", "PNG"):
        return None
    with open(path, "rb") as stream:
        front = stream.read(_FRONT)
    if image.format == "PNG":
        named = _chunk(front, b"cICP")[:2]
        primaries, transfer = named if len(named) == 2 else (0, 0)
    else:
        at = front.find(_NCLX)
        named = front[at + len(_NCLX) : at + len(_NCLX) + 4] if at >= 0 else b""
        primaries, transfer = struct.unpack(">HH", named) if len(named) == 4 else (0, 0)
    coding = tone_mapping.TRANSFERS.get(transfer)
    return None if coding is None else (coding, primaries)


def what_is_left(image, path):
    """A few words on frames or pages that are not read, as the end of a sentence; None where the file has only one."""
    if image.format in _ANIMATED and _is_animated(image):
        return "holds several frames, of which the first is used; save it as mp4 for all of them"
    if image.format == "TIFF":
        with open(path, "rb") as stream:
            if raws.pages(raws.directories(stream)) > 1:
                return "holds several pages, of which the first is used; save the others as files for all of them"
    return None


def _is_animated(image):
    try:
        return image.is_animated
    except Exception:  # of a GIF's second frame, whose damage may raise anything; the first one is read in any case
        return True


def _chunk(front, name):
    """The content of a PNG's chunk of that name before its pixels; empty when it has none."""
    at = 8
    while at + 8 <= len(front):
        size, found = struct.unpack_from(">I4s", front, at)
        if found == name:
            return front[at + 8 : at + 8 + size]
        if found == b"IDAT":
            break
        at += 12 + size
    return b""
