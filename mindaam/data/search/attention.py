"""Where people look in search of a thing: made from where they looked freely, and from the thing's boxes.

No one searched: it is the recorded gaze, re-weighted towards the boxes, with a part that is spread within them as
people look at such things. A model that is trained with it is weakly supervised, and is described as that.
"""

import numpy as np

FOUND = 0.75  # share of the attention that the boxes get, at least: the rest stays free viewing
RECORDED = 0.5  # of the attention within the boxes: the part that is distributed as the recorded gaze there
# The rest is spread within each box: a Gaussian about (column, row) of the box, its sigmas in shares of its sides. Of
# a person people look at the head first, text is read along its line.
PLACES = {
    "person": ((0.5, 0.2), (0.2, 0.15)),
    "text": ((0.45, 0.5), (0.35, 0.3)),
}
ELSE = ((0.5, 0.5), (0.25, 0.25))
LEAST_SIGMA = 0.01  # of the map's width: as wide as a person's gaze is exact


def searched(free, covered, boxes, stored, name):
    """The density of attention in search of a class: float32 [H,W], sum 1.

    free: density [H,W] of free viewing, sum 1; covered: `boxes.mask` [H,W]; boxes: [n,4] in pixels of the stored image
    of `stored` (height, width); name: the class. What people looked at outside the boxes keeps its proportions.
    """
    inside, spread = free * covered, within(boxes, stored, free.shape, name)
    share = float(inside.sum())
    target = inside / share * RECORDED + spread * (1 - RECORDED) if share > 1e-6 else spread
    share = max(share, FOUND)
    outside = free * (1 - covered)
    rest = outside / max(float(outside.sum()), 1e-12) * (1 - share)
    found = share * target + rest
    return (found / found.sum()).astype(np.float32)


def within(boxes, stored, size, name):
    """A density that is spread within boxes, each box with the same weight: float32 [H,W], sum 1."""
    (column, row), (wide, tall) = PLACES.get(name, ELSE)
    total = np.zeros(size, np.float32)
    rows, columns = (np.arange(count) + 0.5 for count in size)
    for x, y, width, height in np.asarray(boxes) / np.array([stored[1], stored[0]] * 2, np.float32):
        down = _bell(rows / size[0], y + row * height, max(tall * height, LEAST_SIGMA))
        along = _bell(columns / size[1], x + column * width, max(wide * width, LEAST_SIGMA))
        bell = down[:, None] * along
        total += bell / max(float(bell.sum()), 1e-12)
    return total / max(float(total.sum()), 1e-12)


def _bell(places, center, sigma):
    return np.exp(-0.5 * ((places - center) / sigma) ** 2).astype(np.float32)
