"""How far every number is from the reference's: the largest difference of each module, variant and mode.

    python benchmarks/parity.py [--all] [--markdown]

Runs the golden tests and prints, instead of dots, what they measured: a row for each module, golden case and mode, with
the largest absolute difference; and, because a row may hold values of several tolerances, the difference that was
nearest to its own tolerance, that tolerance, and the two's ratio (below 1: within tolerance).
The baseline of every row is the output of the authors' PyTorch code, stored in the tests' goldens. --all adds the cases
that are marked slow, such as ViT-B and ViT-L, and needs 8 GB; --markdown prints the table as docs/parity.md has it.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from common import ROOT

sys.path.insert(0, str(ROOT))

from tests import gold  # noqa: E402


class Difference(NamedTuple):
    """One comparison: its largest difference, the one nearest to its tolerance, that tolerance, and how many values."""

    largest: float
    error: float
    limit: float
    values: int


class Recorder:
    """A pytest plugin that keeps what `tests.gold.compare` compares, whether the test passes or fails."""

    def __init__(self):
        self.rows, self.failed, self.test = {}, [], None
        self._compare = gold.compare
        gold.compare = self.compare  # before the tests import it

    def compare(self, key, got, want, atol=1e-5, rtol=1e-4):
        """`gold.compare`, recorded under module, case and mode."""
        found = difference(np.asarray(got), np.asarray(want), atol, rtol)
        if found:
            self.rows.setdefault((self.test, key.rpartition("/")[0] or key, mode()), []).append(found)
        return self._compare(key, got, want, atol, rtol)

    def pytest_runtest_setup(self, item):
        """Which module's test the next comparisons belong to."""
        path = Path(item.fspath).relative_to(ROOT / "tests")
        self.test = f"{path.parent.name}.{path.stem.removeprefix('test_')}"

    def pytest_collection_modifyitems(self, items):
        """Only modules that compare with goldens."""
        items[:] = [item for item in items if {"gold", "compare", "check", "golden"} & set(vars(item.module))]

    def pytest_runtest_logreport(self, report):
        """Failures are listed at the end."""
        if report.failed:
            self.failed.append(report.nodeid)


def difference(got, want, atol, rtol):
    """The Difference of two arrays; None where shapes differ or there is nothing to compare."""
    known = np.isfinite(want) & np.isfinite(np.broadcast_to(atol, want.shape))  # without a tolerance: not compared
    if got.shape != want.shape or not known.any():
        return None
    error = np.abs(got[known].astype(np.float64) - want[known])
    limit = np.broadcast_to(atol, want.shape)[known] + rtol * np.abs(want[known])
    worst = np.argmax(error / np.maximum(limit, 1e-300))
    return Difference(float(error.max()), float(error[worst]), float(limit[worst]), error.size)


def mode():
    """The mode that MindSpore runs in now."""
    import mindspore

    return "graph" if mindspore.get_context("mode") == mindspore.GRAPH_MODE else "pynative"


def table(rows, markdown):
    """The differences as text, a line for each module, case and mode."""
    header = ("module", "case", "mode", "values", "largest", "nearest", "tolerance", "ratio")
    lines = [header]
    for (module, case, how), found in sorted(rows.items()):
        worst = max(found, key=lambda each: each.error / max(each.limit, 1e-300))
        ratio = worst.error / max(worst.limit, 1e-300)
        values = sum(each.values for each in found)
        largest = max(each.largest for each in found)
        numbers = (f"{value:.1e}" for value in (largest, worst.error, worst.limit))
        lines.append((module, case, how, f"{values}", *numbers, f"{ratio:.3f}"))
    if markdown:
        lines.insert(1, ("---",) * len(header))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{part:{width}}" for part, width in zip(line, widths, strict=True)) for line in lines)


def main():
    """Runs the golden tests and prints the table; exit code 1 when one fails."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--all", action="store_true", help="the slow cases too")
    options.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options.add_argument("places", nargs="*", default=["tests"], help="test files or folders; all by default")
    asked = options.parse_args()
    recorder = Recorder()
    # the whole of pytest's own output goes to stderr, so that stdout is the table
    marks = [] if asked.all else ["-m", "not slow"]
    places = [str(ROOT / place) for place in asked.places]
    sys.stdout, out = sys.stderr, sys.stdout
    code = pytest.main(["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *marks, *places], plugins=[recorder])
    sys.stdout = out
    print(table(recorder.rows, asked.markdown))
    for test in recorder.failed:
        print(f"failed: {test}")
    return 1 if recorder.failed or code not in (0, 5) else 0


if __name__ == "__main__":
    sys.exit(main())
