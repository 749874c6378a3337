"""The one finder of data under a folder, and what opens it; training, evaluation, packing and the checks use it.

| kind | what is looked for | its name |
|---|---|---|
| pack | NAME.SPLIT/pack.json, as `mindaam data pack` writes it | NAME |
| gaze folder | NAME/meta.json, as `mindaam data import` writes it | that of its folder |
| data set | a published set's folder, as the catalogue describes it | its key |

Packs and gaze folders are looked for right under the folder given, data sets there and two folders below. The folder
given may itself be a pack, a gaze folder or a data set; a pack or gaze folder is then all that is found. Hidden folders
are passed over.

Where one name stands for several of these, one is taken. Training takes the pack, else the gaze folder, else the data
set (TRAINING): a pack is quick to read. Evaluation takes the gaze folder, else the data set, else the pack (SCORING):
scores are those of the recorded images where they are there. Packing takes no pack (SOURCES). A pack counts only if the
split that is asked for was packed.
"""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.published import DEPTH, PACK, find_sets, made_of, open_again, open_found, problems_in
from mindaam.data.datasets.readers.gaze_files import META, SPLITS, holds_videos, split_lists
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.fitting import require_truth
from mindaam.errors import InputError, nearest
from mindaam.files import first_of

PACKED, GAZE, PUBLISHED = "pack", "gaze folder", "data set"
TRAINING, SCORING, SOURCES = (PACKED, GAZE, PUBLISHED), (GAZE, PUBLISHED, PACKED), (GAZE, PUBLISHED)


class NothingHere(InputError):
    """A folder under which there are no data at all, or none of the kinds that are looked for."""


class Packs(NamedTuple):
    """The packs of one name. places: {split: the pack's folder}."""

    name: str
    places: dict
    kind = PACKED

    def splits(self, _truth=None):
        """Names of the splits that were packed."""
        return list(self.places)

    def read(self, splits, truth=None, *, skip_damaged=False):
        """({split: reader}, lines on what could not be opened); InputError for that unless `skip_damaged`, and in any
        case for a pack whose ground truth is another."""
        readers, lines = _opened(splits, lambda split: open_packed(self.places[split]), skip_damaged)
        for reader in readers.values() if truth else ():
            require_truth(reader.pack.header, truth, reader.root)
        return readers, lines


class Gaze(NamedTuple):
    """One gaze folder."""

    name: str
    place: Path
    kind = GAZE

    def splits(self, _truth=None):
        """Names of the splits in splits.json; InputError when it cannot be read."""
        return list(split_lists(self.place))

    def read(self, splits, truth=None, *, skip_damaged=False):
        """({split: reader}, lines on what could not be opened, and on gaze that no frame was shown for); InputError for
        what cannot be opened unless `skip_damaged`."""
        readers, lines = _opened(splits, lambda split: open_gaze(self.place, split, truth), skip_damaged)
        return readers, [*lines, *(line for split, each in readers.items() for line in untimely(split, each))]


class Published(NamedTuple):
    """One data set of the catalogue. found: `corpus.FoundSet`."""

    name: str
    found: object
    kind = PUBLISHED

    def splits(self, truth=None):
        """Names of the splits with gaze, that of most images or videos first."""
        found = made_of(self.found, truth)
        return [split for split in found.splits() if found.labelled(split)]

    def read(self, splits, truth=None, *, skip_damaged=False):
        """({split: reader}, lines on what is damaged); InputError for that unless `skip_damaged`."""
        found = made_of(self.found, truth)
        problems = [problem for split in splits for problem in problems_in(found, split)]
        if not found.stimuli and found.problems:  # the list of a split is gone, say
            if not skip_damaged:
                raise InputError(f"{found.problems[0].reason}; --skip-damaged leaves {self.name} out")
            problems = found.problems
        lines = [f"{problem.path}: {problem.reason}" for problem in dict.fromkeys(problems)]

        def opened(split):
            return open_found(found, split, truth, skip_damaged=skip_damaged)

        readers, more = _opened(splits, opened, skip_damaged)
        return readers, [*lines, *more]


def find_data(root, names=None, kinds=SCORING, *, split=None, without=()):
    """The data at or under a folder as a list of Packs, Gaze and Published, by kind in the order of `kinds`.

    names: those wanted, None for all; without: those that are not. kinds: of PACKED, GAZE and PUBLISHED; of several
    that bear one name the kind that comes first is taken. split: packs count only where it was packed; None: all do.
    Nothing is opened but the lists of data sets. Raises InputError for a folder that is not there.
    """
    root, taken, found = Path(root), set(), []
    if not os.path.isdir(root):
        raise InputError(f"{root} is not a folder; give the one that holds the data sets")

    def wanted(name):
        return name not in taken and name not in without and (names is None or name in names)

    for kind in kinds:
        here = _FINDERS[kind](root, wanted, split)
        taken |= {each.name for each in here}
        found += here
    return found


def read_data(data, wanted, truth=None, *, skip_damaged=False):
    """({split: reader}, lines on what was left out) of a Packs, Gaze or Published.

    wanted: called with its splits, returns those that are opened. truth: GroundTruth. skip_damaged: leave out what is
    damaged, rather than raise InputError.
    """
    listed, lines = _opened([SPLITS], lambda _: data.splits(truth), skip_damaged)
    readers, more = data.read(wanted(listed.get(SPLITS, [])), truth, skip_damaged=skip_damaged)
    return readers, [*lines, *more]


def open_named(root, names=None, splits=None, truth=None, *, kinds=SCORING, skip_damaged=False, report=None):
    """[(name, reader)] of all splits with gaze of the data at or under a folder.

    names, splits: those wanted, None for all; kinds: as in `find_data`; truth, skip_damaged: as in `read_data`; report:
    called with a line for each thing that is left out. Raises InputError when a wanted set or any at all is not there,
    or has none of the splits, and for damage.
    """
    named, seen, lines = [], {}, {}

    def wanted(there):
        seen.update(dict.fromkeys(there))
        return [split for split in there if splits is None or split in splits]

    found = find_data(root, names, kinds)
    for data in found:
        if data.kind == PUBLISHED:
            seen.update(dict.fromkeys(data.found.splits()))  # those without gaze too
        readers, told = read_data(data, wanted, truth, skip_damaged=skip_damaged)
        named += [(data.name, reader) for reader in readers.values()]
        lines[data.name] = [f"{data.name}: {line}" for line in told]
        for line in lines[data.name] if report else ():
            report(line)
    missing = sorted(set(names or ()) - set(lines))
    if missing or not found:
        raise not_here(root, missing[0] if missing else None, kinds)
    empty = [name for name in names or () if name not in {each for each, _ in named}]
    if empty or not named:
        told = lines[empty[0]] if empty else [line for each in lines.values() for line in each]
        raise InputError(_nothing_in(root, empty, splits, seen, told))
    return named


def open_splits(root, names=None, splits=None, truth=None, *, kinds=SCORING, skip_damaged=False, report=None):
    """The readers of all splits with gaze of the data at or under a folder, as a list; all as in `open_named`."""
    named = open_named(root, names, splits, truth, kinds=kinds, skip_damaged=skip_damaged, report=report)
    return [reader for _, reader in named]


def open_set(root, name, split, truth=None, *, skip_damaged=False):
    """The reader of one split of what is called `name` at or under a folder.

    Raises InputError when it is not there, and for whatever keeps it from being used.
    """
    found = find_data(root, [name])
    if not found:
        raise not_here(root, name)
    [data] = found
    if data.kind == PUBLISHED:
        return open_found(data.found, split, truth, skip_damaged=skip_damaged)
    if data.kind == GAZE:
        return open_gaze(data.place, split, truth)
    if split not in data.places:
        raise InputError(_nothing_in(root, [name], [split], data.places, ()))
    return open_packed(data.places[split])


def open_gaze(place, split, truth=None):
    """The reader of one split of a gaze folder: a GazeFolder, or a VideoSet where it holds videos."""
    return open_gaze_videos(place, split, truth) if holds_videos(place) else GazeFolder(place, split, truth)


def untimely(split, reader):
    """A line on the fixations of a gaze folder's split that are left out as no frame was shown for them; or none."""
    count = reader.beyond if reader.is_video else 0
    if count:
        yield f"{split}: {count:,} fixations before the first frame of their video or after its last are left out"


def other_split(reader, split):
    """Another split of what a reader of images or videos reads; InputError when there is none, or it is damaged."""
    if reader.is_pack:
        name = pack_name(reader.root)[0] or reader.name
        return open_packed(reader.root.with_name(f"{name}.{split}"))
    if os.path.isfile(reader.root / META):
        return open_gaze(reader.root, split, reader.truth)
    return open_again(reader, split)


def gaze_folders(root):
    """The gaze folder at `root`, or those right under it, sorted: a list of Paths."""
    return _holding(Path(root), META)


def pack_folders(root):
    """The pack at `root`, or those right under it, sorted: a list of Paths."""
    return _holding(Path(root), PACK)


def pack_name(place):
    """(name, split) of a pack's folder NAME.SPLIT; (None, None) of one that is called otherwise."""
    name, _, split = base_name(place).rpartition(".")
    return (name, split) if name and split else (None, None)


def base_name(place):
    """The name of a folder, however it was reached: also of "." and ".."."""
    return os.path.basename(os.path.abspath(place))


def not_here(root, name=None, kinds=SCORING):
    """The InputError for data of a name that are not at or under a folder; without a name NothingHere, for any data."""
    root = Path(root)
    there = [each.name for each in find_data(root, None, [kind for kind in kinds if kind != PUBLISHED])]
    check = f"`mindaam data check {root}` lists what is there"
    if name in catalogue():
        record = catalogue()[name]
        return InputError(
            f"{root} holds no {name}: no pack and no gaze folder of that name, and no folder named "
            f"{', '.join(record.folders[:3])}, up to {DEPTH} deep, with the files of {record.title}; {check}"
        )
    if name is not None:
        hint = nearest(name, [*there, *catalogue()])
        return InputError(f"{root} holds no {name}: no pack, gaze folder or data set has that name{hint}; {check}")
    if PACKED not in kinds and pack_folders(root):
        return NothingHere(f"{root} holds packs and nothing else; name the folder that they were made of")
    places = [each.parent for file in (META, PACK) for each in sorted(root.glob(f"*/*/{file}"))]
    deeper = [each.parent for each in places if not (each.name.startswith(".") or each.parent.name.startswith("."))]
    hint = f"give {deeper[0]}, which holds some" if deeper else check
    return NothingHere(f"{root} holds no pack, gaze folder or data set; {hint}")


def _packs(root, wanted, split):
    found = {}
    for place in pack_folders(root):
        name, its = pack_name(place)
        if place == root and name is None:
            reader = open_packed(place)
            name, its = reader.name, reader.split
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
    """The folder itself if it holds a file, or else the folders right under it that do, sorted; no hidden ones."""
    if os.path.isfile(root / file):
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{file}") if not path.parent.name.startswith("."))


def _opened(splits, opened, skip_damaged):
    """({split: what `opened` gives}, lines on those that cannot be opened); InputError unless that may be skipped."""
    readers, lines = {}, []
    for split in splits:
        try:
            readers[split] = opened(split)
        except InputError as error:
            if not skip_damaged:
                raise
            lines.append(f"{split}: {error}")
    return readers, lines


def _nothing_in(root, empty, splits, seen, told):
    """Why what is there has nothing in the splits."""
    what = f"of {empty[0]} " if empty else ""
    if told:
        return f"{root} holds nothing {what}that can be used: {first_of(told)}"
    hint, asked = (nearest(splits[0], seen), " or ".join(splits)) if splits else ("", "any split")
    its = f"; its splits are {', '.join(sorted(seen))}" if seen else ""
    return f"{root} has no gaze {what}in {asked}{hint}{its}"
