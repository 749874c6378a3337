"""Progress and warnings of the commands, on stderr."""

import sys
import warnings
from contextlib import contextmanager
from time import perf_counter

from mindaam.errors import Notice
from mindaam.streams import plain, print_message


@contextmanager
def print_notices():
    """Inside it, what the library warns of as a Notice is a sentence like any other, once for each."""
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
    """Progress that is not shown."""

    def step(self, name):
        """The turn of the piece of work called `name`."""

    def within(self, frames, seconds, length):
        """In a film: `frames` done, up to its second `seconds` of `length` (None: unknown)."""


class Bars:
    """Progress as a bar of the pieces of work, and below it one for the film that is being done."""

    def __init__(self, bars, total, start):
        self._bars, self._started = bars, False
        self._pieces = bars.add_task(start, total=total, note=f"0/{total}")
        self._total, self._done, self._video, self._since = total, 0, None, 0.0

    def step(self, name):
        """The turn of the piece of work called `name`."""
        self._done += self._started
        self._started = True
        note = f"{self._done}/{self._total}"
        self._bars.update(self._pieces, description=plain(name), completed=self._done, note=note)
        if self._video is not None:
            self._bars.remove_task(self._video)
            self._video = None

    def within(self, frames, seconds, length):
        """In a film: `frames` done, up to its second `seconds` of `length` (None: unknown)."""
        if self._video is None:
            self._video, self._since = self._bars.add_task("", total=length, note=""), perf_counter()
            self._first = frames
        passed = perf_counter() - self._since
        pace = f", {(frames - self._first) / passed:.1f} frames/s" if frames > self._first else ""
        whole = f"/{length:.1f}" if length else ""
        self._bars.update(self._video, completed=seconds, note=f"{seconds:.1f}{whole} s{pace}")


@contextmanager
def progress(total, start):
    """Progress over `total` pieces of work, on a terminal only; `start` says what happens before the first.

    Gives Bars, or Quiet where nobody would see them.
    """
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    named = TextColumn("{task.description}", markup=False)  # a name may look like markup
    columns = named, BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars, total, start)


@contextmanager
def transfer_line(name):
    """A line for a file that is coming in, on a terminal only; gives a function of (bytes so far, bytes in all)."""
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
            if not tasks:  # speed counts from here: what an earlier attempt brought is no speed
                tasks.append(bar.add_task(plain(name), total=total, completed=done))
            bar.update(tasks[0], completed=done, total=total)

        yield report
