"""Records as results.json, results.csv, curves over time, and as text for a terminal.

results.json: {"schema": "mindaam.results", "version": 1, "mindaam": its version, "model": {"name", "file", "sha256"},
"regions": paths of the files of regions, "notes": texts, "results": [{"input", "kind": "image" or "video",
"width", "height", "frames": of a video or null, "prompt", "condition": or null, "prompt_sha256", "spread",
"top_points": [{"rank", "x", "y", "attention"}], "regions": [{"name", "attention", "area", "ratio", "rank"}],
"files": {kind: name}}]}. Keys may be added while the version stays.
"""

import csv
import hashlib
import io
import json
import os
from pathlib import Path

from mindaam import __version__
from mindaam.data.tables import guarded
from mindaam.errors import OutputError
from mindaam.files import file_sha256, read_small, start_of, write_text

JSON, CSV = "results.json", "results.csv"
SCHEMA, VERSION = "mindaam.results", 1
COLUMNS = (
    "input", "kind", "prompt", "condition", "model", "model_sha256", "spread", "region", "attention", "area", "ratio",
    "rank",
)  # fmt: skip
MOST_JSON = 1 << 28  # bytes
NAME, PROMPT = 32, 60  # characters of a region's name and of a prompt in a terminal


def document(records, model, regions=(), notes=()):
    """The content of results.json; model: {"name", "file", "sha256"}, regions: paths of their files."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "mindaam": __version__,
        "model": model,
        "regions": [str(path) for path in regions],
        "notes": list(notes),
        "results": [_entry(record) for record in records],
    }


def model_of(predictor):
    """The model of a Predictor as {"name", "file": its name or None, "sha256": of the file or None}."""
    path = predictor.path
    sha256 = None if path is None else file_sha256(path)
    return {"name": predictor.model.config.name, "file": path and Path(path).name, "sha256": sha256}


def write_results(folder, records, model, regions=(), notes=()):
    """Writes results.json and results.csv into a folder and returns their paths; OutputError when that is
    impossible."""
    content = document(records, model, regions, notes)
    write_text(folder / JSON, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / CSV, csv_text(records, model))
    return [folder / JSON, folder / CSV]


def require_own(folder):
    """Raises OutputError if results.json or results.csv in a folder are files of another program."""
    for name, is_own in ((JSON, _is_own_json), (CSV, _is_own_csv)):
        path = folder / name
        if os.path.lexists(path) and not is_own(path):
            raise OutputError(f"{path} is not a file of mindaam and would be overwritten; choose another output folder")


def csv_text(records, model):
    """One row per region, or one per record without regions; shares and spread in 0..1. Texts that a spreadsheet would
    run as formulas get an apostrophe."""
    rows = []
    for record in records:
        kind = "image" if record.frames is None else "video"
        first = [
            str(record.source), kind, record.prompt, record.condition or "", model["name"], model["sha256"] or "",
            _digits(record.spread),
        ]  # fmt: skip
        for share in record.shares or [None]:
            last = ["", "", "", "", ""] if share is None else [
                share.name, _digits(share.attention), _digits(share.area), _digits(share.ratio), str(share.rank),
            ]  # fmt: skip
            rows.append([*map(guarded, first), *map(guarded, last)])
    return _csv([COLUMNS, *rows])


def curves_text(numbers):
    """The curves of a FrameNumbers: one row per frame, its time in seconds, its spread, the share of each region."""
    head = ["time", "spread", *(guarded(area.name) for area in numbers.areas)]
    rows = zip(numbers.times, numbers.spreads, numbers.held, strict=True)
    return _csv([head, *([f"{time:.3f}", _digits(spread), *map(_digits, held)] for time, spread, held in rows)])


def lines(record):
    """The numbers of a Record as lines of text, columns aligned."""
    quoted = f'"{_cut(record.prompt, PROMPT)}"'
    yield f"{record.source.name}, {record.condition or quoted}"
    if record.shares:
        rows = [("region", "attention", "area", "ratio", "rank")]
        rows += [
            (_cut(each.name, NAME), percent(each.attention), percent(each.area), f"{each.ratio:.2f}", str(each.rank))
            for each in record.shares
        ]
        yield from _aligned(rows)
    yield f"  half of all attention is in {percent(record.spread)} of the area"


def comparison_lines(section):
    """The numbers of a Section that compares two designs, A and B, as lines of text."""
    first, second = section.records
    yield _cut(section.title, PROMPT)
    if first.shares:
        rows = [("region", "A", "B", "B - A", "ratio A", "ratio B")]
        rows += [
            (
                _cut(a.name, NAME), percent(a.attention), percent(b.attention),
                f"{round(100 * (b.attention - a.attention), 1) + 0.0:+.1f}", f"{a.ratio:.2f}", f"{b.ratio:.2f}",
            )
            for a, b in zip(first.shares, second.shares, strict=True)
        ]  # fmt: skip
        yield from _aligned(rows)
    moved = f"; {percent(section.moved[0])} of it is in different places" if section.moved else ""
    yield f"  half of all attention: {percent(first.spread)} of the area in A, {percent(second.spread)} in B{moved}"


def percent(share):
    """A share in 0..1 as "27.0 %", with two digits at least where it is small."""
    value = 100 * share
    return f"{value:.1f} %" if value >= 0.95 or value == 0 else f"{value:.2g} %"


def _entry(record):
    height, width = record.size
    return {
        "input": str(record.source),
        "kind": "image" if record.frames is None else "video",
        "width": width,
        "height": height,
        "frames": record.frames,
        "prompt": record.prompt,
        "condition": record.condition,
        "prompt_sha256": hashlib.sha256(record.prompt.encode("utf-8", "replace")).hexdigest(),
        "spread": record.spread,
        "top_points": [point._asdict() for point in record.points],
        "regions": [share._asdict() for share in record.shares],
        "files": {kind: path.name for kind, path in record.files.items()},
    }


def _is_own_json(path):
    try:
        content = json.loads(read_small(path, MOST_JSON))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("schema") == SCHEMA


def _is_own_csv(path):
    head = ",".join(COLUMNS).encode()
    return start_of(path, len(head)) == head


def _csv(rows):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _digits(value):
    return f"{value:.6g}"


def _cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"


def _aligned(rows):
    """Rows of texts as lines, the first column to the left, the others to the right."""
    from rich.cells import cell_len  # wide characters take two places

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        aligned = (f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True))
        yield "  " + "  ".join([name + " " * (widths[0] - cell_len(name)), *aligned])
