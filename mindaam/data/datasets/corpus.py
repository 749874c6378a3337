"""Which of the eighteen data sets lie under a folder, in which layout, found by looking; and their readers.

A set's folder is known by its name (`Record.folders`), in the folder given or up to two below it; its layout by the
files in it. Released layouts that share one folder name the set in their patterns.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.datasets import film_index, films, pictures
from mindaam.data.datasets.catalogue import catalogue, record
from mindaam.data.datasets.gaze_files import META, SPLITS, holds_films, read_json
from mindaam.data.datasets.gaze_films import open_gaze_films
from mindaam.data.datasets.gaze_folder import GazeFolder
from mindaam.data.datasets.ground_truth import GroundTruth, chosen_source
from mindaam.data.datasets.packed import open_packed
from mindaam.data.datasets.tree import Problem, Tree, prefix
from mindaam.errors import InputError, nearest

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
    def is_film(self):
        """Whether it holds films."""
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
    index = film_index.index if layout.frames or layout.films else pictures.index
    try:
        return FoundSet(record, layout, tree, *index(tree, layout, source), source)
    except InputError as error:  # a list of a split, say, that is gone
        there = any(next(tree.find(pattern), None) for pattern in stimulus_patterns(layout))
        return FoundSet(record, layout, tree, [], [Problem(".", str(error))] if there else [], source)


def open_found(found, split, truth=None, *, skip_damaged=False):
    """The reader of one split of a FoundSet: a PictureSet or FilmSet.

    truth: GroundTruth. skip_damaged: leave out what has problems, rather than refuse. Raises InputError when the split
    is not there or has no gaze, and when something in the set is damaged.
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
        first = damaged[0]
        more = f" ({len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise InputError(
            f"{found.tree.root / first.path}: {first.reason}{more}; restore the files, or leave out what is damaged "
            "with --skip-damaged"
        )
    left_out = {problem.stimulus for problem in damaged}
    stimuli = [each for each in stimuli if each.name not in left_out]
    if not stimuli:
        raise InputError(f"{found.tree.root}: nothing of {found.record.title}'s split {split} can be used")
    reader = films.FilmSet if found.is_film else pictures.PictureSet
    return reader(found.tree, found.record, found.layout, stimuli, split, truth)


def made_of(found, truth=None):
    """The FoundSet with the Problems that it has where densities are made as the GroundTruth says."""
    source = chosen_source(truth or GroundTruth(), found.record, found.layout)
    return found if source == found.source else _reindexed(found, source)


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


def open_set(root, name, split, truth=None, *, skip_damaged=False):
    """The reader of one split of a gaze folder at root/name, or else of the catalogue's set `name` under root.

    Raises InputError when neither is there, and for whatever keeps it from being used.
    """
    place = Path(root) / name
    if os.path.isfile(place / META):
        return open_gaze(place, split, truth)
    if name not in catalogue():
        hint = nearest(name, catalogue())
        raise InputError(f"{place} is not a gaze folder: it has no meta.json; and no data set has that name{hint}")
    return open_found(find_set(root, name), split, truth, skip_damaged=skip_damaged)


def open_splits(root, names=None, splits=None, truth=None, *, skip_damaged=False, report=None):
    """The readers of all splits with gaze of the gaze folders and data sets at or under a folder, as a list.

    names, splits: those wanted, None for all. truth, skip_damaged: as in `open_found`; report: called with a line for
    each thing that is left out as damaged. Raises InputError when a wanted set or any at all is not there, and for
    damage.
    """
    root, readers, seen = Path(root), [], {}
    places, known = gaze_folders(root), set()
    for place in places:
        if names is None or place.name in names:
            known.add(place.name)
            seen |= read_json(place, SPLITS)
            wanted = [split for split in read_json(place, SPLITS) if splits is None or split in splits]
            readers += [open_gaze(place, split, truth) for split in wanted]
    keys = [name for name in (catalogue() if names is None else names) if name not in known]
    for found in find_sets(root, keys) if keys else ():
        seen |= dict.fromkeys(found.splits())
        if not found.stimuli and not skip_damaged:
            raise InputError(found.problems[0].reason)
        found = made_of(found, truth)
        wanted = [each for each in found.splits() if found.labelled(each) and (splits is None or each in splits)]
        problems = [each for split in wanted for each in problems_in(found, split)]
        told = [f"{each.path}: {each.reason}" for each in dict.fromkeys(problems if found.stimuli else found.problems)]
        for split in wanted:
            try:
                readers.append(open_found(found, split, truth, skip_damaged=skip_damaged))
            except InputError as error:  # nothing of it can be used
                if not skip_damaged:
                    raise
                told.append(str(error))
        for line in told if report and skip_damaged else ():
            report(f"{found.record.key}: {line}")
    if seen and not readers:
        hint, asked = (nearest(splits[0], seen), " or ".join(splits)) if splits else ("", "any split")
        raise InputError(f"{root} has no gaze in {asked}{hint}; its splits are {', '.join(sorted(seen))}")
    missing = sorted(set(names or ()) - {reader.name for reader in readers} - known)
    if missing or not readers:
        what = missing[0] if missing else "gaze folder and no data set"
        raise InputError(f"{root} holds no {what}; `mindaam data check {root}` tells what is there")
    return readers


def gaze_folders(root):
    """The gaze folder at `root`, or those right under it, sorted: a list of Paths."""
    root = Path(root)
    return [root] if os.path.isfile(root / META) else sorted(path.parent for path in root.glob(f"*/{META}"))


def other_split(reader, split):
    """Another split of what a reader of pictures or films reads; InputError when there is none, or it is damaged."""
    if hasattr(reader, "pack"):
        return open_packed(reader.root.with_name(f"{reader.name}.{split}"))
    if os.path.isfile(reader.root / META):
        return open_gaze(reader.root, split, reader.truth)
    found = _indexed(reader.record, reader.layout, reader.tree, reader.source)
    return open_found(found, split, reader.truth)


def open_gaze(place, split, truth=None):
    """The reader of one split of a gaze folder: a GazeFolder, or a FilmSet where it holds films."""
    return open_gaze_films(place, split, truth) if holds_films(place) else GazeFolder(place, split, truth)


def stimulus_patterns(layout):
    """The patterns of a layout's pictures, frames or film files."""
    return layout.stimuli or layout.films or [layout.frames]


def _folders(root):
    """The folder and those up to DEPTH below it that are no gaze folders or packs, which may bear a set's name too;
    hidden ones are left out, and links are followed, but not in circles."""
    level, seen = [root], {root.resolve()}
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
                if path.resolve() not in seen:
                    seen.add(path.resolve())
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
    if found.layout.fixations and not found.is_film and pictures.table_is_missing(found.tree, found.layout):
        return 0
    damaged = {problem.stimulus for problem in found.problems if problem.severity == "damaged"}
    return sum(each.split is not None and each.name not in damaged for each in found.stimuli)
