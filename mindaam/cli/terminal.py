"""What the commands say besides their results: one-sentence problems and a progress line, both on stderr."""

import sys
from contextlib import contextmanager


def say(problem):
    """One sentence on stderr; nothing for an empty one."""
    text = " ".join(str(problem).split())
    if text:
        print(f"mindaam: {text}", file=sys.stderr)


@contextmanager
def progress(total, start):
    """A progress line for `total` pieces of work, on a terminal only; `start` says what happens before the first.

    Gives a function to be called with a piece's name when its turn comes.
    """
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, begun = bar.add_task(start, total=total), []

        def step(name):
            bar.update(task, description=name, advance=1 if begun else 0)
            begun.append(name)

        yield step


@contextmanager
def transfer_line(name):
    """A line for a file that is coming in, on a terminal only; gives a function of (bytes so far, bytes in all)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = []

        def report(done, total):
            if not tasks:  # speed counts from here: what an earlier attempt brought is no speed
                tasks.append(bar.add_task(name, total=total, completed=done))
            bar.update(tasks[0], completed=done, total=total)

        yield report
