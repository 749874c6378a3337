"""Long images in overlapping tiles: where the tiles are, and how their maps become one."""

import math

import numpy as np

LONG = 4 / 3  # length of a tile in short sides of the image: the shape of most images of the training
OVERLAP = 1 / 3  # of a tile's length that the next one covers again, at least
MOST = 64  # tiles; beyond, they overlap less


def boxes(shape):
    """The (top, left, height, width) of the tiles of an image [H, W], in order along its longer side; one that is the
    whole image where it is no longer than a tile."""
    height, width = shape
    short, long = sorted(shape)
    length = max(round(LONG * short), math.ceil(long / MOST))
    if long <= length:
        return [(0, 0, height, width)]
    count = min(MOST, 1 + math.ceil((long - length) / (length * (1 - OVERLAP))))
    starts = np.linspace(0, long - length, count).round().astype(int).tolist()
    if height > width:
        return [(start, 0, length, width) for start in starts]
    return [(0, start, height, length) for start in starts]


def blended(shape, parts):
    """The map float32 [H, W] of tiles' maps: their mean, weighted by the distance to the tile's ends.

    parts: iterable of (box, map [h, w]) that cover the image, as of `boxes`; one map is in memory at a time.
    """
    total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for (top, left, height, width), values in parts:
        weight = _ramp(height, top > 0, top + height < shape[0])[:, None]
        weight = weight * _ramp(width, left > 0, left + width < shape[1])
        place = slice(top, top + height), slice(left, left + width)
        total[place] += weight * values
        weights[place] += weight
    return total / weights


def _ramp(length, rises, falls):
    """Weights float32 [length]: 1 in the middle, falling linearly towards an end that another tile covers as well."""
    steps = np.arange(1, length + 1, dtype=np.float32) / (OVERLAP * length)
    weight = np.ones(length, np.float32)
    if rises:
        weight = np.minimum(weight, steps)
    if falls:
        weight = np.minimum(weight, steps[::-1])
    return weight
