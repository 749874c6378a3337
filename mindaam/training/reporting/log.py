"""What a run tells: a CSV row a step and an epoch, and one line on the terminal with the time that is left."""

import csv
import io
import math
import statistics
import sys
import time
from collections import deque
from pathlib import Path

from mindaam.data.tables import guarded, unguarded
from mindaam.files import cannot_write, write_text
from mindaam.streams import plain, plain_lines

PLACE = ("step", "phase", "epoch")
TERMS = ("kld", "cc", "sim", "entailment", "distance", "swap")  # the objectives' terms, in their order
STEP_COLUMNS = (*PLACE, "folder", "condition", "rate", "loss", *TERMS, "seconds")


def clock(seconds):
    """Seconds as 'h:mm:ss' or 'm:ss'."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class CsvLog:
    """A CSV file that is appended to row by row; a resumed run first drops the rows after the step it goes on from.

    columns: their names, "step" among them; resume_step: the last step whose rows are kept, 0 for an empty log. Kept
    rows lose what is no longer among the columns, and are empty where a column is new.
    Rows that were cut short when a run was killed go as well. Texts that a spreadsheet would run are `tables.guarded`.
    Raises OutputError when the file cannot be written.
    """

    def __init__(self, path, columns, resume_step):
        self.path, self.columns = Path(path), columns
        kept = self._rows_until(resume_step)
        write_text(self.path, self._text([dict(zip(columns, map(guarded, columns), strict=True)), *kept]))

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

    def write(self, row):
        """Appends one row, a dict with the log's columns; floats are written with six digits."""
        try:
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                file.write(self._text([{key: _cell(value) for key, value in row.items()}]))
        except OSError as error:
            raise cannot_write(self.path, error) from error


def _cell(value):
    if isinstance(value, float):
        return f"{value:.6g}"
    return guarded(value) if isinstance(value, str) else value


def _step(row):
    """The step of a row of text; beyond all steps where it is none."""
    try:
        return int(row["step"])
    except (KeyError, ValueError):
        return math.inf


class Progress:
    """One line on the terminal: phase, epoch, step, loss, pace and time left. Without a terminal, a line now and then.

    total_steps: of the whole run, those before a resume among them; stream: by default stderr; quiet: say nothing, as
    every rank but the first.
    """

    EVERY_SECONDS = 60  # between two passing lines in a file
    RECENT = 50  # steps; their median is the pace, so that compilation and validation do not count

    def __init__(self, total_steps, stream=None, *, quiet=False):
        self.total, self.stream, self.quiet = total_steps, stream or sys.stderr, quiet
        self.recent = deque(maxlen=self.RECENT)
        self.lapped, self.last_line = time.monotonic(), -math.inf

    def lap(self):
        """Seconds since the last lap."""
        before, self.lapped = self.lapped, time.monotonic()
        return self.lapped - before

    def show(self, label, step, loss, cc, seconds):
        """label: where the run is; step: steps done in all; loss, cc, seconds: of the last step."""
        self.recent.append(seconds)
        pace = statistics.median(self.recent)
        left = clock(pace * (self.total - step))
        self.passing(f"{label}  step {step}/{self.total}  loss {loss:.3f}  CC {cc:.3f}  {pace:.2f} s/step  {left} left")

    def shown(self, label, row):
        """label: where the run is; row: of metrics.csv."""
        self.recent.append(row["seconds"])
        pace = statistics.median(self.recent)
        left, memory = clock(pace * (self.total - row["step"])), row["memory_mb"] / 1024
        self.passing(
            f"{label}  step {row['step']}/{self.total}  loss {row['loss']:.3f}  CC {row['cc']:.3f}  "
            f"lr {row['rate']:.2g}  {row['samples'] / pace:.1f} samples/s  {left} left  {memory:.1f} GB"
        )

    def passing(self, line):
        """A line that the next one takes the place of; in a file, one a minute."""
        if self.quiet:
            return
        if self.stream.isatty():
            print(f"\r\x1b[K{plain(line)}", end="", file=self.stream, flush=True)
        elif time.monotonic() - self.last_line > self.EVERY_SECONDS:
            self.last_line = time.monotonic()
            print(plain(line), file=self.stream, flush=True)

    def say(self, line):
        """A line that stays."""
        if self.quiet:
            return
        start = "\r\x1b[K" if self.stream.isatty() else ""
        print(f"{start}{plain_lines(line)}", file=self.stream, flush=True)
