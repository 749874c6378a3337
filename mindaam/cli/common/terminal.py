"""Progress and warnings of the commands, on stderr."""

import math
import sys
import warnings
from contextlib import contextmanager
from time import perf_counter

from mindaam.errors import Notice
from mindaam.streams import plain, print_line, print_message

LINE_SECONDS = 5.0  # between two lines of progress where stderr is no terminal


@contextmanager
def print_notices():
    """A context in which each Notice of the library is printed once, like other messages."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def report(message, category, *where, **more):
            if issubclass(category, Notice):
                print_message(message)
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = report
        warnings.simplefilter("default", Notice)
        yield


class Pace:
    """How quickly the frames of a video are done, measured from the first report on: loading and compiling come before.

    total: their number, None if it is unknown.
    """

    def __init__(self, total):
        self.total, self._first = total, None

    def text(self, frames):
        """ "12/1,500 frames, 3.4 frames/s, 7 min 18 s left", of the `frames` done, which may be partly done."""
        now = perf_counter()
        self._first = self._first or (frames, now)
        count, since = frames - self._first[0], now - self._first[1]
        parts = [f"{int(frames):,}{f'/{self.total:,}' if self.total else ''} frames"]
        if count > 0 and since > 0:
            parts.append(f"{count / since:.1f} frames/s")
            if self.total:
                parts.append(f"{duration(max(0.0, self.total - frames) * since / count)} left")
        return ", ".join(parts)


def duration(seconds):
    """A duration in words: "45 s", "7 min 18 s", "2 h 5 min"."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min {seconds % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Lines:
    """Progress as a line every LINE_SECONDS, where stderr is no terminal; none for quick work."""

    def __init__(self, total):
        self._name, self._pace, self._latest = "", None, perf_counter()
        self._total, self._begun = total, 0
        self._first = None  # when the second item was begun: loading and compiling come before

    def step(self, name):
        """Starts the item called `name`."""
        self._name, self._pace, now = name, None, perf_counter()
        if self._begun == 1:
            self._first = now
        if self._begun and now - self._latest >= LINE_SECONDS:
            self._latest = now
            print_message(f"{self._begun:,}/{self._total:,} done{self._left(now)}; now {name}")
        self._begun += 1

    def _left(self, now):
        """ ", 12 s left" from the third item on, by the pace since the second."""
        if self._begun < 2:
            return ""
        return f", {duration((self._total - self._begun) * (now - self._first) / (self._begun - 1))} left"

    def within(self, frames, total):
        """Within a video: `frames` done of `total` (None: unknown)."""
        self._pace = self._pace or Pace(total)
        text = self._pace.text(frames)
        if perf_counter() - self._latest >= LINE_SECONDS:
            self._latest = perf_counter()
            print_message(f"{self._name}: {text}")


class Bars:
    """Progress as one bar of the items, and below it one of the current video."""

    def __init__(self, bars, total, start):
        self._bars, self._started = bars, False
        self._pieces = bars.add_task(start, total=total, note=f"0/{total}")
        self._total, self._done, self._video, self._pace = total, 0, None, None

    def step(self, name):
        """Starts the item called `name`."""
        self._done += self._started
        self._started = True
        note = f"{self._done}/{self._total}"
        self._bars.update(self._pieces, description=plain(name), completed=self._done, note=note)
        if self._video is not None:
            self._bars.remove_task(self._video)
            self._video = None

    def within(self, frames, total):
        """Within a video: `frames` done of `total` (None: unknown)."""
        if self._video is None:
            self._video, self._pace = self._bars.add_task("", total=total, note=""), Pace(total)
        self._bars.update(self._video, completed=frames, note=self._pace.text(frames))


@contextmanager
def progress(total, start):
    """Progress over `total` items on stderr; `start` describes the work before the first. Yields Bars on a terminal,
    else Lines."""
    if not sys.stderr.isatty():
        yield Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    named = TextColumn("{task.description}", markup=False)  # a name may contain markup
    columns = named, BarColumn(), TextColumn("{task.fields[note]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars, total, start)


def print_table(rows):
    """Prints rows of text in columns, the first one as header; nothing is truncated, so that it can be piped."""
    from typer import echo, style

    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        print_line(line) if number else echo(style(line, bold=True))


@contextmanager
def transfer_line(name):
    """A progress line of a download, on a terminal only; yields a function of (bytes done, bytes in total)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = []

        def report(done, total):
            if not tasks:  # the speed excludes bytes of an earlier attempt
                tasks.append(bar.add_task(plain(name), total=total, completed=done))
            bar.update(tasks[0], completed=done, total=total)

        yield report
