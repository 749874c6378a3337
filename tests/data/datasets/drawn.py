"""Drawn pictures, maps and points that the made data sets of the tests consist of, and what a reader has to find."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image


@dataclass
class Entry:
    """One picture. path: under the set's folder. name: as readers call it. split: None where the set has none of its
    own. image: uint8 [H,W,3] as it was before it was written (a JPEG differs a little). fixations: float32 [n,2] as the
    source has them, also those beside the picture; None where there are none. map: uint8 [h,w] as written, or None."""

    path: str
    name: str
    split: str | None
    image: np.ndarray
    fixations: np.ndarray | None = None
    map: np.ndarray | None = None


@dataclass
class Expected:
    """What a tree holds. atol: how exactly its form stores coordinates, in pixels."""

    entries: list = field(default_factory=list)
    atol: float = 0.0


def picture(number, width, height):
    """A smooth picture, another for each number: uint8 [H,W,3]."""
    x, y = np.linspace(0, 1, width)[None], np.linspace(0, 1, height)[:, None]
    planes = [0.2 + 0.6 * x + 0 * y, 0.2 + 0.6 * y + 0 * x, 0.5 + 0.4 * np.sin(number + 2 * x + y)]
    return np.rint(255 * np.stack(planes, 2)).astype(np.uint8)


def map_of(number, image):
    """A smooth map of the picture's size with its peak right of and above the middle: uint8 [H,W]."""
    height, width = image.shape[:2]
    x, y = np.arange(width)[None] / width, np.arange(height)[:, None] / height
    return np.rint(255 * np.exp(-20 * ((x - 0.7) ** 2 + (y - 0.3 - 0.05 * number) ** 2))).astype(np.uint8)


def numbers(seed, count, width, height):
    """Pixels' numbers (x, y) from 1, the last pixel among them: float64 [n,2]."""
    points = np.random.default_rng(seed).integers(1, [width + 1, height + 1], (count, 2)).astype(np.float64)
    points[-1] = width, height
    return points


def measured(seed, count, width, height):
    """Points in the picture, right of its middle more often than not: float32 [n,2]."""
    return (np.random.default_rng(seed).uniform([0.3, 0], [0.99, 0.7], (count, 2)) * [width, height]).astype(np.float32)


def mask_of(seed, image):
    """A mask with a few pixels, at most one in a block of a JPEG, and their centres row by row: bool [H,W], [n,2]."""
    height, width = image.shape[:2]
    chosen = np.random.default_rng(seed).permutation((height // 8) * (width // 8))[:6]
    rows, columns = 8 * (chosen // (width // 8)) + chosen % 5, 8 * (chosen % (width // 8)) + chosen % 7
    mask = np.zeros((height, width), bool)
    mask[rows, columns] = True
    return mask, (np.argwhere(mask)[:, ::-1] + 0.5).astype(np.float32)


def points_picture(path, seed, image):
    mask, points = mask_of(seed, image)
    write(path, mask.astype(np.uint8) * 255)
    return points


def write(path, pixels):
    """Writes a picture by its suffix, a JPEG at quality 95; returns the pixels."""
    Image.fromarray(pixels).save(parent(path), **({} if path.suffix == ".png" else {"quality": 95}))
    return pixels


def parent(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def stem_of(path):
    return path.rpartition("/")[2].rpartition(".")[0]
