"""Bounds on the cost of a small image file, checked before anything is decoded.

Measured on one core: at most 10 ns per pixel and scan of a JPEG, 1 ns per pixel of an uncompressed TIFF tile. The
bounds keep an image below 15 seconds, even with a wrong header; ordinary images stay far below them.
"""

import re

from mindaam.errors import InputError

# A small file can claim to be enormous (a "decompression bomb"); 150 million pixels are 450 MB once decoded.
MAX_PIXELS = 150_000_000
# A progressive JPEG is decoded once for each of its scans, of which it has about ten.
MAX_SCANNED = 1_500_000_000  # scans times pixels: ten scans of the largest image, 41 of one of 6,000 x 6,000
MAX_TEXT = 20_000_000  # numbers of a PPM that is written as text, of which Pillow reads 1.5 million per second
MAX_TILED = 16  # times the area of a TIFF that its tiles may cover: each channel may have its own, at the most
_PIECE = 1 << 20
_START_OF_SCAN = b"\xff\xda"
# In a JPEG's compressed data 0xff is followed by 0 or by a restart marker (or by more 0xff).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def require_size(path, image):
    """Raises InputError for a Pillow image of more than MAX_PIXELS."""
    if image.width * image.height > MAX_PIXELS:
        raise too_large(path)


def require_affordable(path, image):
    """Raises InputError for a Pillow image, not yet loaded, that claims too many scans or tiles."""
    area = image.width * image.height
    if area * _tiles_cover(image) > MAX_TILED * max(area, 1):
        raise InputError(f"{path} is a TIFF whose tiles cover it many times over; save the image again")
    if image.tile and image.tile[0][0] == "ppm_plain" and area * len(image.getbands()) > MAX_TEXT:
        raise InputError(f"{path} is a large image written as text; save it as PNG")
    most = MAX_SCANNED // max(area, 1)
    if image.format in ("JPEG", "MPO") and _marks(path, most) > most and (scans := _scans(path)) > most:
        raise InputError(f"{path} is a JPEG of {scans} scans, each as large as the image; save the image again")
    # libtiff reads up to 100 scans in each strip
    if _is_jpeg_inside(image) and area * _marks(path, 100 * _strips(image)) > MAX_SCANNED * _strips(image):
        raise InputError(f"{path} is a TIFF of JPEGs with many scans; save the image again")


def too_large(path):
    """The InputError for more than MAX_PIXELS."""
    return InputError(f"{path} has more than {MAX_PIXELS // 1_000_000} million pixels; make the image smaller")


def _tiles_cover(image):
    """How often the tiles of an image that Pillow decodes by itself cover its area."""
    if image.format != "TIFF" or len(image.tile) < 2:
        return 1
    covered = sum((right - left) * (low - high) for left, high, right, low in (tile[1] for tile in image.tile))
    return covered / max(image.width * image.height, 1)


def _is_jpeg_inside(image):
    return image.format == "TIFF" and str(image.info.get("compression", "")).endswith("jpeg")


def _strips(image):
    """How many strips or tiles of a TIFF have offsets of their own."""
    return max(1, len({*image.tag_v2.get(273, ()), *image.tag_v2.get(324, ())}))


def _marks(path, enough):
    """How often a file has the two bytes that begin a scan; the count ends when it is more than enough."""
    count, last = 0, b""
    with open(path, "rb") as stream:
        while count <= enough and (piece := stream.read(_PIECE)):
            count += (last + piece).count(_START_OF_SCAN)
            last = piece[-1:]
    return count


def _scans(path):
    """The number of scans of the first JPEG in a file: its segments are walked up to its end, since thumbnails, gain
    maps and the videos that phones append contain JPEGs too."""
    with open(path, "rb") as stream:
        content = stream.read()
    at, scans = 2, 0
    while found := _MARKER.search(content, at):
        marker, at = content[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        if marker == 0xDA:
            scans += 1
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(content[at : at + 2], "big")
    return scans
