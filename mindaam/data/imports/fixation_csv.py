"""Somebody's table of fixations: a CSV file whose columns are known by their names, or named by the user."""

import csv
import io
import math
import re
from pathlib import Path
from typing import NamedTuple

from mindaam.data.media import require_file
from mindaam.errors import ConfigError, InputError, unknown

# Names under which columns are known, the surest first; letter case, blanks and punctuation do not count.
KNOWN = {
    "image": "image stimulus filename file_name image_name imagename stimulus_name stimulus_file file picture photo "
    "img stim film video movie clip video_name media_name presented_media_name presented_stimulus_name",
    "x": "x fix_x fixation_x x_px gaze_x x_pos xpos pos_x x_position x_coordinate fixation_point_x current_fix_x",
    "y": "y fix_y fixation_y y_px gaze_y y_pos ypos pos_y y_position y_coordinate fixation_point_y current_fix_y",
    "subject": "subject observer participant viewer user subject_id observer_id participant_id participant_name sub "
    "subj person recording_session_label",
    "condition": "condition task",
    "t_ms": "t_ms start_ms onset_ms time_ms timestamp_ms timestamp start onset t time start_time fixation_start "
    "current_fix_start",
    "t_s": "t_s start_s onset_s time_s timestamp_s start_seconds",
    "duration_ms": "duration_ms dur_ms duration dur fixation_duration fix_duration gaze_event_duration "
    "current_fix_duration",
    "duration_s": "duration_s dur_s duration_seconds",
    "order": "order index fixation_index fix_index fixation_number fixation fix_number number current_fix_index",
}
NEEDED = ("image", "x", "y")
ONE_OF = (("t_ms", "t_s"), ("duration_ms", "duration_s"))  # the same in two units
NUMBERS = ("x", "y", *ONE_OF[0], *ONE_OF[1])
SEPARATORS = ",;\t"


class Row(NamedTuple):
    """A fixation as the table has it. line: in the file, from 1. stimulus: what it calls the picture or film. t_ms:
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
    """rows: Rows in the order of the file; columns: {role: the column's name in the file}."""

    rows: list
    columns: dict


def read_table(path, named=None):
    """The Table in a UTF-8 CSV file cut at commas, semicolons or tabs. named: {role: column} of columns to be taken.

    Where the cut is no comma, numbers may have a decimal comma. Raises InputError for a file that is no such table, has
    no column for the picture, x or y, or has a row that cannot be read, and ConfigError for roles and columns that are
    not there.
    """
    path = Path(path)
    text = _text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    if not header:
        raise InputError(f"{path} is empty; it must have a line of column names and a line for each fixation")
    separator = max(SEPARATORS, key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, columns, places = [], None, {}
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                names = [cell.strip() for cell in cells]
                columns = find_columns(path, names, named or {})
                places = {role: names.index(column) for role, column in columns.items()}
            else:
                rows.append(_row(path, lines.line_num, cells, places, separator))
    except csv.Error as error:
        raise InputError(f"{path}, line {lines.line_num}: the row is no CSV ({error}); save the table again") from error
    if not rows:
        raise InputError(f"{path} has column names but no fixations; give the table with its rows")
    return Table(rows, columns)


def find_columns(path, names, named):
    """{role: column's name} of a table's columns. path: what errors name. named: roles that the user gave columns for.

    Raises InputError when the picture, x or y has no column, or any role two that fit equally; ConfigError for an
    unknown role or column.
    """
    found = {}
    for role, column in named.items():
        if role not in KNOWN:
            raise unknown("column role", role, KNOWN)
        fits = [name for name in names if name == column] or [n for n in names if _plain(n) == _plain(column)]
        if len(fits) != 1:
            count = "more than one" if fits else "no"
            raise ConfigError(f'{path} has {count} column "{column}" for {role}; its columns are {", ".join(names)}')
        found[role] = fits[0]
    free = [name for name in names if name not in found.values()]
    for role, known in KNOWN.items():
        units = next((pair for pair in ONE_OF if role in pair), (role,))
        if any(each in found for each in units):
            continue
        fits = next((fits for each in known.split() if (fits := [n for n in free if _plain(n) == each])), [])
        if len(fits) > 1:
            raise InputError(
                f"{path} has {len(fits)} columns that may be {role}, {' and '.join(fits)}; rename all but one of them"
            )
        if fits:
            found[role] = fits[0]
    absent = [role for role in NEEDED if role not in found]
    if absent:
        raise InputError(
            f"{path} has no column that is known as {absent[0]}; its columns are {', '.join(names)}: say which one it "
            f"is with --columns {absent[0]}=NAME"
        )
    return found


def _text(path):
    require_file(path, "table of fixations")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: the table is not UTF-8 text; save it as CSV in UTF-8") from error


def _row(path, line, cells, places, separator):
    """The Row of a line's cells. places: {role: position of its cell}."""
    texts = {role: cells[place].strip() if place < len(cells) else "" for role, place in places.items()}
    for role in ("image", "condition"):
        if texts.get(role) == "":
            raise InputError(f"{path}, line {line}: the column {role} is empty; mend the row or take it out")
    numbers = {
        role: _number(path, line, role, text.replace(",", ".") if separator != "," else text)
        for role, text in texts.items()
        if role in NUMBERS and (text or role in NEEDED)
    }
    for unit in ("t", "duration"):
        if f"{unit}_s" in numbers:
            numbers[f"{unit}_ms"] = 1000 * numbers[f"{unit}_s"]
    start, duration = numbers.get("t_ms"), numbers.get("duration_ms")
    if duration is not None and duration < 0:
        raise InputError(f"{path}, line {line}: a duration of {duration:g} ms cannot be; mend the row or take it out")
    subject, condition, order = texts.get("subject", ""), texts.get("condition"), texts.get("order", "")
    return Row(line, texts["image"], numbers["x"], numbers["y"], subject, condition, start, duration, order)


def _number(path, line, role, text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f'{path}, line {line}: {role} is "{text}", which is no number; mend the row or take it out')
    return value


def _plain(name):
    """A column's name in small letters, its words joined by "_": "Fixation point X", "FixationPointX" and so on."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", parted.casefold()).strip("_")
