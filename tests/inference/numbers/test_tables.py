"""The tables of numbers: their keys as documented, cells that no spreadsheet runs, columns that align."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mindaam.errors import OutputError
from mindaam.inference.numbers import tables
from mindaam.inference.numbers.records import FrameNumbers, Record
from mindaam.inference.numbers.regions import Region, areas, box
from mindaam.inference.numbers.shares import Point, Share
from tests.docs.documents import ROOT

MODEL = {"name": "m", "file": None, "sha256": None}


def record(*names, prompt="=1+1", **more):
    shares = [Share(name, 0.27, 0.03, 9.0, rank) for rank, name in enumerate(names, 1)]
    return Record(Path("a.png"), (60, 80), prompt, None, shares, [Point(1, 4.0, 5.0, 0.1)], 0.0061, **more)


def keys(value):
    """The keys of nested objects, of lists those of the first entry."""
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return {key: keys(each) for key, each in value.items() if key != "files"} if isinstance(value, dict) else None


def test_the_documented_example_has_the_keys_of_a_file():
    text = (ROOT / "docs/shares.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    shown, made = json.loads(example), tables.document([record("headline")], MODEL, ["boxes.json"])
    assert keys(shown) == keys(made) and shown["version"] == made["version"] == tables.VERSION
    assert set(made["results"][0]["files"]) == set() and json.loads(json.dumps(made)) == made


def test_no_cell_is_a_formula_and_texts_come_back():
    name, prompt = '@sum, "x"', "=1+1\nnext line"
    text = tables.csv_text([record(name, prompt=prompt), record()], MODEL)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["region"] for row in rows] == ["'" + name, ""] and rows[0]["prompt"] == "'" + prompt
    assert (rows[0]["attention"], rows[0]["rank"], rows[1]["attention"]) == ("0.27", "1", "")


def test_columns_align_for_wide_and_long_names():
    head, *rows, last = list(tables.lines(record("見出し", "x" * 99, prompt="word " * 40)))[1:]
    assert len(head) == len(rows[1]) and rows[1].startswith("  " + "x" * (tables.NAME - 1) + "…  ")
    assert head.index("attention") + len("attention") == rows[1].index("27.0 %") + len("27.0 %")
    assert len(rows[0]) == len(rows[1]) - 3  # three characters of two columns each
    assert last == "  half of all attention is in 0.61 % of the area"


@pytest.mark.parametrize(
    ("share", "text"), [(0.27, "27.0 %"), (1, "100.0 %"), (0, "0.0 %"), (0.006, "0.6 %"), (0.00004, "0.004 %")]
)
def test_small_shares_keep_digits(share, text):
    assert tables.percent(share) == text


def test_curves_have_a_row_per_frame():
    numbers = FrameNumbers(areas([Region("left", box(0, 0, 4, 6))], (6, 8)))
    for time in (0.0, 0.2):
        density = np.ones((6, 8), np.float32)
        density[:, :4] += 10 * time
        numbers.add(time, density / density.sum())
    assert tables.curves_text(numbers).splitlines() == [
        "time,spread,left", "0.000,0.520833,0.5", f"0.200,{numbers.spreads[1]:.6g},0.75",
    ]  # fmt: skip
    found = numbers.record(Path("a.mp4"), "people look")
    assert found.frames == 2 and found.shares[0].attention == pytest.approx(0.625) and found.size == (6, 8)


def test_files_of_others_are_not_own(tmp_path):
    tables.require_own(tmp_path)
    tables.write_results(tmp_path, [record("a")], MODEL)
    tables.require_own(tmp_path)
    for name, text in ((tables.JSON, '{"schema": "theirs"}'), (tables.CSV, "input,kind\n")):
        kept = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text)
        with pytest.raises(OutputError, match=f"{name} is not a file of mindaam"):
            tables.require_own(tmp_path)
        (tmp_path / name).write_text(kept)
