"""Regions of an image: boxes, polygons and masks, and the pixels that belong to them.

A pixel belongs to a box or polygon when its center lies inside, so that regions that share an edge share no pixel.
"""

from typing import NamedTuple

import numpy as np

from mindaam.errors import InputError

PIXELS, FRACTION = "pixels", "fraction"
SLACK = 1e-6  # of a side: how far round-off may put a fraction outside
SHOWN_PAIRS = 5  # overlaps that are listed by name


class Region(NamedTuple):
    """A named region.

    shape: the (x, y) corners [n, 2] of a polygon, float64, or a mask, bool [H, W]. unit: of the corners, PIXELS from
    the left and top edge of the image, or FRACTION of its width and height. source: where it comes from, for messages.
    """

    name: str
    shape: np.ndarray
    unit: str = PIXELS
    source: str = "regions"

    @property
    def is_mask(self):
        """Whether the shape is a mask."""
        return self.shape.dtype == bool


class Area(NamedTuple):
    """The pixels of a region in an image. rows, columns: slices of its bounding box; inside: bool [h, w] of that box;
    pixels: how many; share: their part of the image, 0..1."""

    name: str
    rows: slice
    columns: slice
    inside: np.ndarray
    pixels: int
    share: float


def box(x, y, width, height):
    """The corners [4, 2] of a box."""
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float64)


def areas(regions, size, image="the image"):
    """The Areas of Regions in an image of `size` (H, W); `image` is its name in messages.

    Raises InputError for a region that is not inside the image, that holds no pixel, and for a mask of another size.
    """
    return [_area(region, size, image) for region in regions]


def overlaps(found):
    """One sentence on the Areas that share pixels, "" where none do."""
    pairs = [(a, b) for k, b in enumerate(found) for a in found[:k] if _shared(a, b)]
    if not pairs:
        return ""
    named = ", ".join(f'"{a.name}" and "{b.name}"' for a, b in pairs[:SHOWN_PAIRS])
    more = f" and {len(pairs) - SHOWN_PAIRS} more pairs" if len(pairs) > SHOWN_PAIRS else ""
    return f"overlapping regions count the attention in both: {named}{more}"


def _area(region, size, image):
    if region.is_mask:
        if region.shape.shape != tuple(size):
            raise InputError(
                f'{region.source}: the mask of "{region.name}" has {_size(region.shape.shape)} pixels and {image} '
                f"{_size(size)}; save the mask at the size of the image"
            )
        corner, inside = (0, 0), region.shape
    else:
        corner, inside = _filled(_corners(region, size, image), size)
    rows, columns = inside.any(1).nonzero()[0], inside.any(0).nonzero()[0]
    if not len(rows):
        raise InputError(
            f'{region.source}: the region "{region.name}" holds no pixel of {image} ({_size(size)}); make it larger'
        )
    (top, bottom), (left, right) = ((each[0], each[-1] + 1) for each in (rows, columns))
    inside = np.ascontiguousarray(inside[top:bottom, left:right])
    pixels = int(inside.sum())
    y, x = int(corner[0]), int(corner[1])
    return Area(
        region.name, slice(y + int(top), y + int(bottom)), slice(x + int(left), x + int(right)), inside, pixels,
        pixels / (size[0] * size[1]),
    )  # fmt: skip


def _corners(region, size, image):
    """The corners in pixels; InputError where one is outside."""
    scale = np.array(size[::-1], np.float64)
    corners = region.shape * scale if region.unit == FRACTION else region.shape
    slack = SLACK * scale
    if (corners < -slack).any() or (corners > scale + slack).any():
        (x, y), (right, bottom) = (f(corners, 0) for f in (np.min, np.max))
        raise InputError(
            f'{region.source}: the region "{region.name}" reaches from ({x:g}, {y:g}) to ({right:g}, {bottom:g}), '
            f"outside {image} of {_size(size)} pixels; correct the region, or its unit"
        )
    return np.clip(corners, 0, scale)


def _filled(corners, size):
    """((top, left), bool [h, w]): the pixels of the bounding box whose centers are inside, by the even-odd rule."""
    (left, top), (right, bottom) = (np.floor(np.min(corners, 0)), np.ceil(np.max(corners, 0)))
    left, top, right, bottom = (int(each) for each in (left, top, right, bottom))
    inside = np.zeros((max(bottom - top, 0), max(right - left, 0)), bool)
    starts, ends = corners, np.roll(corners, -1, 0)
    for row in range(len(inside)):
        y = top + row + 0.5
        crossing = (starts[:, 1] <= y) != (ends[:, 1] <= y)
        (x0, y0), (x1, y1) = starts[crossing].T, ends[crossing].T
        places = np.sort(x0 + (y - y0) * (x1 - x0) / (y1 - y0)) - left
        columns = np.ceil(places - 0.5).astype(int)  # the first pixel whose center is not before the edge
        for first, last in columns.reshape(-1, 2):
            inside[row, first:last] = True
    return (top, left), inside


def _shared(a, b):
    """Whether two Areas share a pixel."""
    top, bottom = max(a.rows.start, b.rows.start), min(a.rows.stop, b.rows.stop)
    left, right = max(a.columns.start, b.columns.start), min(a.columns.stop, b.columns.stop)
    if top >= bottom or left >= right:
        return False

    def part(each):
        y, x = each.rows.start, each.columns.start
        return each.inside[top - y : bottom - y, left - x : right - x]

    return bool((part(a) & part(b)).any())


def _size(size):
    return f"{size[1]} x {size[0]}"
