"""Text tables: rows as long as their header, plain numbers, and texts that stay text."""

import math
import re

SHOWN = 40  # signs of a cell that an error repeats
# The beginning of a formula in a spreadsheet, in Latin and in full width.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def number(text):
    """The finite float that a text stands for in plain digits, such as "-12.5" or "1e3", blanks about it aside.

    Raises ValueError for anything else, also for numbers of Python that no tracker writes: "inf", "1e400",
    "1_000" and digits of other scripts.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text or not text.isascii():
        raise ValueError(f"could not convert string to a finite number: {text[:SHOWN]!r}")
    return value


def misfit(cells, names):
    """What is wrong with the length of a row, or None. cells: of the row; names: of the header, both lists of text.

    Where cells are missing or too many, no cell can be identified by its position: a decimal comma makes two of one,
    and empty cells at the end may hide that. Empty names at the end of the header are no columns, as exports may end
    each line with a separator; their cells are empty.
    """
    if len(cells) == len(names) and names and names[-1].strip():  # as nearly always
        return None
    named = _used(names)
    if named <= len(cells) <= len(names) and _used(cells) <= named:
        return None
    columns = f"{named} column{'' if named == 1 else 's'}"
    return f"the row has {len(cells)} cell{'' if len(cells) == 1 else 's'}, but the header {columns}"


def guarded(text):
    """A text as a cell that no spreadsheet runs: "=1+1" gets an apostrophe before it. Numbers stay as they are."""
    try:
        number(text)
    except ValueError:
        return f"'{text}" if _FORMULA.match(text) else text
    return text


def unguarded(cell):
    """The text of which `guarded` made a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _used(cells):
    """How many cells there are up to the last that is not empty."""
    return next((k for k in range(len(cells), 0, -1) if cells[k - 1].strip()), 0)
