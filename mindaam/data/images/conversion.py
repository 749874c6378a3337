"""A Pillow image, loaded, as uint8 RGB: every mode and depth, transparency composited on white."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mindaam.data.images import tone_mapping
from mindaam.errors import InputError

WHITE = 255
_BITS, _PIXELS = 258, 262  # TIFF's tags: bits of a value, what values mean
_MIN_IS_WHITE = 0
_PIXELS_AT_ONCE = 16_000_000
_LOW_BYTES = "RGB;16L"  # to Pillow: the first bytes of pairs are dropped, which of big-endian ones are the high bytes


class Stored(NamedTuple):
    """How the file at `path` stores its pixels, which Pillow forgets when it loads them. raw: Pillow's name, such as
    "L;4". white: the largest value of 16-bit gray. inverted: whether 0 is white."""

    path: Path
    raw: str
    white: int
    inverted: bool


def stored(source, path):
    """Stored of an image, opened from `path` and not yet loaded."""
    args = source.tile[0][3] if source.tile else ""
    raw = args if isinstance(args, str) else args[0] if args and isinstance(args[0], str) else ""
    if source.format != "TIFF":
        return Stored(path, raw, 65535, False)
    bits = source.tag_v2.get(_BITS, (16,))[0]
    white = 2**bits - 1 if 8 < bits <= 16 else 65535
    return Stored(path, raw, white, source.tag_v2.get(_PIXELS) == _MIN_IS_WHITE)


def only_low_bytes(source):
    """Has the low bytes of an RGB image of 16 bits, not yet loaded, decoded; Pillow itself keeps the high ones."""
    source.tile = [tile._replace(args=_LOW_BYTES) for tile in source.tile]


def to_rgb(source, how, low_bytes, bright=None):
    """uint8 RGB [H,W,3] of a loaded image; transparent parts are white.

    how: its Stored. low_bytes: called for the low bytes, uint8 [H,W,3], of an RGB image of 16 bits with a transparent
    color, which is given in all bits. bright: its `remarks.dynamic_range`. Raises InputError for 32-bit pixels.
    """
    key = source.info.get("transparency")
    if source.mode == "F" or (source.mode == "I" and source.format != "PPM"):
        raise InputError(f"{how.path}: 32-bit pixels have no agreed white point; save it with 8 or 16 bits")
    if how.raw == "RGB;16B" and isinstance(key, tuple) and bright is None:
        return _without_key(np.array(source), low_bytes(), key)
    image = np.empty((source.height, source.width, 3), np.uint8)
    rows = max(1, _PIXELS_AT_ONCE // max(source.width, 1))  # several copies of a large image would fill the memory
    for top in range(0, source.height, rows):
        part = source if rows >= source.height else source.crop((0, top, source.width, min(top + rows, len(image))))
        image[top : top + rows] = _converted(_tone_mapped(part, *bright) if bright else part, how, key)
    return image


def _converted(source, how, key):
    """uint8 RGB [H,W,3] of an image; key: its transparent gray or color, or palette entries, if any."""
    if source.mode.startswith("I"):
        return _from_16_bits(source, how, key)
    if source.mode == "L" and how.raw in ("L;2", "L;4") and isinstance(key, int):
        values = np.array(source)  # Pillow spreads such values to 0..255, but not the key
        return _gray(values, values == key * (85 if how.raw == "L;2" else 17))
    if source.mode == "La":
        source = source.convert("LA")
    if source.has_transparency_data:
        source = source.convert("RGBA")
        source = Image.alpha_composite(Image.new("RGBA", source.size, "white"), source)
    return np.asarray(source.convert("RGB"))


def _tone_mapped(source, transfer, primaries):
    """An 8-bit image in sRGB of one in PQ or HLG, as transparent as before."""
    alpha = source.convert("RGBA").getchannel("A") if source.has_transparency_data else None
    if source.mode.startswith("I;16"):
        codes = np.repeat(np.asarray(source).astype(np.uint16)[..., None], 3, axis=2)
    else:
        codes = np.asarray(source.convert("RGB")).astype(np.uint16) * 257
    mapped = Image.fromarray(tone_mapping.tone_mapped(codes, transfer, primaries))
    if alpha is not None:
        mapped.putalpha(alpha)
    return mapped


def _from_16_bits(source, how, key):
    """A gray image of 9 to 16 bits; Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(source).astype(np.uint32)
    clear = values == key if isinstance(key, int) else None
    if how.inverted:
        values = how.white - np.minimum(values, how.white)
    gray = (np.minimum(values, how.white) * 255 + how.white // 2) // how.white
    return _gray(gray.astype(np.uint8), clear)


def _gray(gray, clear):
    """uint8 [H,W] as RGB, white where `clear`, bool [H,W] or None."""
    if clear is not None:
        gray[clear] = WHITE
    return np.repeat(gray[..., None], 3, axis=2)


def _without_key(image, low, key):
    """uint8 RGB [H,W,3], white where its 16-bit color, of which `low` are the low bytes, is `key`."""
    high_key, low_key = (np.array([each >> shift & 255 for each in key], np.uint8) for shift in (8, 0))
    image[((image == high_key) & (low == low_key)).all(axis=2)] = WHITE
    return image
