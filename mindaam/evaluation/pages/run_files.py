"""The files of a training run's folder as plain values, as much of them as there is: nothing here raises."""

import csv
import io
import json
import math
import os

from mindaam.data.tables import misfit, unguarded

STEPS, OLDER_STEPS = "metrics.csv", "steps.csv"
TEXTS = ("phase", "set", "kind", "folder", "condition")  # text columns of both
PICTURES = ("pictures", "", None)  # kinds of image steps; all others are clips, with or without audio
OF_VIDEOS = ("change", "gate_attacked")  # terms of the tasks synthetic_videos and sounding_object


def read_text(path):
    """(text, None), or (None, the reason why it could not be read)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace"), None
    except FileNotFoundError:
        return None, f"{path.name} is not in this folder"
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror or error}"


def read_steps(folder):
    """(rows, sentence or None) of the steps of a run: metrics.csv, or steps.csv in the folder of an earlier version.

    Each row has a "kind", "pictures" or "clips": its own, or that of a task without one, by the columns of its terms.
    """
    older = not os.path.exists(folder / STEPS) and os.path.exists(folder / OLDER_STEPS)
    rows, problem = read_rows(folder / (OLDER_STEPS if older else STEPS), TEXTS)
    return [{**row, "kind": _kind(row)} for row in rows], problem


def read_rows(path, texts):
    """(rows, sentence or None): a CSV's rows that have a step, as dicts of text and of floats, None if not a number.

    Rows with fewer or more cells than the header are skipped: a number may be truncated, or be in the wrong column.
    """
    text, problem = read_text(path)
    if text is None:
        return [], problem
    rows, left_out = [], 0
    try:
        lines = csv.reader(io.StringIO(text.replace("\0", ""), newline=""))
        header = [unguarded(column) for column in next(lines, [])]
        for cells in filter(None, lines):
            pairs = zip(header, cells, strict=False)
            values = {key: unguarded(value) if key in texts else _float(value) for key, value in pairs}
            whole = misfit(cells, header) is None and known(values, "step") is not None
            rows += [values] if whole else []
            left_out += not whole
    except csv.Error as error:
        problem = f"{path.name} is damaged after {len(rows)} rows: {error}"
    if left_out:  # a row that was truncated when the run was killed, say
        problem = f"{left_out} rows of {path.name} are cut or have no step, and are skipped"
    if not rows:
        problem = problem or f"{path.name} has no rows yet"
    return rows, problem


def read_json(path):
    """(dict, None), or ({}, the reason why it could not be read)."""
    text, problem = read_text(path)
    if text is None:
        return {}, problem
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, f"{path.name} is damaged: {error}"
    return (data, None) if isinstance(data, dict) else ({}, f"{path.name} holds no mapping")


def _kind(row):
    if "kind" not in row:
        return "clips" if any(term in row for term in OF_VIDEOS) else "pictures"
    return "pictures" if row["kind"] in PICTURES else "clips"


def _float(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def known(row, column):
    """A row's number in a column, or None if it is missing or not finite."""
    value = row.get(column)
    return value if value is not None and math.isfinite(value) else None


def finite(rows, column):
    """All finite numbers of a column."""
    return [row[column] for row in rows if known(row, column) is not None]
