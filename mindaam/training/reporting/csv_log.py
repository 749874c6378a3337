"""The tables of a run: CSV files that grow row by row and that a resumed run continues."""

import csv
import io
import math
import os
from pathlib import Path

from mindaam.data.tables import guarded, unguarded
from mindaam.errors import OutputError


class CsvLog:
    """A CSV file that is appended to row by row; a resumed run first drops the rows after the step it continues from.

    columns: their names, "step" among them; resume_step: the last step whose rows are kept, 0 for an empty log. Kept
    rows lose what is no longer among the columns, and are empty where a column is new.
    Rows that are truncated because a run was killed are dropped. Texts that a spreadsheet would run are
    `tables.guarded`. Raises OutputError when the file cannot be written.
    """

    def __init__(self, path, columns, resume_step):
        self.path, self.columns = Path(path), columns
        beside, kept = self.path.with_suffix(".part"), self._rows_until(resume_step)
        self._put(beside, "w", [dict(zip(columns, map(guarded, columns), strict=True)), *kept])
        os.replace(beside, self.path)

    def write(self, row):
        """Appends one row, a dict with the log's columns; floats are written with six digits."""
        self._put(self.path, "a", [{key: _cell(value) for key, value in row.items()}])

    def _rows_until(self, step):
        if not step or not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
        header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
        header = [unguarded(column) for column in header]
        rows = [dict(zip(header, cells, strict=True)) for cells in lines if cells and len(cells) == len(header)]
        return [row for row in rows if _step(row) <= step]

    def _put(self, path, mode, rows):
        try:
            with open(path, mode, newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns, extrasaction="ignore").writerows(rows)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error


def _cell(value):
    if isinstance(value, float):
        return f"{value:.6g}"
    return guarded(value) if isinstance(value, str) else value


def _step(row):
    """The step of a row of text; beyond all steps where it is not a number."""
    try:
        return int(row["step"])
    except (KeyError, ValueError):
        return math.inf
