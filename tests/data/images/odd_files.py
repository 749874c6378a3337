"""Image files written by hand, of kinds that Pillow does not write: PNG chunks, TIFF tags, JPEG scans, file headers."""

import struct
import zlib

TIFF_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 13: "I"}


def png(rows, size, depth, color, chunks=()):
    """A PNG of filtered `rows` (bytes); size: (width, height); chunks: pairs (name, content) before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def words(*values):
    """Unfiltered PNG row of 16-bit values."""
    return b"\0" + struct.pack(f">{len(values)}H", *values)


def tiff(*directories, order="<", strip=b""):
    """A TIFF whose pages are `directories`: {tag: (type, values)}; each one's strip is `strip`, at 8.

    A value that is a dict of tags becomes a sub-directory.
    """
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4) + strip + bytes(len(strip) % 2))
    link = 4
    for tags in directories:
        where, link_at = _directory(out, tags, order, len(strip))
        struct.pack_into(order + "I", out, link, where)
        link = link_at
    return bytes(out)


def _directory(out, tags, order, size):
    tags = {273: (4, [8]), 279: (4, [size]), **tags}
    cells = b""
    for tag, (form, values) in sorted(tags.items()):
        values = [_directory(out, each, order, size)[0] if isinstance(each, dict) else each for each in values]
        raw = struct.pack(f"{order}{len(values)}{TIFF_TYPES[form]}", *values)
        if len(raw) > 4:
            raw, place = struct.pack(order + "I", len(out)), raw
            out += place + bytes(len(place) % 2)
        cells += struct.pack(order + "HHI", tag, form, len(values)) + raw.ljust(4, b"\0")
    where = len(out)
    out += struct.pack(order + "H", len(tags)) + cells + bytes(4)
    return where, len(out) - 4


def page(width, height, photometric=1, bits=(8,), compression=1, **more):
    """The tags of a TIFF page; more: tagN=(type, values)."""
    tags = {256: (3, [width]), 257: (3, [height]), 258: (3, list(bits)), 259: (3, [compression])}
    tags |= {262: (3, [photometric]), 277: (3, [len(bits)]), 278: (3, [height])}
    return tags | {int(name[3:]): value for name, value in more.items()}


def progressive_jpeg(width, height, scans):
    """A grey progressive JPEG of so many scans, all but the first of them empty: a bomb when they are many."""

    def segment(marker, content):
        return bytes([255, marker]) + struct.pack(">H", len(content) + 2) + content

    code = bytes([1] + [0] * 15)
    parts = [b"\xff\xd8", segment(0xDB, b"\0" + bytes([1] * 64))]
    parts.append(segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])))
    parts += [segment(0xC4, b"\0" + code + b"\0"), segment(0xC4, b"\x10" + code + b"\x01")]
    parts.append(segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-width // 8) * -(-height // 8) // 8 + 1))
    parts += [segment(0xDA, bytes([1, 1, 0, 1, 63, 0]))] * (scans - 1)
    return b"".join(parts) + b"\xff\xd9"


def iso_file(*brands):
    """The first bytes of an ISO base media file of these brands."""
    return (
        struct.pack(">I", 8 + 4 * (len(brands) + 1)) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:]) + bytes(64)
    )
