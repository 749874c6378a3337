"""TIFF files that are no finished image: camera raws, whose first image is a thumbnail, and thumbnails of other pages.

Nikon, Sony, Adobe and others keep the sensor's values in a TIFF; its first directory often holds a small preview, which
readers of TIFF interpret as the image.
"""

import struct
from typing import NamedTuple

MOST = 64  # directories that are read
# Of tag 259 (compression) and 262 (what pixels mean), values that only sensors' data have.
RAW_COMPRESSIONS = {34713, 32767, 32769, 32770, 32772, 65000, 65535, 34892, 52546}
RAW_PIXELS = {32803, 34892}  # color filter array, linear raw
SUBFILE, WIDTH, HEIGHT, COMPRESSION, PIXELS, MAKE, SUB_IFDS, DNG_VERSION = 254, 256, 257, 259, 262, 271, 330, 50706
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


class Directory(NamedTuple):
    """One image of a TIFF file: {tag: its first values} of those above, and whether it is a page, not a sub-image."""

    tags: dict
    page: bool

    def first(self, tag, default=0):
        """The first value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def pixels(self):
        """Width times height."""
        return self.first(WIDTH) * self.first(HEIGHT)

    @property
    def is_reduced(self):
        """Whether it is a smaller version of another image in the file."""
        return bool(self.first(SUBFILE) & 1)


def directories(stream):
    """The Directories of a TIFF file, a binary stream, at most MOST; those that can be read of a damaged one."""
    order, big, where = _header(stream)
    if order is None:
        return []
    found, waiting, seen = [], [(where, True)], set()
    while waiting and len(found) < MOST:
        where, page = waiting.pop(0)
        if not where or where in seen:  # files whose directories point at each other
            continue
        seen.add(where)
        try:
            tags, following = _directory(stream, where, order, big)
        except (struct.error, OSError, OverflowError, ValueError):
            continue
        found.append(Directory(tags, page))
        waiting += [(each, False) for each in tags.get(SUB_IFDS, ())]
        if page:
            waiting.append((following, True))
    return found


def is_raw(found, raw_name):
    """Whether Directories are those of a camera raw file. raw_name: whether it has the suffix of one."""
    return bool(found) and any(
        DNG_VERSION in each.tags
        or each.first(PIXELS) in RAW_PIXELS
        or (each.first(COMPRESSION) in RAW_COMPRESSIONS and MAKE in found[0].tags)
        or raw_name
        for each in found
    )


def shows_thumbnail(found):
    """Whether the first of Directories is a reduced version of a larger one."""
    return bool(found) and found[0].is_reduced and any(each.pixels > found[0].pixels for each in found[1:])


def pages(found):
    """How many pages there are, thumbnails and masks not counted."""
    return sum(each.page and not each.first(SUBFILE) & 5 for each in found)


def _header(stream):
    start = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 16:
        return None, False, 0
    magic = struct.unpack(order + "H", start[2:4])[0]
    if magic == 43:
        return order, True, struct.unpack(order + "Q", start[8:16])[0]
    return (order if magic == 42 else None), False, struct.unpack(order + "I", start[4:8])[0]


def _directory(stream, where, order, big):
    """({tag: first values}, where the next directory is) of the directory at a place."""
    cell, whole, count = (8, 20, "Q") if big else (4, 12, "H")
    stream.seek(where)
    number = struct.unpack(order + count, stream.read(struct.calcsize(count)))[0]
    table = stream.read(min(number, 4096) * whole + cell)
    tags = {}
    for at in range(0, len(table) - whole + 1, whole):
        tag, form = struct.unpack_from(order + "HH", table, at)
        amount = struct.unpack_from(order + ("Q" if big else "I"), table, at + 4)[0]
        if tag == MAKE:
            tags[tag] = (1,)
        elif tag in (SUBFILE, WIDTH, HEIGHT, COMPRESSION, PIXELS, SUB_IFDS, DNG_VERSION) and form in _TYPES and amount:
            tags[tag] = _values(stream, table[at + whole - cell : at + whole], order, _TYPES[form], min(amount, MOST))
    following = struct.unpack(order + ("Q" if big else "I"), table[-cell:])[0] if len(table) >= cell else 0
    return tags, following


def _values(stream, cell, order, form, amount):
    size = struct.calcsize(form) * amount
    if size > len(cell):
        stream.seek(int.from_bytes(cell, "little" if order == "<" else "big"))
        cell = stream.read(size)
    return struct.unpack(f"{order}{amount}{form}", cell[:size])
