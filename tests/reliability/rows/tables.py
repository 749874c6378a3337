"""Tables of eye trackers, whole and damaged, imported."""

import json
import shutil
from functools import cache

import numpy as np
from PIL import Image

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.imports.importing import Wanted, import_gaze
from mindaam.errors import MindAAMError
from tests.reliability.mutations import mutated
from tests.reliability.originals.tables import KINDS, NAMES, ROWS, SIZES, another_cell, shuffled
from tests.reliability.row import Row, require


def make(dice, number, folder):
    """Writes table `number`, the whole ones first, beside the images that it speaks of."""
    kind = NAMES[number % len(NAMES)]
    content, whole = KINDS[kind], number < 2 * len(NAMES)
    if number >= len(NAMES) and whole:
        content = shuffled(content, dice) if kind in ("plain", "capitals", "missing") else content
    elif not whole:
        byte = kind == "utf-16" or number % 2
        content = mutated(content, dice, KINDS[dice.choice(NAMES)]) if byte else another_cell(content, dice)
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "images").mkdir(exist_ok=True)
    for name, size in SIZES.items():
        if not (folder / "images" / name).exists():
            Image.new("RGB", size, (200, 100, 50)).save(folder / "images" / name)
    path = folder / f"{'whole' if whole else 'table'}{'-fractions' if kind == 'fractions' else ''}.csv"
    path.write_bytes(content)
    return path


@cache
def _known():
    """{image: sorted fixations} of the whole tables."""
    return {name: sorted((x, y) for image, _, x, y, _ in ROWS if image == name) for name in SIZES}


def attempt(path):
    """Imports a table, and opens what was written: fixations lie in their images, those of whole tables are known."""
    out = path.parent / "out" / "mine"
    try:
        import_gaze(path.parent / "images", path, out, Wanted(fractions="fractions" in path.stem))
    except MindAAMError as error:
        require(not out.parent.exists(), "a refused import leaves something")
        require(not path.stem.startswith("whole"), f"a good table is refused: {error}")
        raise
    found = {}
    for split in json.loads((out / "splits.json").read_text()):
        reader = GazeFolder(out, split)
        for index, (name, _) in enumerate(reader.entries):
            points = reader.fixations(index)
            inside = (points >= 0) & (points < SIZES[name])
            require(np.isfinite(points).all() and inside.all(), f"fixations of {name} beside it: {points[:3]}")
            found.setdefault(name, []).extend(map(tuple, points))
    if path.stem.startswith("whole"):
        for name, points in _known().items():
            np.testing.assert_allclose(sorted(found[name]), points, atol=1e-3)


ROW = Row(
    "tables",
    "tables of eye trackers, intact and damaged",
    "A table is imported with its numbers, or refused with the line number; no partial output remains.",
    "Fifteen ways of writing the same fixations (commas, semicolons with decimal commas, tabs, sep=, SMI, EyeLink, "
    "missing gaze, UTF-16, fractions of the image) must give the same result; with cells changed, added or removed, "
    "or bytes damaged, fixations are within their images.",
    600,
    make,
    attempt,
    megabytes=1000,
)
