"""Where the fixations of somebody's table lie: in the pixels of their image and in the time of their video."""

from itertools import compress
from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.forms.video_forms import VideoFacts
from mindaam.data.datasets.readers.gaze_files import frames_of
from mindaam.data.imports.column_names import parted
from mindaam.errors import InputError

TOP_LEFT, BOTTOM_LEFT = ORIGINS = ("top-left", "bottom-left")  # corners that x and y count from
CONDITION = "free_viewing"  # where nobody says
SECONDS = 0.01  # of a video's length: milliseconds that all lie before it are seconds
EDGE = 0.5  # pixels above its lower edge at which a look at the very edge lies, as one at its upper edge lies within
MANY = 10  # rows from which that can be told


class Fixation(NamedTuple):
    """A Row of the table on the stimulus called `name`, under a condition, at (x, y) in its pixels."""

    name: str
    condition: str
    x: float
    y: float
    row: object


def place(table, read, named, stimuli, wanted):
    """(Fixations that lie in their stimulus; how many lie beside it; how many of the others not within its time; how
    many of videos have no start).

    table: the path that errors name. read: Table. named: the stimulus of each of its rows, stimuli: {name: Stimulus}.
    wanted: `importing.Wanted`. Raises InputError where the units are not as they should be, or most lie outside.
    """
    _check_units(table, read, wanted)
    given, timely = len(named), [True] * len(named)
    if any(stimulus.timeline is not None for stimulus in stimuli.values()):
        named, read = _timed(table, read, named)
        timely = _timely(table, read, named, stimuli)
    fixations, beside, beyond = [], [], 0
    for name, row, shown in zip(named, read.rows, timely, strict=True):
        height, width = stimuli[name].size
        x, y = (row.x * width, row.y * height) if wanted.fractions else (row.x, row.y)
        if wanted.origin == BOTTOM_LEFT:
            y = height - (y or EDGE)
        if not shown:
            beyond += 1
        elif 0 <= x < width and 0 <= y < height:
            condition = wanted.condition or row.condition or CONDITION
            fixations.append(Fixation(name, condition.strip(), x, y, row))
        else:
            beside.append((name, row))
    if beside and 2 * (len(beside) + beyond) > len(named):
        name, row = beside[0]
        height, width = stimuli[name].size
        raise InputError(
            f"{table}: {len(beside) + beyond} of {len(named)} fixations lie outside, the first on line {row.line} at x "
            f"{row.x:g}, y {row.y:g} of {name}, which is {width}x{height}; are x and y swapped, in other units "
            "(--fractions), from another corner (--origin), or counted on the screen?"
        )
    return fixations, len(beside), beyond, given - len(named)


def _check_units(table, read, wanted):
    """InputError when all x and y are parts of an image and nobody said so."""
    if not wanted.fractions and all(0 <= row.x <= 1 and 0 <= row.y <= 1 for row in read.rows):
        raise InputError(
            f"{table}: every x and y is between 0 and 1; if they are parts of the image's width and height, give "
            "--fractions"
        )


def _timed(table, read, named):
    """(named, read) of the rows that have a start; InputError where none has."""
    there = [row.t_ms is not None for row in read.rows]
    if not any(there):
        raise InputError(
            f"{table} has no starts of fixations on videos; it takes a column of milliseconds since the video's start, "
            "t_ms (--columns t_ms=NAME, or t_s=NAME in seconds)"
        )
    return list(compress(named, there)), read._replace(rows=list(compress(read.rows, there)))


def _timely(table, read, named, stimuli):
    """[whether any frame was shown during the fixation] of all rows; InputError unless most of the times are
    milliseconds since their video's start."""
    longest = max(1000 * each.timeline.end for each in stimuli.values())
    latest = max(row.t_ms for row in read.rows)
    unsaid = "t_ms" in read.columns and parted(read.columns["t_ms"])[1] is None
    if len(read.rows) >= MANY and 0 < latest < SECONDS * longest and "t_s" not in read.columns and unsaid:
        raise InputError(
            f"{table}: all fixations begin in the first {latest:g} ms of the videos, so {read.columns['t_ms']} may be "
            f"in seconds; if it is, give --columns t_s={read.columns['t_ms']} (and duration_s)"
        )
    timely = _shown(named, read.rows, stimuli)
    late = [row for row, shown in zip(read.rows, timely, strict=True) if not shown]
    if 2 * len(late) > len(named):
        raise InputError(
            f"{table}: {len(late)} of {len(named)} fixations are not within their video's time, the first on line "
            f"{late[0].line} at {late[0].t_ms:g} ms; count milliseconds from each video's start"
        )
    return timely


def _shown(named, rows, stimuli):
    """Whether any frame of its video was shown during each fixation, as those who read the folder will find."""
    shown, of_film = np.zeros(len(rows), bool), {}
    for number, name in enumerate(named):
        of_film.setdefault(name, []).append(number)
    for name, numbers in of_film.items():
        known = stimuli[name].timeline
        facts = VideoFacts(name, np.arange(len(known.times)), known.rate, stimuli[name].size, timeline=known)
        times = np.array([(0, 0, rows[each].t_ms, rows[each].duration_ms or 0) for each in numbers], np.float64)
        first, last = frames_of(times, facts)
        shown[numbers] = (last >= 0) & (first < len(known.times))
    return shown.tolist()
