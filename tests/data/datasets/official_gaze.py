"""Recorded gaze of OSIE and FiWI, rewritten from its gaze folders into the layouts that the publishers gave the sets.

Pictures are linked, not copied. Both splits are written, since the official layouts know none.
"""

import csv
import gzip
import json

import numpy as np
from PIL import Image
from scipy.io import savemat

from tests.data.datasets.drawn import parent
from tests.data.datasets.image_trees import cell, osie_struct


def write_osie(source, root, names=None):
    """OSIE's repository under `root` from the gaze folder `source`: data/stimuli/ and data/eye/fixations.mat, which has
    each picture's fixations by viewer, in order. names: pictures to take, or None for all. Returns their names."""
    viewers = _fixations(source, names)
    structs = []
    for name, points in viewers.items():
        _link(source, root / "data" / "stimuli", name)
        structs.append(osie_struct(name, list(points.values())))
    savemat(parent(root / "data" / "eye" / "fixations.mat"), {"fixations": cell(structs)}, do_compression=True)
    return list(viewers)


def write_fiwi(source, root, names=None):
    """FiWI's archive under `root` from the gaze folder `source`: stimuli/ and eyeMaps/all5/, a PNG that is 255 where
    anybody fixated. names: pages to take, or None for all.

    Returns {page: whether no two of its fixations share a pixel}: where they do, the eye map has one instead of two,
    and its density is a little different. Fixations come back as the centres of their pixels.
    """
    viewers = _fixations(source, names)
    sizes = json.loads((source / "meta.json").read_text(encoding="utf-8"))["images"]
    kept = {}
    for name, points in viewers.items():
        _link(source, root / "stimuli", name)
        pixels = np.floor(np.concatenate(list(points.values()))).astype(int)
        width, height = sizes[name]["size"]
        eyes = np.zeros((height, width), np.uint8)
        eyes[pixels[:, 1], pixels[:, 0]] = 255
        Image.fromarray(eyes).save(parent(root / "eyeMaps" / "all5" / f"{name.rpartition('.')[0]}.png"))
        kept[name] = np.count_nonzero(eyes) == len(pixels)
    return kept


def _fixations(source, names):
    """{picture: {viewer: float64 [n,2] (x, y)}} in the order of the gaze folder's table."""
    found = {}
    with gzip.open(source / "fixations.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if names is None or row["image"] in names:
                viewers = found.setdefault(row["image"], {})
                viewers.setdefault(row["subject"], []).append((float(row["x"]), float(row["y"])))
    return {name: {viewer: np.array(points) for viewer, points in each.items()} for name, each in found.items()}


def _link(source, folder, name):
    parent(folder / name).symlink_to((source / "stimuli" / name).resolve())
