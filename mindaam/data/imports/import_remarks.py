"""Remarks on a table that was read without an error but may be wrong."""

from itertools import pairwise
from statistics import median

from mindaam.data.imports.column_names import NUMBERS, PLACES, SCREEN, TIMES, parted

FEW = 3  # rows up to which a coincidence is none
LOST = 0.01  # share of rows at 0, 0 from which on it is told
REPEATED = 0.1  # share of rows at the place of the row before from which on it is told
SAMPLED = 40.0  # ms; fixations are hardly ever as short, samples of a tracker nearly always
MANY = 10  # pairs of rows from which their distance in time can be told


def remarks(read, kind):
    """Sentences about a Table of images or videos (`kind`), those of what may be wrong beginning with "warning: "."""
    return [*_units(read.columns), *_lost(read.rows), *_samples(read, kind)]


def _units(columns):
    for role, column in columns.items():
        unit = parted(column)[1]
        if role in NUMBERS and unit in TIMES and role.endswith("_ms") and TIMES[unit][:2] != (1, 1):
            yield f"{column} was turned from {TIMES[unit][2]} into milliseconds"

    named = [column for role in PLACES if parted(column := columns[role])[1] in SCREEN]
    if named:
        yield (
            f"warning: {' and '.join(named)} count pixels of the screen, which are those of an image or video only "
            "where it was shown in the top left corner, as large as it is stored"
        )


def _lost(rows):
    lost = sum(row.x == 0 and row.y == 0 for row in rows)
    if lost >= max(FEW, LOST * len(rows)):
        yield (
            f"warning: {lost} of {len(rows)} fixations are at exactly 0, 0, where trackers put missing gaze; if they "
            "are missing gaze, remove these rows from the table and import it again"
        )


def _samples(read, kind):
    """Whether rows seem to be samples of a tracker; those of videos may be, where no durations are given."""
    if kind != "images" and all(row.duration_ms is None for row in read.rows):
        return
    pairs = [
        (row, after)
        for row, after in pairwise(read.rows)
        if (row.subject, row.stimulus) == (after.subject, after.stimulus)
    ]
    same = sum((row.x, row.y) == (after.x, after.y) != (0, 0) for row, after in pairs)
    if same >= max(FEW, REPEATED * len(read.rows)):
        yield (
            f"warning: {same} of {len(read.rows)} rows repeat the place of the row before them; if there is a row for "
            "each sample of the tracker, a long fixation counts many times, so export a row a fixation"
        )
    gaps = [
        after.t_ms - row.t_ms for row, after in pairs if None not in (row.t_ms, after.t_ms) and after.t_ms > row.t_ms
    ]
    if len(gaps) >= MANY and median(gaps) < SAMPLED and same < max(FEW, REPEATED * len(read.rows)):
        column = read.columns.get("t_s") or read.columns["t_ms"]
        yield (
            f"warning: by {column} the rows are {median(gaps):.3g} ms apart, as samples of a tracker are; if they are, "
            "export a row a fixation, and if the column has another unit, say so (--columns t_s=NAME)"
        )
