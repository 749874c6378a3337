"""Which of the eighteen published sets lie under a folder, in which layout, found by looking; and their readers.

`opening` finds them together with gaze folders and packs; nothing but it and `data check` needs this module.

A set's folder is known by its name (`Record.folders`), in the folder given or up to two below it; its layout by the
files in it. Released layouts that share one folder name the set in their patterns.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.datasets.catalogue import catalogue, record
from mindaam.data.datasets.ground_truth import GroundTruth, chosen_source
from mindaam.data.datasets.readers import images, video_index, videos
from mindaam.data.datasets.readers.gaze_files import META
from mindaam.data.datasets.tree import Problem, Tree, prefix
from mindaam.errors import InputError, nearest
from mindaam.files import first_of, real

PACK = "pack.json"
DEPTH = 2  # folders below the one given in which a set's folder is looked for


class FoundSet(NamedTuple):
    """A data set that lies on this disk: its Record, the Layout it is in, the Tree of its folder, what it holds of all
    splits (Stimuli or Films), what is wrong with it (Problems), and what its densities would be made of ("fixations" or
    "maps")."""

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
        """What it holds of a split, in order, if the split has gaze."""
        unlabelled = self.layout.splits.unlabelled
        return [each for each in self.stimuli if each.split == split and each.split not in unlabelled]

    def splits(self):
        """Names of its splits, in order of the stimuli's number."""
        names = [each.split for each in self.stimuli if each.split is not None]
        return sorted(set(names), key=lambda name: (-names.count(name), name))


def find_sets(root, keys=None):
    """The data sets under a folder as FoundSets in the catalogue's order. keys: those looked for, None for all.

    Raises InputError for a folder that is not there, ConfigError for an unknown key.
    """
    root = Path(root)
    if not os.path.isdir(root):
        raise InputError(f"{root} is not a folder; give the one that holds the data sets")
    records = list(catalogue().values()) if keys is None else [record(key) for key in keys]
    folders, found = list(_folders(root)), []
    for each in records:
        candidates = [found_in(folder, each, named=_is_named(folder, each)) for folder in folders]
        candidates = [candidate for candidate in candidates if candidate is not None]
        if candidates:
            found.append(_the_one(candidates))
    return found


def find_set(root, key):
    """The FoundSet of one data set at or under a folder.

    Raises InputError when it is not there, saying where it was looked for.
    """
    found = find_sets(root, [key])
    if not found:
        names = ", ".join(record(key).folders[:3])
        raise InputError(
            f"{root} holds no {record(key).title}: no folder named {names}, up to {DEPTH} deep, has its files; see "
            f"`mindaam data check {root}`"
        )
    return found[0]


def named_folders(root, records):
    """{key: folders at `root` or up to DEPTH below it that bear the set's name}, whatever they hold; for reports."""
    folders = list(_folders(Path(root)))
    return {each.key: [folder for folder in folders if _is_named(folder, each)] for each in records}


def found_in(folder, record, *, named=True):
    """The FoundSet of a record in just this folder, in the layout that fits best; None when no file of it is there.

    named: whether the folder bears the set's name, which most layouts ask for.
    """
    found = []
    for layout in record.layouts:
        tree = Tree(folder)
        places = [prefix(pattern).rstrip("/") for pattern in stimulus_patterns(layout)]
        there = any([tree.listing(place) for place in places])
        if (there and (named or not layout.named)) or (named and tree.problems):
            each = _indexed(record, layout, tree, chosen_source(GroundTruth(), record, layout))
            # a broken link in any folder says nothing of a set whose name the folder does not bear
            telling = each.problems if named else set(each.problems) - set(tree.problems)
            found += [each] if each.stimuli or telling else []
    return _the_one(found) if found else None


def _indexed(record, layout, tree, source):
    """The FoundSet of one layout, perhaps with nothing in it."""
    index = video_index.index if layout.frames or layout.films else images.index
    try:
        return FoundSet(record, layout, tree, *index(tree, layout, source), source)
    except InputError as error:  # a list of a split, say, that is gone
        there = any(next(tree.find(pattern), None) for pattern in stimulus_patterns(layout))
        return FoundSet(record, layout, tree, [], [Problem(".", str(error))] if there else [], source)


def open_found(found, split, truth=None, *, skip_damaged=False):
    """The reader of one split of a FoundSet: a ImageSet or VideoSet.

    truth: GroundTruth. skip_damaged: leave out what has problems, rather than refuse. Raises InputError when the split
    is not there or has no gaze, and when something in the set is damaged. Video files are decoded once to know their
    frames (`videos.timeline_cache`).
    """
    found = made_of(found, truth)
    stimuli = found.labelled(split)
    if found.problems and not found.stimuli:  # a list of a split, say, is gone
        raise InputError(found.problems[0].reason)
    if not stimuli:
        hint = nearest(split, found.splits())
        raise InputError(
            f"{found.tree.root}: {found.record.title} has no pictures or films with gaze in the split {split}{hint}; "
            f"it has {', '.join(found.splits()) or 'none'}"
        )
    damaged = problems_in(found, split)
    if damaged and not skip_damaged:
        reasons = [f"{found.tree.root / each.path}: {each.reason}" for each in damaged]
        raise InputError(f"{first_of(reasons)}; restore the files, or leave out what is damaged with --skip-damaged")
    left_out = {problem.stimulus for problem in damaged}
    stimuli = [each for each in stimuli if each.name not in left_out]
    if not stimuli:
        raise InputError(f"{found.tree.root}: nothing of {found.record.title}'s split {split} can be used")
    reader = videos.VideoSet if found.is_video else images.ImageSet
    if found.is_video:
        stimuli = video_index.with_timelines(found.tree, found.layout, stimuli)
    return reader(found.tree, found.record, found.layout, stimuli, split, truth)


def made_of(found, truth=None):
    """The FoundSet with the Problems that it has where densities are made as the GroundTruth says."""
    source = chosen_source(truth or GroundTruth(), found.record, found.layout)
    return found if source == found.source else _reindexed(found, source)


def open_again(reader, split):
    """Another split of what a reader of a published set reads, found anew; InputError as of `open_found`."""
    found = _indexed(reader.record, reader.layout, reader.tree, reader.source)
    return open_found(found, split, reader.truth)


def _reindexed(found, source):
    new = _indexed(found.record, found.layout, found.tree, source)
    mixed = [each for each in found.problems if each.path == "." and each not in new.problems]  # with another folder
    return new._replace(problems=[*new.problems, *mixed])


def problems_in(found, split):
    """The Problems that keep something of a split from being used, and those of the whole set."""
    names = {each.name for each in found.labelled(split)}
    return [
        problem
        for problem in found.problems
        if problem.severity == "damaged" and (problem.stimulus is None or problem.stimulus in names)
    ]


def stimulus_patterns(layout):
    """The patterns of a layout's images, frames or film files."""
    return layout.stimuli or layout.films or [layout.frames]


def _folders(root):
    """The folder and those up to DEPTH below it that are no gaze folders or packs, which may bear a set's name too;
    hidden ones are left out, and links are followed, but not in circles."""
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
                continue  # what may not be listed is a Problem of the set that lies there, if any does
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
    """Of several places or layouts in which a set was found, the one with most to use; the others are named in its
    problems, unless they are the same files seen another way."""
    best = max(found, key=lambda each: (_usable(each), -each.record.layouts.index(each.layout)))
    files = {best.tree.root / each.path for each in best.stimuli}
    problems = list(best.problems)
    for other in found:
        if other is not best and not files & {other.tree.root / each.path for each in other.stimuli} and other.stimuli:
            kind = "the set is here twice" if other.layout == best.layout else "two layouts are mixed"
            problems.append(
                Problem(
                    ".",
                    f"{kind}: {best.layout.name} ({len(best.stimuli)} in {best.tree.root}) and "
                    f"{other.layout.name} ({len(other.stimuli)} in {other.tree.root}); keep one of them",
                )
            )
    return best._replace(problems=problems)


def _usable(found):
    if found.layout.fixations and not found.is_video and images.table_is_missing(found.tree, found.layout):
        return 0
    damaged = {problem.stimulus for problem in found.problems if problem.severity == "damaged"}
    return sum(each.split is not None and each.name not in damaged for each in found.stimuli)
