"""Where the fixations of somebody's table lie: in the pixels of their picture and in the time of their film."""

from itertools import compress
from typing import NamedTuple

from mindaam.data.imports.column_names import parted
from mindaam.errors import InputError

TOP_LEFT, BOTTOM_LEFT = ORIGINS = ("top-left", "bottom-left")  # corners that x and y count from
CONDITION = "free_viewing"  # where nobody says
SECONDS = 0.01  # of a film's length: milliseconds that all lie before it are seconds
MANY = 10  # rows from which that can be told


class Fixation(NamedTuple):
    """A Row of the table on the stimulus called `name`, under a condition, at (x, y) in its pixels."""

    name: str
    condition: str
    x: float
    y: float
    row: object


def place(table, read, named, stimuli, wanted):
    """(Fixations that lie in their stimulus, in space and time; how many do not; how many of films have no start).

    table: the path that errors name. read: Table. named: the stimulus of each of its rows, stimuli: {name: Stimulus}.
    wanted: `importing.Wanted`. Raises InputError where the units are not as they should be, or most lie outside.
    """
    _check_units(table, read, wanted)
    given = len(named)
    if any(stimulus.frames is not None for stimulus in stimuli.values()):
        named, read = _timed(table, read, named)
        _check_times(table, read, named, stimuli)
    fixations, beside = [], []
    for name, row in zip(named, read.rows, strict=True):
        height, width = stimuli[name].size
        x, y = (row.x * width, row.y * height) if wanted.fractions else (row.x, row.y)
        y = height - y if wanted.origin == BOTTOM_LEFT else y
        if 0 <= x < width and 0 <= y < height and _in_time(row, stimuli[name]):
            condition = wanted.condition or row.condition or CONDITION
            fixations.append(Fixation(name, condition.strip(), x, y, row))
        else:
            beside.append((name, row))
    if 2 * len(beside) > len(named):
        name, row = beside[0]
        height, width = stimuli[name].size
        raise InputError(
            f"{table}: {len(beside)} of {len(named)} fixations lie outside, the first on line {row.line} at x "
            f"{row.x:g}, y {row.y:g} of {name}, which is {width}x{height}; are x and y swapped, in other units "
            "(--fractions), from another corner (--origin), or counted on the screen?"
        )
    return fixations, len(beside), given - len(named)


def _check_units(table, read, wanted):
    """InputError when all x and y are parts of a picture and nobody said so."""
    if not wanted.fractions and all(0 <= row.x <= 1 and 0 <= row.y <= 1 for row in read.rows):
        raise InputError(
            f"{table}: every x and y is between 0 and 1; if they are parts of the picture's width and height, give "
            "--fractions"
        )


def _timed(table, read, named):
    """(named, read) of the rows that have a start; InputError where none has."""
    there = [row.t_ms is not None for row in read.rows]
    if not any(there):
        raise InputError(
            f"{table} has no starts of fixations on films; it takes a column of milliseconds since the film's start, "
            "t_ms (--columns t_ms=NAME, or t_s=NAME in seconds)"
        )
    return list(compress(named, there)), read._replace(rows=list(compress(read.rows, there)))


def _check_times(table, read, named, stimuli):
    """InputError unless most of the times are milliseconds since their film's start."""
    longest = max(1000 * each.frames / each.rate for each in stimuli.values())
    latest = max(row.t_ms for row in read.rows)
    unsaid = "t_ms" in read.columns and parted(read.columns["t_ms"])[1] is None
    if len(read.rows) >= MANY and 0 < latest < SECONDS * longest and "t_s" not in read.columns and unsaid:
        raise InputError(
            f"{table}: all fixations begin in the first {latest:g} ms of the films, so {read.columns['t_ms']} may be "
            f"in seconds; if it is, give --columns t_s={read.columns['t_ms']} (and duration_s)"
        )
    late = [row for name, row in zip(named, read.rows, strict=True) if not _in_time(row, stimuli[name])]
    if 2 * len(late) > len(named):
        raise InputError(
            f"{table}: {len(late)} of {len(named)} fixations are not within their film's time, the first on line "
            f"{late[0].line} at {late[0].t_ms:g} ms; count milliseconds from each film's start"
        )


def _in_time(row, stimulus):
    """Whether any frame of a film was shown during the fixation; always of a picture."""
    if stimulus.frames is None:
        return True
    begun = row.t_ms < 1000 * stimulus.frames / stimulus.rate
    return begun and (row.t_ms >= 0 or row.t_ms + (row.duration_ms or 0) > 0)
