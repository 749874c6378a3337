"""Which published datasets are under a folder, and in which layout, by the names of folders and files.

`finding` finds them together with gaze folders and packs.

The folder of a dataset has one of its names (`Record.folders`), in the given folder or up to two below it; its layout
follows from the files in it. Released layouts that share one folder contain the dataset's name in their patterns.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.datasets.catalogue import catalogue, record
from mindaam.data.datasets.ground_truth import GroundTruth, chosen_source
from mindaam.data.datasets.readers import image_index, video_index
from mindaam.data.datasets.readers.gaze_files import META
from mindaam.data.datasets.tree import Problem, Tree, prefix
from mindaam.errors import InputError
from mindaam.files import real

PACK = "pack.json"
DEPTH = 2  # folders below the one given in which a dataset is searched for


class FoundSet(NamedTuple):
    """A dataset on this disk.

    record, layout: its Record and Layout; tree: the Tree of its folder; stimuli: Stimuli or Videos of all splits;
    problems: Problems of its files; source: "fixations" or "maps", what its densities would be made of.
    """

    record: object
    layout: object
    tree: Tree
    stimuli: list
    problems: list
    source: str

    @property
    def is_video(self):
        """Whether it holds videos."""
        return self.record.modality != "image"

    def labelled(self, split):
        """The stimuli of a split, or of a part of one, in order, if the split has gaze data."""
        mine = [each for each in self.stimuli if split in (each.split, each.fields.get("subset"))]
        return [each for each in mine if each.split not in (None, *self.layout.splits.unlabelled)]

    def parts(self):
        """Names of the parts of its splits that can be opened by themselves."""
        parts = [each.fields["subset"] for each in self.stimuli if "subset" in each.fields]
        return sorted(set(parts))

    def splits(self):
        """Names of its splits, the largest first."""
        names = [each.split for each in self.stimuli if each.split is not None]
        return sorted(set(names), key=lambda name: (-names.count(name), name))


def find_sets(root, keys=None):
    """The datasets in or under a folder as FoundSets in the catalogue's order. keys: those to find, None for all.

    Raises InputError for a folder that does not exist, ConfigError for an unknown key.
    """
    root = Path(root)
    if not os.path.isdir(root):
        raise InputError(f"{root} is not a folder; give the folder of the datasets")
    records = list(catalogue().values()) if keys is None else [record(key) for key in keys]
    folders, found = list(_folders(root)), []
    for each in records:
        candidates = [found_in(folder, each, named=_is_named(folder, each)) for folder in folders]
        candidates = [candidate for candidate in candidates if candidate is not None]
        if candidates:
            found.append(_the_one(candidates))
    return found


def find_set(root, key):
    """The FoundSet of one dataset in or under a folder. Raises InputError when it does not exist."""
    found = find_sets(root, [key])
    if not found:
        names = ", ".join(record(key).folders[:3])
        raise InputError(
            f"{root} does not contain {record(key).title}: no folder named {names}, up to {DEPTH} deep, has its "
            f"files; see `mindaam data check {root}`"
        )
    return found[0]


def named_folders(root, records):
    """{key: `root` and folders up to DEPTH below it that have the dataset's name}, with any content; for reports."""
    folders = list(_folders(Path(root)))
    return {each.key: [folder for folder in folders if _is_named(folder, each)] for each in records}


def found_in(folder, record, *, named=True):
    """The FoundSet of a record in this folder alone, in the layout that fits best; None when it has no file of it.

    named: whether the folder has the dataset's name, which most layouts require.
    """
    found = []
    for layout in record.layouts:
        tree = Tree(folder)
        places = [prefix(pattern).rstrip("/") for pattern in stimulus_patterns(layout)]
        there = any([tree.listing(place) for place in places])
        if (there and (named or not layout.named)) or (named and tree.problems):
            each = indexed(record, layout, tree, chosen_source(GroundTruth(), record, layout))
            # a broken link is no evidence of a dataset in a folder of another name
            evident = each.problems if named else set(each.problems) - set(tree.problems)
            found += [each] if each.stimuli or evident else []
    return _the_one(found) if found else None


def indexed(record, layout, tree, source):
    """The FoundSet of one layout, which may be empty."""
    index = video_index.index if layout.frames or layout.films else image_index.index
    try:
        return FoundSet(record, layout, tree, *index(tree, layout, source), source)
    except InputError as error:  # a list of a split, say, no longer exists
        there = any(next(tree.find(pattern), None) for pattern in stimulus_patterns(layout))
        return FoundSet(record, layout, tree, [], [Problem(".", str(error))] if there else [], source)


def made_of(found, truth=None):
    """The FoundSet with the Problems that it has where densities are made as a GroundTruth requires."""
    source = chosen_source(truth or GroundTruth(), found.record, found.layout)
    return found if source == found.source else _reindexed(found, source)


def _reindexed(found, source):
    new = indexed(found.record, found.layout, found.tree, source)
    mixed = [each for each in found.problems if each.path == "." and each not in new.problems]  # with another folder
    return new._replace(problems=[*new.problems, *mixed])


def problems_in(found, split):
    """The Problems that make something of a split unusable, and those of the whole dataset."""
    names = {each.name for each in found.labelled(split)}
    return [
        problem
        for problem in found.problems
        if problem.severity == "damaged" and (problem.stimulus is None or problem.stimulus in names)
    ]


def stimulus_patterns(layout):
    """The patterns of a layout's images, frames or video files."""
    return layout.stimuli or layout.films or [layout.frames]


def _folders(root):
    """The folder and those up to DEPTH below it, without gaze folders and packs, which may have a dataset's name too.
    Hidden folders are skipped; links are followed, but not in circles."""
    level, seen = [root], {real(root)}
    if not _is_own(root):
        yield root
    for _ in range(DEPTH):
        below = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    names = sorted(each.path for each in entries if not each.name.startswith(".") and _is_dir(each))
            except OSError:
                continue  # what cannot be listed is a Problem of the dataset that is there, if any
            for path in map(Path, names):
                if real(path) not in seen:
                    seen.add(real(path))
                    if not _is_own(path):
                        below.append(path)
                        yield path
        level = below


def _is_own(folder):
    # os.path answers False where pathlib would raise, for a folder that may not be read
    return any(os.path.isfile(folder / name) for name in (META, PACK))


def _is_dir(entry):
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_named(folder, record):
    return os.path.basename(os.path.abspath(folder)).casefold() in {name.casefold() for name in record.folders}


def _the_one(found):
    """Of several places or layouts in which a dataset was found, the one with most usable stimuli; the others are named
    in its problems, unless they are the same files in another layout."""
    best = max(found, key=lambda each: (_usable(each), -each.record.layouts.index(each.layout)))
    files = {best.tree.root / each.path for each in best.stimuli}
    problems = list(best.problems)
    for other in found:
        if other is not best and not files & {other.tree.root / each.path for each in other.stimuli} and other.stimuli:
            kind = "the dataset exists twice" if other.layout == best.layout else "two layouts are mixed"
            problems.append(
                Problem(
                    ".",
                    f"{kind}: {best.layout.name} ({len(best.stimuli)} in {best.tree.root}) and "
                    f"{other.layout.name} ({len(other.stimuli)} in {other.tree.root}); keep one of them",
                )
            )
    return best._replace(problems=problems)


def _usable(found):
    if found.layout.fixations and not found.is_video and image_index.table_is_missing(found.tree, found.layout):
        return 0
    damaged = {problem.stimulus for problem in found.problems if problem.severity == "damaged"}
    return sum(each.split is not None and each.name not in damaged for each in found.stimuli)
