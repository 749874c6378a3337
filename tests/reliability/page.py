"""docs/reliability.md, written from the results of the rows that were run whole."""

from textwrap import fill

from tests.reliability.listing import NAMES, row_of
from tests.reliability.results import read_result
from tests.reliability.row import LONGEST, ROOT

SAME = "With the same libraries, files and damage are the same in every run: they depend on the seed"
PAGE = ROOT / "docs" / "reliability.md"
TEXT = """# Reliability

MindAAM has to handle untrusted files, failing disks and incomplete downloads, as well as kills, full disks and
unusual environments. This page lists the guarantees for these cases, how each is tested, and the results of the last
complete run of each row.

The page is written by the command that runs the tests:

<!-- not run: takes a quarter of an hour -->
```bash
python -m tests.reliability    # or: make reliability
```

## Guarantees

| guarantee | test | passed |
|---|---|---|
{promises}

A trial **passes** if it ends in one of two ways. *Read*: the result is correct where the correct one is known, and
otherwise plausible (finite, of the right shape, frames at increasing times). *Refused*: an error that the command line
prints as one line with exit code 2, of at most {longest} characters, that names the file. Everything else **fails**:
another exception, a process that died, a trial that exceeds the time or memory of its row, and an accepted file that
had to be refused.

## Results

{run}

| row | trials | read | refused | failed | longest trial | peak memory | total time |
|---|---|---|---|---|---|---|---|
{figures}

Memory is that of the whole process, including libraries; MindSpore alone takes about 500 MB in the rows on checkpoints.
{falls}
To run single rows, another set of files, or a single file, which is kept:

<!-- not run: takes minutes -->
```bash
python -m tests.reliability images videos --count 300
python -m tests.reliability images --seed 7
python -m tests.reliability images --only 1234 --keep kept
```

The quick tests run a subset of every row that needs neither MindSpore nor separate processes, with 300 media files.

## Not guaranteed

- Detection of damage. An image or a video with a flipped byte in its pixels is a valid file with other content; only
  checkpoints and bundled files have checksums.
- Integrity of checkpoints from other programs: a file without a checksum is loaded with a message.
- The underlying libraries: Pillow, FFmpeg, libsndfile and MindSpore are used as they are, and a bug in one of them may
  terminate the process. Process untrusted files in a separate process, and if necessary in a container.
- Speed under attack beyond the limits of each row, which apply to one file at a time.
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
