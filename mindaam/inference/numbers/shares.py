"""How much attention regions hold, where its peaks are, and how widely it spreads."""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.transforms import fit_within

COARSE = 256  # longest side on which top points and spread are measured, pixels
RADIUS = 0.05  # of a top point's disc, in longest sides of the image
TOP = 5
ABOVE_CHANCE = 1.05  # ratio that the disc of a top point has at least


class Share(NamedTuple):
    """What a region holds. attention: its share of all attention, area: of the image, both 0..1; ratio: attention by
    area, 1 where it gets what chance gives; rank: 1 for the region with the most attention, equal for equal ones."""

    name: str
    attention: float
    area: float
    ratio: float
    rank: int


class Point(NamedTuple):
    """The center of a disc with much attention. rank: 1 for the most; it is no order in time. x, y: pixels from the
    left and top edge; attention: the share of all attention in the disc, 0..1."""

    rank: int
    x: float
    y: float
    attention: float


def shares(density, areas):
    """The Shares of Areas, in their order. density: [H, W] >= 0, any scale."""
    whole = float(density.sum(dtype=np.float64))
    held = [attention_in(density, area) / whole for area in areas]
    return from_attention(held, areas)


def from_attention(held, areas):
    """The Shares of Areas that hold these shares of attention, 0..1 each."""
    return [
        Share(area.name, value, area.share, value / area.share, 1 + sum(other > value for other in held))
        for value, area in zip(held, areas, strict=True)
    ]


def attention_in(density, area):
    """The sum of a density [H, W] over an Area, a float."""
    part = density[area.rows, area.columns]
    return float(part.sum(dtype=np.float64, where=area.inside))


def top_points(density, count=TOP):
    """At most `count` Points, ordered by rank. density: [H, W] >= 0, any scale.

    A point is the center of a disc with a radius of RADIUS longest sides that holds more attention than those around
    it, and more than its share of the area, so that a flat map has none. Discs do not overlap.
    """
    coarse = _coarse(density)
    radius = max(1, round(RADIUS * max(coarse.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float64)
    held = cv2.filter2D(coarse, -1, disc, borderType=cv2.BORDER_CONSTANT)
    chance = cv2.filter2D(np.full_like(coarse, 1 / coarse.size), -1, disc, borderType=cv2.BORDER_CONSTANT)
    rows, columns = np.indices(coarse.shape)
    scale_y, scale_x = (full / small for full, small in zip(density.shape, coarse.shape, strict=True))
    peaks = held >= cv2.dilate(held, disc.astype(np.uint8)) * (1 - 1e-9)
    left, found = np.where(peaks & (held > ABOVE_CHANCE * chance), held, -1.0), []
    while len(found) < count and left.max() > 0:
        y, x = np.unravel_index(left.argmax(), left.shape)
        x_full, y_full = (x + 0.5) * scale_x, (y + 0.5) * scale_y
        found.append(Point(len(found) + 1, float(x_full), float(y_full), min(1.0, float(held[y, x]))))
        left[np.hypot(rows - y, columns - x) <= 2 * radius] = -1.0
    return found


def spread(density, share=0.5):
    """The smallest part of the image's area, 0..1, that holds `share` of all attention; 0.5 for a flat map and half.

    density: [H, W] >= 0, any scale.
    """
    held = np.cumsum(np.sort(_coarse(density), None)[::-1])
    return float((np.searchsorted(held, share * held[-1]) + 1) / held.size)


def _coarse(density):
    """The density at no more than COARSE pixels a side, averaged over areas; float64, its sum 1."""
    density = np.asarray(density, np.float32)
    small = cv2.resize(density, fit_within(density.shape, COARSE)[::-1], interpolation=cv2.INTER_AREA)
    small = small.astype(np.float64)
    return small / small.sum()
