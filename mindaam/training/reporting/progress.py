"""One line on the terminal with where a run is, its pace and the time that is left."""

import math
import statistics
import sys
import time
from collections import deque

from mindaam.streams import plain, plain_lines


def clock(seconds):
    """Seconds as 'h:mm:ss' or 'm:ss'."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class Progress:
    """One line on the terminal: epoch, step, loss, pace and time left. Without a terminal, a line per minute.

    total_steps: of the whole run, those before a resume included; stream: by default stderr; quiet: print nothing, as
    on every rank but the first.
    """

    EVERY_SECONDS = 60  # between two passing lines in a file
    RECENT = 50  # steps; their median is the pace, so that a pause does not count

    def __init__(self, total_steps, stream=None, *, quiet=False):
        self.total, self.stream, self.quiet = total_steps, stream or sys.stderr, quiet
        self.recent, self.last_line = deque(maxlen=self.RECENT), -math.inf

    def step(self, label, row, *, compiled=False):
        """A step. label: where the run is; row: of metrics.csv; compiled: whether a graph was compiled or loaded during
        it, so that its time is not that of the steps to come."""
        if not compiled:
            self.recent.append(row["seconds"])
        self.passing(
            f"{label}  step {row['step']}/{self.total}  loss {row['loss']:.3f}  CC {row['cc']:.3f}  "
            f"lr {row['rate']:.2g}  {self._pace(row)}  {row['memory_mb'] / 1024:.1f} GB"
        )

    def _pace(self, row):
        """The pace and the time left, by the steps that compiled nothing."""
        if not self.recent:
            return f"compiled in {clock(row['seconds'])}"
        pace = statistics.median(self.recent)
        return f"{row['samples'] / pace:.1f} samples/s  {clock(pace * (self.total - row['step']))} left"

    def passing(self, line):
        """A line that the next one replaces; in a file, one per minute."""
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
