"""Gaze folders and packs of strangers: one file of them damaged, or with names and numbers that lead elsewhere."""

import gzip
import json
import os
import shutil
import sys
import sysconfig

import numpy as np

from mindaam.data.datasets.finding import find_data
from mindaam.data.datasets.opening import read_splits, splits_of
from mindaam.errors import InputError
from mindaam.zoo.fetching.cache import cache_dir
from tests.data import strangers
from tests.reliability.auditing import listening, opened
from tests.reliability.mutations import mutated
from tests.reliability.originals.gaze_data import FOLDERS, KINDS, gaze_data
from tests.reliability.row import ROOT, Row, refusal_fault, require

# what reading itself opens: the package's own files, Python's, the system's
OWN = (str(ROOT), sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], "/proc", "/sys", "/dev", "/etc/ld")


def make(dice, number, folder):
    """Writes folder `number`; the first of each kind are whole."""
    kind = KINDS[number % len(KINDS)]
    root = folder / FOLDERS[kind]
    for each in folder.iterdir():
        shutil.rmtree(each)
    files = dict(gaze_data(kind))
    if number >= len(KINDS):
        # the small files say what the large ones mean
        name = dice.choice([name for name in files if dice.random() < 0.3 or name.endswith(("json", "gz", "npz"))])
        files[name] = _damaged(name, files[name], dice, files[dice.choice(sorted(files))])
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (folder / "x").mkdir()  # what "../../x" and the like would find
    if number < len(KINDS):
        (folder / "whole").mkdir()
    return root


def _damaged(name, content, dice, other):
    if name.endswith(".json") and dice.random() < 0.7:
        told = json.loads(content)
        how = dice.choice(("value", "value", "key", "gone"))
        places = list(strangers.places(told))
        changes = [(dice.choice(places), how, dice.choice(strangers.VALUES)) for _ in range(dice.choice((1, 2)))]
        return json.dumps(strangers.changed(told, changes)).encode()
    if name.endswith(".gz") and dice.random() < 0.7:
        table = gzip.decompress(content)
        if dice.random() < 0.5:
            lines = table.decode().split("\n")
            cells = lines[place := dice.randrange(len(lines))].split(",")
            cells[dice.randrange(len(cells))] = str(dice.choice(strangers.VALUES))
            lines[place] = ",".join(cells)
            return gzip.compress("\n".join(lines).encode(errors="surrogatepass"))
        return gzip.compress(mutated(table, dice))
    return mutated(content, dice, other)


def attempt(path):
    """Finds and opens all splits, and reads every entry; nothing outside the folder is opened."""
    refusals = []
    with listening() as heard:
        try:
            for data in find_data(path.parent):
                for split in splits_of(data):
                    readers, _ = read_splits(data, [split])
                    for reader in readers.values():
                        refusals += _read(reader)
        except InputError as error:
            refusals.append(error)
    strange = [
        each for each in opened(heard) if not os.path.abspath(each).startswith((f"{path}/", str(cache_dir()), *OWN))
    ]
    require(not strange, f"{strange[:3]} opened")
    for error in refusals:
        fault = refusal_fault(str(error), path)
        require(not fault, f"{fault}: {str(error)[:200]!r}")
    require(not refusals or not (path.parent / "whole").exists(), f"a good folder is refused: {refusals[:1]}")
    if refusals:
        raise refusals[0]


def _read(reader):
    """Reads all entries of a reader; returns the refusals of single ones."""
    refusals = []
    for index in range(len(reader)):
        try:
            if hasattr(reader, "clip"):
                sample = reader.clip(index, range(min(3, reader.frames(index))), (16, 24))
                image, density, points = sample.image, sample.density, reader.fixations(index, 0)
            else:
                image, density, points = reader.image(index), reader.density(index), reader.fixations(index)
        except InputError as error:
            refusals.append(error)
            continue
        require(np.isfinite(image).all() and image.shape[-1] == 3, f"an image {image.shape}")
        require(np.isfinite(density).all() and density.min() >= 0, "a density that is none")
        require(points is None or np.isfinite(points).all(), "fixations that are not finite")
        require(all(text.strip() for text in reader.prompts.of(reader.entries[index][1])), "an empty sentence")
    return refusals


def names(path):
    """A refusal names the folder, or a file in it."""
    return (path.name, str(path.parent))


ROW = Row(
    "gaze-data",
    "untrusted gaze folders and packs",
    "File names and numbers in a gaze folder or a pack are checked before use; nothing outside it is read.",
    "A folder of images, one of videos and the packs of both, with one file of each damaged, or with names such as "
    "../../x and invalid numbers in its JSON and tables; every entry of every split is read.",
    600,
    make,
    attempt,
    megabytes=1500,
    names=names,
)
