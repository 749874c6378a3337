"""Readers of what `finding` finds under a folder: of packs, gaze folders and published datasets, split by split."""

import os
from functools import partial

from mindaam.data.datasets.finding import GAZE, PUBLISHED, SCORING, find_data, not_here, pack_name
from mindaam.data.datasets.published import indexed, made_of, problems_in
from mindaam.data.datasets.readers.gaze_files import META, SPLITS, holds_videos, split_lists
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.images import ImageSet
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.datasets.readers.video_index import with_timelines
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.packs.fitting import require_truth
from mindaam.errors import InputError, nearest
from mindaam.files import first_of


def splits_of(data, truth=None):
    """Names of the splits with gaze data of a Packs, Gaze or Published; of a published dataset the largest first.

    truth: GroundTruth. Raises InputError for a gaze folder whose splits.json cannot be read.
    """
    if data.kind == PUBLISHED:
        found = made_of(data.found, truth)
        return [split for split in found.splits() if found.labelled(split)]
    return list(split_lists(data.place) if data.kind == GAZE else data.places)


def read_splits(data, splits, truth=None, *, skip_damaged=False):
    """({split: reader}, lines on what is skipped) of some splits of a Packs, Gaze or Published.

    truth: GroundTruth. skip_damaged: skip what is damaged, rather than raise InputError. A pack of another ground truth
    raises it in any case.
    """
    if data.kind == PUBLISHED:
        return _read_published(data, splits, truth, skip_damaged)
    if data.kind == GAZE:
        readers, lines = _opened(splits, lambda split: open_gaze(data.place, split, truth), skip_damaged)
        return readers, [*lines, *(line for split, each in readers.items() for line in untimely(split, each))]
    readers, lines = _opened(splits, lambda split: open_packed(data.places[split]), skip_damaged)
    for reader in readers.values() if truth else ():
        require_truth(reader.pack.header, truth, reader.root)
    return readers, lines


def read_data(data, wanted, truth=None, *, skip_damaged=False):
    """As `read_splits`, of the splits that `wanted` returns when it is called with the names of all."""
    listed, lines = _opened([SPLITS], lambda _: splits_of(data, truth), skip_damaged)
    readers, more = read_splits(data, wanted(listed.get(SPLITS, [])), truth, skip_damaged=skip_damaged)
    return readers, [*lines, *more]


def open_named(root, names=None, splits=None, truth=None, *, kinds=SCORING, skip_damaged=False, report=None):
    """[(name, reader)] of all splits with gaze data in or under a folder.

    names, splits: those to open, None for all; kinds: as in `find_data`; truth, skip_damaged: as in `read_splits`;
    report: called with a line for everything that is skipped. Raises InputError when a named dataset or all data are
    missing, have none of the splits, or are damaged.
    """
    named, seen, lines = [], {}, {}

    def wanted(parts, there):
        seen.update(dict.fromkeys([*there, *parts]))
        return there if splits is None else [split for split in (*there, *parts) if split in splits]

    found = find_data(root, names, kinds)
    for data in found:
        parts = data.found.parts() if data.kind == PUBLISHED else []
        if data.kind == PUBLISHED:
            seen.update(dict.fromkeys(data.found.splits()))  # those without gaze data too
        readers, skipped = read_data(data, partial(wanted, parts), truth, skip_damaged=skip_damaged)
        named += [(data.name, reader) for reader in readers.values()]
        lines[data.name] = [f"{data.name}: {line}" for line in skipped]
        for line in lines[data.name] if report else ():
            report(line)
    missing = sorted(set(names or ()) - set(lines))
    if missing or not found:
        raise not_here(root, missing[0] if missing else None, kinds)
    empty = [name for name in names or () if name not in {each for each, _ in named}]
    if empty or not named:
        skipped = lines[empty[0]] if empty else [line for each in lines.values() for line in each]
        raise InputError(_nothing_in(root, empty, splits, seen, skipped))
    return named


def open_splits(root, names=None, splits=None, truth=None, *, kinds=SCORING, skip_damaged=False, report=None):
    """The readers of all splits with gaze data in or under a folder, as a list; all as in `open_named`."""
    named = open_named(root, names, splits, truth, kinds=kinds, skip_damaged=skip_damaged, report=report)
    return [reader for _, reader in named]


def open_set(root, name, split, truth=None, *, skip_damaged=False):
    """The reader of one split of the data called `name` in or under a folder.

    Raises InputError when they do not exist or cannot be used.
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
    """The reader of one split of a gaze folder: a GazeFolder of images, a VideoSet of videos."""
    return open_gaze_videos(place, split, truth) if holds_videos(place) else GazeFolder(place, split, truth)


def open_found(found, split, truth=None, *, skip_damaged=False):
    """The reader of one split of a FoundSet: an ImageSet or VideoSet.

    truth: GroundTruth. skip_damaged: skip what has problems, rather than raise InputError. Raises InputError for a
    split that does not exist or has no gaze data, and for damage. Video files are decoded once to find their frames
    (`videos.timeline_cache`).
    """
    found = made_of(found, truth)
    stimuli = found.labelled(split)
    if found.problems and not found.stimuli:  # a list of a split, say, no longer exists
        raise InputError(found.problems[0].reason)
    if not stimuli:
        hint = nearest(split, [*found.splits(), *found.parts()])
        raise InputError(
            f"{found.tree.root}: {found.record.title} has no images or videos with gaze data in the split "
            f"{split}{hint}; it has {', '.join(found.splits()) or 'none'}"
        )
    damaged = problems_in(found, split)
    if damaged and not skip_damaged:
        first = first_of([f"{found.tree.root / each.path}: {each.reason}" for each in damaged])
        raise InputError(f"{first}; restore the files, or skip what is damaged with --skip-damaged")
    left_out = {problem.stimulus for problem in damaged}
    stimuli = [each for each in stimuli if each.name not in left_out]
    if not stimuli:
        raise InputError(f"{found.tree.root}: nothing in the split {split} of {found.record.title} can be used")
    if not found.is_video:
        return ImageSet(found.tree, found.record, found.layout, stimuli, split, truth)
    videos = with_timelines(found.tree, found.layout, stimuli)
    return VideoSet(found.tree, found.record, found.layout, videos, split, truth)


def other_split(reader, split):
    """The reader of another split of the same data; InputError for a split that does not exist, and for damage."""
    if reader.is_pack:
        name = pack_name(reader.root)[0] or reader.name
        return open_packed(reader.root.with_name(f"{name}.{split}"))
    if os.path.isfile(reader.root / META):
        return open_gaze(reader.root, split, reader.truth)
    return open_found(indexed(reader.record, reader.layout, reader.tree, reader.source), split, reader.truth)


def untimely(split, reader):
    """A line on the fixations of a gaze folder's split skipped as no frame was shown during them; or none."""
    count = reader.beyond if reader.is_video else 0
    if count:
        yield f"{split}: {count:,} fixations before the first frame of their video or after its last are skipped"


def _read_published(data, splits, truth, skip_damaged):
    found = made_of(data.found, truth)
    problems = [problem for split in splits for problem in problems_in(found, split)]
    if not found.stimuli and found.problems:  # a list of a split, say, no longer exists
        if not skip_damaged:
            raise InputError(f"{found.problems[0].reason}; --skip-damaged skips {data.name}")
        problems = found.problems
    lines = [f"{problem.path}: {problem.reason}" for problem in dict.fromkeys(problems)]
    readers, more = _opened(
        splits, lambda split: open_found(found, split, truth, skip_damaged=skip_damaged), skip_damaged
    )
    return readers, [*lines, *more]


def _opened(splits, opened, skip_damaged):
    """({split: what `opened` gives}, lines on those that cannot be opened); InputError unless these may be skipped."""
    readers, lines = {}, []
    for split in splits:
        try:
            readers[split] = opened(split)
        except InputError as error:
            if not skip_damaged:
                raise
            lines.append(f"{split}: {error}")
    return readers, lines


def _nothing_in(root, empty, splits, seen, skipped):
    """Why the data in a folder have nothing in the splits."""
    what = f"of {empty[0]} " if empty else ""
    if skipped:
        return f"{root} holds nothing {what}that can be used: {first_of(skipped)}"
    hint, wanted = (nearest(splits[0], seen), " or ".join(splits)) if splits else ("", "any split")
    its = f"; its splits are {', '.join(sorted(seen))}" if seen else ""
    return f"{root} has no gaze data {what}in {wanted}{hint}{its}"
