"""Progress and warnings of the commands, on stderr."""

import sys
import warnings
from contextlib import contextmanager
from time import perf_counter

from mindaam.errors import Notice
from mindaam.streams import plain, print_message


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


class Quiet:
    """Progress that is not displayed."""

    def step(self, name):
        """Starts the item called `name`."""

    def within(self, frames, seconds, length):
        """Within a video: `frames` done, up to second `seconds` of `length` (None: unknown)."""


class Bars:
    """Progress as one bar of the items, and below it one of the current video."""

    def __init__(self, bars, total, start):
        self._bars, self._started = bars, False
        self._pieces = bars.add_task(start, total=total, note=f"0/{total}")
        self._total, self._done, self._video, self._since = total, 0, None, 0.0

    def step(self, name):
        """Starts the item called `name`."""
        self._done += self._started
        self._started = True
        note = f"{self._done}/{self._total}"
        self._bars.update(self._pieces, description=plain(name), completed=self._done, note=note)
        if self._video is not None:
            self._bars.remove_task(self._video)
            self._video = None

    def within(self, frames, seconds, length):
        """Within a video: `frames` done, up to second `seconds` of `length` (None: unknown)."""
        if self._video is None:
            self._video, self._since = self._bars.add_task("", total=length, note=""), perf_counter()
            self._first = frames
        passed = perf_counter() - self._since
        pace = f", {(frames - self._first) / passed:.1f} frames/s" if frames > self._first else ""
        whole = f"/{length:.1f}" if length else ""
        self._bars.update(self._video, completed=seconds, note=f"{seconds:.1f}{whole} s{pace}")


@contextmanager
def progress(total, start):
    """Progress over `total` items, on a terminal only; `start` describes the work before the first.

    Yields Bars, or Quiet if stderr is not a terminal.
    """
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    named = TextColumn("{task.description}", markup=False)  # a name may contain markup
    columns = named, BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars, total, start)


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
