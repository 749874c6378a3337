"""The one finder of data under a folder; training, evaluation, packing and the checks use it. `opening` opens what it
finds.

| kind | what is searched for | its name |
|---|---|---|
| pack | NAME.SPLIT/pack.json, as `mindaam data pack` writes it | NAME |
| gaze folder | NAME/meta.json, as `mindaam data import` writes it | that of its folder |
| dataset | the folder of a published dataset, as the catalogue describes it | its key |

Packs and gaze folders are searched for in the given folder alone, published datasets there and two folders below. The
given folder may itself be a pack, a gaze folder or a dataset; a pack or gaze folder is then the only result. Hidden
folders are skipped.

Where several of these have one name, one is used. Training uses the pack, else the gaze folder, else the dataset
(TRAINING): a pack is quick to read. Evaluation uses the gaze folder, else the dataset, else the pack (SCORING): scores
are those of the original images where these exist. Packing uses no pack (SOURCES). A pack counts only if the requested
split was packed.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.published import DEPTH, PACK, FoundSet, find_sets
from mindaam.data.datasets.readers.gaze_files import META
from mindaam.data.packs.pack import Pack
from mindaam.errors import InputError, nearest

PACKED, GAZE, PUBLISHED = "pack", "gaze folder", "dataset"
TRAINING, SCORING, SOURCES = (PACKED, GAZE, PUBLISHED), (GAZE, PUBLISHED, PACKED), (GAZE, PUBLISHED)


class NothingHere(InputError):
    """A folder under which no data exist, or none of the kinds that are searched for."""


class Packs(NamedTuple):
    """The packs of one name. places: {split: the pack's folder}."""

    name: str
    places: dict
    kind = PACKED


class Gaze(NamedTuple):
    """One gaze folder. place: its Path."""

    name: str
    place: Path
    kind = GAZE


class Published(NamedTuple):
    """One published dataset. found: where its files are and what they contain."""

    name: str
    found: FoundSet
    kind = PUBLISHED


def find_data(root, names=None, kinds=SCORING, *, split=None, without=()):
    """The data in or under a folder as a list of Packs, Gaze and Published, in the order of `kinds`.

    names: those to find, None for all; without: those to skip. kinds: of PACKED, GAZE and PUBLISHED; of several that
    have one name, the kind that comes first is used. split: packs count only if they contain it; None: all count. Only
    lists of datasets are read. Raises InputError for a folder that does not exist.
    """
    root, taken, found = Path(root), set(), []
    if not os.path.isdir(root):
        raise InputError(f"{root} is not a folder; give the folder of the datasets")

    def wanted(name):
        return name not in taken and name not in without and (names is None or name in names)

    for kind in kinds:
        here = _FINDERS[kind](root, wanted, split)
        taken |= {each.name for each in here}
        found += here
    return found


def gaze_folders(root):
    """`root` if it is a gaze folder, else the gaze folders in it, sorted: a list of Paths."""
    return _holding(Path(root), META)


def pack_folders(root):
    """`root` if it is a pack, else the packs in it, sorted: a list of Paths."""
    return _holding(Path(root), PACK)


def pack_name(place):
    """(name, split) of a pack's folder NAME.SPLIT; (None, None) for a folder of another name."""
    name, _, split = base_name(place).rpartition(".")
    return (name, split) if name and split else (None, None)


def base_name(place):
    """The name of a folder, however it was reached: also of "." and ".."."""
    return os.path.basename(os.path.abspath(place))


def not_here(root, name=None, kinds=SCORING):
    """The InputError for data that a folder does not contain; without a name NothingHere, for any data."""
    root = Path(root)
    there = [each.name for each in find_data(root, None, [kind for kind in kinds if kind != PUBLISHED])]
    check = f"`mindaam data check {root}` lists its content"
    if name in catalogue():
        record = catalogue()[name]
        return InputError(
            f"{root} does not contain {name}: no pack and no gaze folder has that name, and no folder named "
            f"{', '.join(record.folders[:3])}, up to {DEPTH} deep, has the files of {record.title}; {check}"
        )
    if name is not None:
        hint = nearest(name, [*there, *catalogue()])
        return InputError(
            f"{root} does not contain {name}: no pack, gaze folder or dataset has that name{hint}; {check}"
        )
    if PACKED not in kinds and pack_folders(root):
        return NothingHere(f"{root} contains packs and nothing else; give the folder that they were made from")
    places = [each.parent for file in (META, PACK) for each in sorted(root.glob(f"*/*/{file}"))]
    deeper = [each.parent for each in places if not (each.name.startswith(".") or each.parent.name.startswith("."))]
    hint = f"give {deeper[0]}, which contains some" if deeper else check
    return NothingHere(f"{root} contains no pack, gaze folder or dataset; {hint}")


def _packs(root, wanted, split):
    found = {}
    for place in pack_folders(root):
        name, its = pack_name(place)
        if place == root and name is None:
            pack = Pack(place)
            name, its = pack.name, pack.split
        if name is not None and wanted(name):
            found.setdefault(name, {})[its] = place
    kept = [name for name, places in found.items() if split is None or split in places]
    return [Packs(name, found[name]) for name in sorted(kept, key=lambda name: f"{name}.train")]


def _gaze(root, wanted, _split):
    named = [Gaze(base_name(place), place) for place in gaze_folders(root)]
    return [each for each in named if wanted(each.name)]


def _published(root, wanted, _split):
    keys = [key for key in catalogue() if wanted(key)]
    if not keys or any(os.path.isfile(root / file) for file in (META, PACK)):
        return []
    return [Published(found.record.key, found) for found in find_sets(root, keys)]


_FINDERS = {PACKED: _packs, GAZE: _gaze, PUBLISHED: _published}


def _holding(root, file):
    """The folder itself if it contains a file, else the folders in it that do, sorted; hidden ones are skipped."""
    if os.path.isfile(root / file):
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{file}") if not path.parent.name.startswith("."))
