"""The tables of a run: CSV files that grow row by row and that a resumed run continues."""

import csv
import io
import math
from pathlib import Path

from mindaam.data.tables import guarded, unguarded
from mindaam.files import cannot_write, write_text


class CsvLog:
    """A CSV file that is appended to row by row; a resumed run first drops the rows after the step it continues from.

    columns: their names, "step" among them; resume_step: the last step whose rows are kept, 0 for an empty log. Kept
    rows lose what is no longer among the columns, and are empty where a column is new.
    Rows that are truncated because a run was killed are dropped. Texts that a spreadsheet would run are
    `tables.guarded`. Raises OutputError when the file cannot be written.
    """

    def __init__(self, path, columns, resume_step):
        self.path, self.columns = Path(path), columns
        kept = self._rows_until(resume_step)
        write_text(self.path, self._text([dict(zip(columns, map(guarded, columns), strict=True)), *kept]))

    def write(self, row):
        """Appends one row, a dict with the log's columns; floats are written with six digits."""
        try:
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                file.write(self._text([{key: _cell(value) for key, value in row.items()}]))
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _rows_until(self, step):
        if not step or not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
        header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
        header = [unguarded(column) for column in header]
        rows = [dict(zip(header, cells, strict=True)) for cells in lines if cells and len(cells) == len(header)]
        return [row for row in rows if _step(row) <= step]

    def _text(self, rows):
        text = io.StringIO(newline="")
        csv.DictWriter(text, self.columns, extrasaction="ignore").writerows(rows)
        return text.getvalue()


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
