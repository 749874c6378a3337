"""The files of every gaze folder, of images or of videos: meta.json, splits.json and fixations.csv.gz."""

import csv
import os
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from mindaam.data.listed import fault_of_label, fault_of_name, fault_of_text, gzip_lines, read_object, shown
from mindaam.data.media import MAX_PIXELS
from mindaam.data.tables import misfit, number
from mindaam.errors import InputError, nearest
from mindaam.files import listed

META, SPLITS, FIXATIONS, STIMULI = "meta.json", "splits.json", "fixations.csv.gz", "stimuli"
KINDS = {"images": "images", "films": "videos"}  # meta.json has one of these keys
MAX_LOOKS = 50_000_000  # frames on which the fixations of one video lie, each counted again
LEAST_DEGREE, MOST_DEGREE = 1e-6, 1e6  # pixels that a degree may have
NEEDED = ("image", "condition", "x", "y")  # columns of fixations.csv.gz
SUBJECT = "subject"  # a further column, who viewed it
TIMED = (*NEEDED, "duration_ms", "t_ms")  # of videos
ROUNDING = 1e-6  # parts of a frame by which a time may miss the frame's beginning


def read_meta(root, kind):
    """The object in meta.json of a gaze folder of one kind, `images` or `films`.

    Raises InputError when it is missing or damaged, lacks something, or the folder holds the other kind or both.
    """
    meta = read_json(root, META)
    lists = [key for key in KINDS if key in meta]
    if len(lists) > 1:
        raise InputError(
            f"{root}: meta.json has both `images` and `films`; a gaze folder contains one of them, so split it in two"
        )
    absent = [key for key in (*([] if lists else [kind]), "conditions") if key not in meta]
    if absent:
        raise InputError(f"{root / META} lacks {', '.join(absent)}; restore the original file")
    if kind not in lists:
        raise InputError(f"{root} is a gaze folder of {KINDS[lists[0]]}, where one of {KINDS[kind]} is expected")
    name, names = meta.get("name", "a"), meta["conditions"]
    if not isinstance(name, str) or fault_of_label(name):
        raise InputError(f'{root / META}: "name" must be a plain name, as of a folder, not "{shown(name)}"; correct it')
    if not isinstance(names, dict | list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f'{root / META}: "conditions" must name one viewing condition or more')
    for name in names:
        if fault_of_text(name):
            raise InputError(f'{root / META}: the condition "{shown(name)}" {fault_of_text(name)}; correct it')
    return meta


def holds_videos(root):
    """Whether a gaze folder's meta.json lists videos, rather than images."""
    meta = read_json(Path(root), META)
    return "films" in meta and "images" not in meta


def read_json(root, name):
    """The JSON object in root/name; InputError when it is missing or no object."""
    try:
        return read_object(root / name)
    except OSError as error:
        raise InputError(f"{root} is not a gaze folder: {name} cannot be read ({error.strerror})") from error


def split_lists(root):
    """{split: what is listed of it} of splits.json; InputError when it does not exist, or a split's name is
    not plain, because packs are folders with this name."""
    splits = read_json(root, SPLITS)
    for split in splits:
        fault = fault_of_label(split)
        if fault:
            raise InputError(f'{root / SPLITS}: the split "{shown(split)}" {fault}; correct it')
    return splits


def split_names(root, split):
    """The names of a split in splits.json, all of which are in stimuli/.

    Raises InputError for an unknown split, one that is no list of names, names that lead out of stimuli/, and for files
    that are missing.
    """
    splits = split_lists(root)
    if split not in splits:
        raise InputError(
            f'{root}: no split "{split}"{nearest(split, splits)}; splits.json has {", ".join(sorted(splits))}'
        )
    names = splits[split]
    if not names or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{root}: the split {split} in splits.json is no list of names; restore the file")
    for name in names:
        fault = fault_of_name(name)
        if fault:
            raise InputError(f'{root / SPLITS}: "{shown(name)}" of the split {split} {fault}; correct it')
    # os.path answers False where pathlib would raise, for a name that is too long, say
    missing = [name for name in names if not os.path.isfile(root / STIMULI / name)]
    if missing:
        raise InputError(f"{root}: stimuli/ lacks {listed(missing, 1)} of the split {split}; copy it again")
    return names


def stored_size(root, listed, name):
    """(height, width) that meta.json gives for an image or video; listed: its `images` or `films`."""
    try:
        width, height = map(int, listed[name]["size"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{root}: meta.json gives no size for {name}; restore the original file") from None
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise InputError(f"{root}: meta.json says {shown(width)} x {shown(height)} pixels of {name}; restore the file")
    return height, width


def px_per_degree(root, meta):
    """meta.json's `px_per_degree_stored`: pixels a degree of visual angle has on the stored images; None: unknown."""
    degree = meta.get("px_per_degree_stored")
    if degree is None or (isinstance(degree, int | float) and LEAST_DEGREE < degree < MOST_DEGREE):
        return degree
    raise InputError(f'{root / META}: "px_per_degree_stored" must be a number above 0, or null, not {shown(degree)}')


def require_folders(root, conditions):
    """InputError unless each condition may be the name of a folder of maps."""
    for condition in conditions:
        fault = fault_of_name(condition)
        if fault:
            raise InputError(
                f'{root / META}: the condition "{shown(condition)}", a folder in maps/, {fault}; correct it'
            )


def require_gaze(root, split, names, entries):
    """InputError unless each of the names is in one of the entries (name, condition)."""
    without = sorted(set(names) - {name for name, _ in entries})
    if without:
        raise InputError(f"{root}: no gaze for {listed(without, 1)} of the split {split}; copy the folder again")


def read_fixations(path, names):
    """{(name, condition): float32 [n,3] (x, y, viewer)} for the images in `names`, in the order of the file.

    Viewers are numbered from 0 in the order of their names in the column `subject`; [n,2] where it does not exist or is
    empty somewhere. Raises InputError for a file that is missing or damaged, lacks a column, or has rows without
    numbers or with more or fewer cells than the header.
    """
    with np.errstate(over="ignore"):  # what is beyond float32 lies beside the image in any case
        return {key: rows.astype(np.float32) for key, rows in _grouped(path, NEEDED, _place, names).items()}


def read_timed(path):
    """{(video, condition): float64 [n,5] (x, y, start and duration in ms, viewer)}, in the order of the file.

    An empty duration is 0; viewers as of `read_fixations`, [n,4] where they are not kept apart. Raises InputError as
    `read_fixations`. What was read last is kept.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"{path} is damaged ({error}); copy it again") from error
    return _read_once(path, state.st_mtime_ns, state.st_size)


def gaze_csv(paths, film, condition):
    """A form of `video_forms`: the fixations of one video and condition in a gaze folder's fixations.csv.gz.

    A fixation counts for the frames that were shown while it lasted, one without a duration for the frame at its start.
    """
    rows = read_timed(paths[0]).get((film.name, condition))
    if rows is None or not len(film.numbers):
        return {}
    first, last = frames_of(rows, film)
    within = (last >= 0) & (first < len(film.numbers))
    first, last = (np.clip(each[within], 0, len(film.numbers) - 1).astype(np.int64) for each in (first, last))
    lengths = last - first + 1
    if lengths.sum() > MAX_LOOKS:
        raise InputError(
            f"{paths[0]}: the fixations of {film.name} lie on {lengths.sum():,} frames in total, more than "
            f"{MAX_LOOKS:,}; are the durations in milliseconds?"
        )
    frames = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    with np.errstate(over="ignore"):  # what is beyond float32 lies beside the frame in any case
        points = np.repeat(np.delete(rows[within], (2, 3), 1).astype(np.float32), lengths, axis=0)
    order = np.argsort(frames, kind="stable")
    seen, begins = np.unique(frames[order], return_index=True)
    return dict(zip(seen.tolist(), np.split(points[order], begins[1:]), strict=True)) if len(seen) else {}


def frames_of(rows, film):
    """(first, last) float64 [n] each: the numbers of the first and last frame that were shown during fixations [n,k] as
    of `read_timed`; below 0 what ended before the video, and beyond its last frame what began later. video: VideoFacts
    of all its frames."""
    starts, ends = film.clock(rows[:, 2], 1000), film.clock(rows[:, 2] + rows[:, 3], 1000)
    first = np.floor(starts + ROUNDING)
    return first, np.maximum(np.ceil(ends - ROUNDING) - 1, first)


def beyond(rows, film):
    """How many of the fixations were before a video's first frame or after its last one."""
    first, last = frames_of(rows, film)
    return int(((last < 0) | (first >= len(film.numbers))).sum())


@lru_cache(maxsize=2)
def _read_once(path, _changed, _length):
    return _grouped(path, TIMED, _timed_place)


def _grouped(path, columns, read, names=None):
    """{(name, condition): float64 [n,k]} of the rows of the images in `names`, None for all: what `read` returns for a
    row, then the number of its viewer where all viewers have names."""
    known, groups = {}, {}
    for name, condition, subject, row in _rows(path, columns, read):
        if names is None or name in names:
            viewer = known.setdefault(subject, len(known))
            groups.setdefault((name, condition), []).append((*row, viewer))
    groups = {key: np.array(rows, np.float64) for key, rows in groups.items()}
    if "" in known:
        return {key: rows[:, :-1] for key, rows in groups.items()}
    ranks = np.argsort(np.argsort(list(known)))
    for rows in groups.values():
        rows[:, -1] = ranks[rows[:, -1].astype(np.int64)]
    return groups


def _place(x, y):
    """(x, y) of a row's cells."""
    return number(x), number(y)


def _timed_place(x, y, duration, start):
    """(x, y, start, duration) of a row's cells, the times in ms."""
    lasted = number(duration) if duration else 0.0
    if lasted < 0:
        raise ValueError(f"a duration of {lasted:g} ms")
    return (*_place(x, y), number(start), lasted)


def _rows(path, columns, read):
    """Yields (name, condition, subject or "", read(the other cells)) of fixations.csv.gz. columns: NEEDED, or others
    after them."""
    reader = None
    try:
        with gzip_lines(path) as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, None)
            if header is None:
                return
            places = _places(path, header, columns)
            viewer = header.index(SUBJECT) if header.count(SUBJECT) == 1 else None
            for cells in reader:
                if not cells:
                    continue
                wrong = misfit(cells, header)
                if wrong:
                    raise InputError(f"{path}, line {reader.line_num}: {wrong}; correct or remove the row")
                name, condition, *others = (cells[place] for place in places)
                yield name, condition, "" if viewer is None else cells[viewer], read(*others)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); copy it again") from error
    except ValueError as error:
        what = "x and y" if read is _place else "x, y and t_ms"
        raise InputError(f"{path}, line {reader.line_num}: {what} must be numbers ({error})") from error


def _places(path, header, columns):
    """Where each of the columns stands in the header."""
    for column in columns:
        if header.count(column) != 1:
            count = "more than one" if column in header else "no"
            raise InputError(f"{path} has {count} column '{column}'; it needs {', '.join(columns)}, each once")
    return [header.index(column) for column in columns]
