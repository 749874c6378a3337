"""docs/reliability.md, written from the results of the rows that were run whole."""

from textwrap import fill

from tests.reliability.listing import NAMES, row_of
from tests.reliability.results import read_result
from tests.reliability.row import LONGEST, ROOT

SAME = "Files and damage are the same in every run with the same libraries: they follow from the seed"
PAGE = ROOT / "docs" / "reliability.md"
TEXT = """# Reliability

Files of strangers, of failing disks and of half-finished downloads reach this package, and so do kills, full disks and
odd environments. This page lists what is promised then, how each promise is tested, and the figures of each row's last
whole run.

It is written by the command that runs them:

<!-- not run: takes a quarter of an hour -->
```bash
python -m tests.reliability    # or: make reliability
```

## What is promised, and how it is tested

| promise | how it is tested | held |
|---|---|---|
{promises}

A try **held** when it ended in one of two ways. *Read*: the result is right where that is known, and otherwise
plausible (finite, of the right shape, frames at times that rise). *Refused*: an error that the command line shows as
one line and exit code 2, of {longest} characters at most, that names the file. All else **fell**: another exception, a
process that died, a try that took longer or more memory than its row allows, and a file that was taken and had to be
refused.

## Figures

{run}

| row | tried | read | refused | fell | longest try | most memory | all tries |
|---|---|---|---|---|---|---|---|
{figures}

Memory is that of the whole process, libraries included; MindSpore alone takes some 500 MB of the checkpoints' rows.
{falls}
A single row, another set of files, and one file by itself, which is kept:

<!-- not run: takes minutes -->
```bash
python -m tests.reliability images videos --count 300
python -m tests.reliability images --seed 7
python -m tests.reliability images --only 1234 --keep kept
```

The quick tests try a sample of every row that needs neither MindSpore nor processes of its own, 300 media among them.

## What is not promised

- That a damaged file is noticed. An image or a video with a flipped byte in its pixels is a good file of another
  picture; only checkpoints and bundled files carry checksums.
- That checkpoints of others are whole: a file without a checksum is loaded, with one line that says so.
- The libraries below: Pillow, FFmpeg, libsndfile and MindSpore are used as they are, and a flaw in one of them may end
  the process. Files of strangers belong into a process, and where it matters into a container, of their own.
- Speed under attack beyond the bounds of each row, which hold for one file at a time.
"""


def write():
    """Writes the page. Raises RuntimeError where a row was not run, or not whole."""
    results = {name: read_result(name) for name in NAMES}
    lacking = [name for name in NAMES if not results[name] or results[name]["tried"] < row_of(name).count]
    if lacking:
        raise RuntimeError(f"the page needs whole runs of {', '.join(lacking)}: python -m tests.reliability ROW ...")
    PAGE.write_text(rendered(results), encoding="utf-8")
    print(f"{PAGE} is written")


def rendered(results):
    """The page's text from {name: summary}."""
    last = max(results.values(), key=lambda each: each["date"])
    return TEXT.format(
        promises="\n".join(_promise(row_of(name), each) for name, each in results.items()),
        figures="\n".join(_figures(row_of(name), each) for name, each in results.items()),
        falls="".join(_falls(name, each) for name, each in results.items()),
        run=fill(f"{last['date']}; {last['machine']}. {SAME} {last['seed']}.", 120),
        longest=LONGEST,
    )


def _promise(row, result):
    held = result["read"] + result["refused"]
    return f"| {row.promise} | {row.tested} | {held:,} of {result['tried']:,} |"


def _figures(row, result):
    return (
        f"| {row.title} | {result['tried']:,} | {result['read']:,} | {result['refused']:,} | {result['fell']:,} "
        f"| {result['worst_seconds']:.1f} s | {result['worst_megabytes']:,} MB | {result['row_seconds']:.0f} s |"
    )


def _falls(name, result):
    """A paragraph on what fell of a row, or nothing."""
    numbers = [str(one["number"]) for one in result["falls"]]
    shown = ", ".join(numbers[:10]) + (", ..." if len(numbers) > 10 else "")
    return f"\nFell of `{name}`: number{'s' * (len(numbers) > 1)} {shown}.\n" if numbers else ""
