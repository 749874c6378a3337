"""Somebody's table of fixations: a CSV file whose columns are known by their names, or named by the user."""

import re
from typing import NamedTuple

from mindaam.data.imports.column_names import NUMBERS, PLACES, find_columns, milliseconds
from mindaam.data.imports.table_text import read_cells
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
    many, which name no stimulus."""

    rows: list
    columns: dict
    missing: int = 0
    again: int = 0
    unnamed: int = 0


def read_table(path, named=None):
    """The Table in a text file as `table_text.read_cells` takes it. named: {role: column} of columns to be taken.

    Where the cut is no comma, numbers may have a decimal comma. Times are in the unit that their column's name has. A
    row without x or y has no gaze and is skipped, and so is gaze on no stimulus, unless it is most of it, which is
    refused; a duration or start that is missing is None. Of rows one after the
    other that say the same of viewer, stimulus, condition, place, duration and number of the fixation, as samples of a
    tracker do, the first is taken. Raises InputError for a file that is no such table, has no column for the image, x
    or y, or has a row that cannot be read, and ConfigError for roles and columns that are not there.
    """
    named = named or {}
    names, separator, lines = read_cells(path, lambda names: _fits(path, names, named))
    columns = find_columns(path, names, named)
    places = {role: names.index(column) for role, column in columns.items()}
    scales = {role: milliseconds(role, columns[role]) for role in NUMBERS if role in columns and role not in PLACES}
    commas = _Commas(path)
    read = [_row(path, line, cells, places, scales, commas if separator != "," else None) for line, cells in lines]
    commas.check()
    seen = [row for row in read if row is not None]
    if not read:
        raise InputError(f"{path} has column names but no fixations; give the table with its rows")
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
    kept = [row for place, row in enumerate(rows) if not place or not _same(rows[place - 1], row)]
    return Table(kept, columns, len(read) - len(seen), len(rows) - len(kept), len(seen) - len(rows))


def _fits(path, names, named):
    """Whether the names have what a table must have."""
    try:
        return bool(find_columns(path, names, named))
    except (InputError, ConfigError):
        return False


def _same(row, after):
    """Whether two Rows are samples of one fixation, which then has a number and a duration."""
    told = bool(after.order) and after.duration_ms is not None
    return told and row[1:6] == after[1:6] and row[7:] == after[7:]  # all but line and t_ms


def _row(path, line, cells, places, scales, commas):
    """The Row of a line's cells, None where x or y is missing. places: {role: position of its cell}; scales: of times,
    {role: (factor, divisor)}; commas: where numbers may have decimal ones, else None."""
    texts = {role: cells[place].strip() if place < len(cells) else "" for role, place in places.items()}
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
