"""Somebody's table of fixations: a CSV file whose columns are known by their names, or named by the user."""

import re
from itertools import groupby
from typing import NamedTuple

from mindaam.data.imports.column_names import NEEDED, NUMBERS, PLACES, find_columns, milliseconds
from mindaam.data.imports.table_text import read_cells
from mindaam.data.imports.trackers import Tracker, columns_of, fixation_lines, recognized
from mindaam.data.listed import shown
from mindaam.data.tables import number
from mindaam.errors import ConfigError, InputError

# How trackers and those who work with their tables write that there is no number; letter case does not count.
MISSING = {"", ".", "-", "--", "nan", "-nan", "na", "<na>", "n/a", "#n/a", "null", "none", "1.#qnan", "-1.#ind"}
NAMELESS = {"", "-", "."}  # how they write that no stimulus was shown
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,234: a decimal comma, or one that parts thousands
_DOTTED = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")  # 1.234, as people write it whose comma is decimal


class Row(NamedTuple):
    """A fixation as the table has it. line: in the file, from 1. stimulus: what it calls the image or video. t_ms:
    its start, duration_ms: how long it was; None where the table does not say. order: as text, or empty."""

    line: int
    stimulus: str
    x: float
    y: float
    subject: str
    condition: str | None
    t_ms: float | None
    duration_ms: float | None
    order: str


class Table(NamedTuple):
    """rows: Rows in the order of the file; columns: {role: the column's name in the file}; missing: how many more rows
    there were, which have no x or no y; again: how many, which repeat the fixation of the row before them; unnamed: how
    many, which name no stimulus; others: {kind: how many} of rows that the tracker marks as something else than a
    usable fixation; tracker: the trackers.Tracker that it is of, or None."""

    rows: list
    columns: dict
    missing: int = 0
    again: int = 0
    unnamed: int = 0
    others: dict = {}
    tracker: Tracker | None = None


def read_table(path, named=None, image=None, *, samples=False):
    """The Table in a text file as `table_text.read_cells` takes it. named: {role: column} of columns to be taken;
    image: what the rows of a Tracker's table without a column of images are of, None to refuse it; samples: its rows
    are samples of a tracker, none of which is skipped or merged.

    Where the cut is no comma, numbers may have a decimal comma. Times are in the unit that their column's name has. A
    row without x or y has no gaze and is skipped, and so is gaze on no stimulus, unless it is most of it, which is
    refused; a duration or start that is missing is None. Of rows one after the
    other that say the same of viewer, stimulus, condition, place, duration and number of the fixation, as samples of a
    tracker do, the first is taken. Raises InputError for a file that is no such table, has no column for the image, x
    or y, or has a row that cannot be read, and ConfigError for roles and columns that are not there.
    """
    named = named or {}
    names, separator, lines = read_cells(path, lambda names: _fits(path, names, named, image))
    tracker, columns = recognized(names, named), _columns(path, names, named, image)
    lines, others = (lines, {}) if samples else fixation_lines(names, lines)
    places = {role: names.index(column) for role, column in columns.items()}
    scales = {role: milliseconds(role, columns[role]) for role in NUMBERS if role in columns and role not in PLACES}
    commas = _Commas(path)
    decimal = commas if separator != "," else None
    read = [_row(path, line, cells, places, scales, decimal, image) for line, cells in lines]
    commas.check()
    seen = [row for row in read if row is not None]
    if not read:
        why = f" ({_kinds(others)})" if others else ""
        raise InputError(f"{path} has column names but no fixations{why}; give the table with its rows")
    if not seen:
        raise InputError(
            f"{path}: x or y is missing in all of its {len(read)} rows; take the columns that have the gaze, with "
            "--columns x=NAME --columns y=NAME, or export them"
        )
    rows = [row for row in seen if row.stimulus not in NAMELESS]
    if 2 * len(rows) < len(seen):
        first = next(row for row in seen if row.stimulus in NAMELESS)
        raise InputError(
            f"{path}, line {first.line}: the column image is empty, as in {len(seen) - len(rows)} of {len(seen)} rows; "
            "each row must name its image or video"
        )
    kept = [row for place, row in enumerate(rows) if samples or not place or not _same(rows[place - 1], row)]
    if tracker is not None and tracker.merged and "order" in columns and not samples:
        kept = _merged(kept)
    return Table(
        kept, columns, len(read) - len(seen), len(rows) - len(kept), len(seen) - len(rows), dict(others), tracker
    )


def _kinds(others):
    """ "2 rows of Saccade, 1 row of Blink"."""
    return ", ".join(f"{count} row{'' if count == 1 else 's'} of {shown(kind)}" for kind, count in others.items())


def _merged(rows):
    """Rows one after the other of one fixation of a viewer on a stimulus as one: its mean x and y, its longest
    duration."""
    found = []
    for _, group in groupby(rows, key=lambda row: (row.subject, row.stimulus, row.condition, row.order)):
        group = list(group)
        durations = [row.duration_ms for row in group if row.duration_ms is not None]
        x, y = (sum(getattr(row, axis) for row in group) / len(group) for axis in PLACES)
        found.append(group[0]._replace(x=x, y=y, duration_ms=max(durations, default=None)))
    return found


def _columns(path, names, named, image):
    """{role: column}, as `column_names.find_columns` returns it; those of a Tracker need no image if one is known."""
    needed = NEEDED if image is None or recognized(names, named) is None else PLACES
    return find_columns(path, names, columns_of(names, named), needed=needed)


def _fits(path, names, named, image):
    """Whether the names have what a table must have."""
    try:
        return bool(_columns(path, names, named, image))
    except (InputError, ConfigError):
        return False


def _same(row, after):
    """Whether two Rows are samples of one fixation, which then has a number and a duration."""
    told = bool(after.order) and after.duration_ms is not None
    return told and row[1:6] == after[1:6] and row[7:] == after[7:]  # all but line and t_ms


def _row(path, line, cells, places, scales, commas, image):
    """The Row of a line's cells, None where x or y is missing. places: {role: position of its cell}; scales: of times,
    {role: (factor, divisor)}; commas: where numbers may have decimal ones, else None; image: as of `read_table`."""
    texts = {role: cells[place].strip() if place < len(cells) else "" for role, place in places.items()}
    texts.setdefault("image", image)
    x, y = (_number(path, line, role, texts[role], commas) for role in PLACES)
    if x is None or y is None:
        return None
    if texts.get("condition") == "" and texts["image"] not in NAMELESS:
        raise InputError(f"{path}, line {line}: the column condition is empty; correct or remove the row")
    times = {}
    for role, (factor, divisor) in scales.items():
        value = _number(path, line, role, texts[role], commas)
        if value is not None:  # where both units are given, seconds come last and count
            times[role.rpartition("_")[0]] = factor * value / divisor
    start, duration = times.get("t"), times.get("duration")
    if duration is not None and duration < 0:
        raise InputError(f"{path}, line {line}: a duration of {duration:g} ms is invalid; correct or remove the row")
    subject, condition, order = texts.get("subject", ""), texts.get("condition"), texts.get("order", "")
    return Row(line, texts["image"], x, y, subject, condition, start, duration, order)


def _number(path, line, role, text, commas):
    """The number of a cell, None where it is missing."""
    if text.casefold() in MISSING:
        return None
    try:
        value = number(text.replace(",", ".") if commas else text)
    except ValueError:
        hint = "; cells are cut at commas here, so write a decimal point" if not commas and "," in text else ""
        raise InputError(
            f'{path}, line {line}: {role} is "{shown(text)}", which is not a number in plain digits{hint}; '
            "correct or remove the row"
        ) from None
    if commas:
        commas.see(line, role, text)
    return value


class _Commas:
    """What the commas in a table's numbers may be: all decimal ones, or such as part thousands."""

    def __init__(self, path):
        self.path, self.decimal, self.points = path, set(), False
        self.grouped, self.dotted, self.small, self.large = {}, {}, set(), set()

    def see(self, line, role, text):
        """Notes a number of a role."""
        if _GROUPED.fullmatch(text):
            self.grouped.setdefault(role, (line, text))
        elif "," in text:
            self.decimal.add(role)
        elif "." in text:
            self.points = True
            if _DOTTED.fullmatch(text):
                self.dotted.setdefault(role, (line, text))
        else:
            (self.small if len(text.lstrip("+-")) <= 3 else self.large).add(role)

    def check(self):
        """InputError where 1,234 may well be 1234, beside numbers with points or in a column of whole numbers, and
        where 1.234 may be, in a column with decimal commas."""
        doubtful = {role: found for role, found in self.dotted.items() if role in self.decimal}
        for role, found in ({} if self.decimal else self.grouped).items():
            if self.points or (role in self.small and role not in self.large):
                doubtful.setdefault(role, found)
        for role, (line, text) in doubtful.items():
            sign = "comma" if "," in text else "point"
            whole, point = re.sub("[,.]", "", text), text.replace(",", ".")
            where = f"{self.path}, line {line}"
            raise InputError(
                f'{where}: is {role} "{text}" with a decimal {sign}, or does the {sign} part thousands? write {whole} '
                f"or {point}, in all rows alike"
            )
