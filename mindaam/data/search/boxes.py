"""Boxes of things on the images of gaze folders: weak labels, `objects/FOLDER.json` beside the folders.

Made by detectors, not by people: nearly all boxes are right, but many things have none. So a box shows that a thing is
there; nothing shows that it is absent.
"""

import json
from pathlib import Path

import numpy as np

from mindaam.errors import InputError
from mindaam.files import read_small

FOLDER = "objects"
LARGEST = 50_000_000  # bytes of a file; 400 images take 0.3 MB
MOST = 1000  # boxes of an image
FARTHEST = 1e6  # pixels that a coordinate or a side may have


def path_of(root, name):
    """Where the boxes of a gaze folder are. root: of the gaze folders."""
    return Path(root) / FOLDER / f"{name}.json"


def read(path):
    """{image: {class: boxes}}, boxes float32 [n,4] (x, y, width, height) in pixels of the stored image.

    Raises InputError for a missing or damaged file, for a box without area, and for one with values that are not
    finite or beyond FARTHEST.
    """
    path = Path(path)
    try:
        content = json.loads(read_small(path, LARGEST))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; search conditions need the boxes of each folder's images") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}; copy it again") from error
    images = content.get("pictures") if isinstance(content, dict) else None
    if not isinstance(images, dict):
        raise InputError(f'{path} must have "pictures", the boxes of each image; copy it again')
    return {name: _of_image(path, name, each) for name, each in images.items()}


def mask(boxes, stored, size):
    """Which share of each pixel a union of boxes covers, about: float32 [H,W] in 0..1, the greatest of the boxes'.

    boxes: [n,4] in pixels of the stored image; stored, size: (height, width) of it and of the mask. A box beyond the
    image's border covers what is inside.
    """
    covered = np.zeros(size, np.float32)
    for x, y, width, height in boxes:
        rows = _cover(y / stored[0] * size[0], (y + height) / stored[0] * size[0], size[0])
        columns = _cover(x / stored[1] * size[1], (x + width) / stored[1] * size[1], size[1])
        covered = np.maximum(covered, rows[:, None] * columns)
    return covered


def _cover(begin, end, count):
    """Which share of each of `count` unit intervals [begin, end] covers, float32."""
    edges = np.arange(count + 1)
    return np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin), 0, 1).astype(np.float32)


def _of_image(path, name, listed):
    found = {}
    if not isinstance(listed, list) or len(listed) > MOST:
        raise InputError(f'{path}: "{name}" must have a list of at most {MOST} boxes; copy the file again')
    for each in listed:
        box = each.get("box") if isinstance(each, dict) else None
        sound = isinstance(box, list) and len(box) == 4 and all(_is_number(value) for value in box)
        if not sound or not isinstance(each.get("name"), str) or box[2] <= 0 or box[3] <= 0:
            raise InputError(
                f'{path}: "{name}" has a box that is not {{"name": text, "box": [x, y, width, height]}} with an area; '
                "copy the file again"
            )
        found.setdefault(each["name"], []).append(box)
    return {key: np.array(boxes, np.float32) for key, boxes in found.items()}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= FARTHEST
