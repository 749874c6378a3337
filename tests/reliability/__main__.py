"""`python -m tests.reliability`: files that are damaged or mean harm are tried row by row, with fixed seeds.

Without names all rows are tried and docs/reliability.md is written; with names these only, without the page.
"""

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path

from tests.reliability import page
from tests.reliability.listing import NAMES, row_of
from tests.reliability.results import write_result
from tests.reliability.row import FELL, READ, REFUSED, judged
from tests.reliability.running import run

SEED = 2026


def main(arguments=None):
    """The exit code: 1 when anything fell."""
    asked = _parsed(arguments)
    if asked.page:
        page.write()
        return 0
    if asked.only is not None:
        return _one(row_of(asked.rows[0]), asked)
    fell = 0
    for name in asked.rows or NAMES:
        row = row_of(name)
        count = min(asked.count or row.count, row.count)
        start = time.monotonic()
        tries = run(row, asked.seed, range(count), asked.processes, _progress(row, count))
        write_result(row, asked.seed, tries, time.monotonic() - start)
        fell += sum(one["verdict"] == FELL for one in tries)
    if not asked.rows and not asked.count:
        page.write()
    return 1 if fell else 0


def _parsed(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[*NAMES, []], help=f"any of: {', '.join(NAMES)}")
    parser.add_argument("--count", type=int, help="the first so many of each row only")
    parser.add_argument("--only", type=int, metavar="N", help="of one row: number N alone, with its traceback")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="with --only: write the file there and keep it")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another set of files than that of {SEED}")
    parser.add_argument("--processes", type=int, default=2, help="workers at a time; 2 unless given")
    parser.add_argument("--page", action="store_true", help="write the page anew from the results of the last run")
    asked = parser.parse_args(arguments)
    if asked.only is not None and (len(asked.rows) != 1 or asked.keep is None):
        parser.error("--only goes with one row and --keep DIR")
    return asked


def _one(row, asked):
    """Makes one file, keeps it and tries it in this process."""
    asked.keep.mkdir(parents=True, exist_ok=True)
    path = row.make(row.dice(asked.seed, asked.only), asked.only, asked.keep.resolve())
    print(f"{row.name} {asked.only}: {path}", flush=True)
    start = time.monotonic()
    verdict, why = judged(row, path)
    print(f"{verdict} after {time.monotonic() - start:.1f} s: {why}", flush=True)
    if verdict == FELL:
        row.attempt(path)  # for the whole traceback
    return 1 if verdict == FELL else 0


def _progress(row, count):
    """Prints falls as they come, and how far a row is, a line for each tenth."""
    seen, told, totals = [], Counter(), {READ: 0, REFUSED: 0, FELL: 0}

    def report(one):
        seen.append(one["number"])
        totals[one["verdict"]] += 1
        if one["verdict"] == FELL and _new(one["why"], told):
            print(f"  {row.name} {one['number']} fell: {one['why']}", flush=True)
        if len(seen) == count or len(seen) % max(1, count // 10) == 0:
            print(f"{row.name}: {len(seen)}/{count}, {totals}", flush=True)

    return report


def _new(why, told):
    """Whether a fall is to be printed: of each sort the first three."""
    sort = re.sub(r"\d+|'.*?'", "", why)
    told[sort] += 1
    return told[sort] <= 3


if __name__ == "__main__":
    sys.exit(main())
