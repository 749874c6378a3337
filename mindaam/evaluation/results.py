"""The result of `mindaam evaluate`: rows, settings, means with intervals, and the folder that they are stored in.

A row is a dict: dataset, split, name (of the image or video), condition, role, maps (how many maps were scored: 1 for
an image, the scored frames of a video) and one float for each metric that it has. A metric without the data that it
needs is missing from the row; one that is undefined is NaN. Both are excluded from means.

Roles, in the order of tables:

    right, others, generic, held_out, mismatched       the condition swap, always
    paraphrases, none, G1, G2, G3, G4                   where they are requested
    center_bias, uniform, people                        baselines

and those of single prompts, which are not in tables:

    paraphrase_1, paraphrase_2, ...                     the prompts of which `paraphrases` is the mean
    G1_1, G1_2, ..., G4_1, ...                          the prompts of a granularity
    condition_X                                         the prompt of the condition X of the dataset
    people_X                                            no prompt: the gaze under the condition X of the same image

Settings are the content of evaluation.json, plain values:

    {"format": 1, "command": "mindaam evaluate ...", "revision": "<git>" | null, "version": "0.1.0",
     "started": "2026-01-01T12:00:00+00:00", "finished": "..." | null, "machine": {"python", "numpy", "mindspore",
     "platform"}, "source": described() of the MapSource, such as {"model", "file", "sha256", "audio"} or {"maps"},
     "protocol": Protocol.described(), "protocol_sentence": text, "metrics": ["CC", ...], "prompts": ["paraphrases",
     ...], "granularity": ["G1", ...], "audio": "auto" | "off", "interval": text,
     "sets": {dataset: {"kind": "images" | "videos", "split", "n": images or videos, "pairs": (name, condition) pairs,
              "scored": images or videos with rows, "ground_truth": sentence, "sigma": degrees | null, "size": text,
              "notes": [sentence], "skipped": [names],
              "scores": {role: {metric: {"mean", "low", "high", "n"}}},
              "conditions": {condition: the same as "scores"},
              "paraphrases": {"prompts": number, "std": {metric: float}}}}}       the last only where requested

"scores", "conditions", "paraphrases", "scored" and "skipped" are added and "notes" filled in at the end.
"""

import csv
import io
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data.tables import guarded, unguarded
from mindaam.errors import InputError
from mindaam.files import read_small, write_text
from mindaam.metrics.intervals import interval
from mindaam.metrics.protocols import METRICS

FORMAT = 1
ROLES = (
    "right", "others", "generic", "held_out", "mismatched", "paraphrases", "none", "G1", "G2", "G3", "G4",
    "center_bias", "uniform", "people",
)  # fmt: skip
PARAPHRASE = "paraphrase_"  # and a number: the role of one prompt of `paraphrases`
CONDITION = "condition_"  # and a condition: the role of its prompt, under every condition of an image
PEOPLE = "people_"  # and a condition: the role of the gaze under it, under every condition of an image
SINGLE = (PARAPHRASE, CONDITION, PEOPLE, "G1_", "G2_", "G3_", "G4_")  # beginnings of roles that are not in tables
TEXTS = ("dataset", "split", "name", "condition", "role")
COLUMNS = (*TEXTS, "maps", *METRICS)
ROWS, SETTINGS = "rows.csv", "evaluation.json"
FILES = (ROWS, SETTINGS, "report.md", "report.html")  # of the folder of `mindaam evaluate -o`
LARGEST = 100_000_000  # bytes of an evaluation.json


class Mean(NamedTuple):
    """The mean of a metric over n rows, and its 95 % bootstrap interval over their images or videos, NaN for fewer than
    two of these."""

    mean: float
    low: float
    high: float
    n: int


class Evaluation(NamedTuple):
    """settings: the content of evaluation.json; rows: list of dicts; both as the module describes them."""

    settings: dict
    rows: list

    def summary(self):
        """{dataset: {role: {metric: Mean}}} over the rows (name, condition), in the order of ROLES and METRICS; of a
        finished evaluation as it is stored."""
        stored = {name: entry.get("scores") for name, entry in self.settings["sets"].items()}
        return {name: by_role(self.rows_of(name)) if each is None else _means_in(each) for name, each in stored.items()}

    def conditions(self):
        """{dataset: {condition: {role: {metric: Mean}}}}, else as `summary`."""
        found = {}
        for name, entry in self.settings["sets"].items():
            stored = entry.get("conditions")
            if stored is None:
                found[name] = by_condition(self.rows_of(name))
            else:
                found[name] = {condition: _means_in(each) for condition, each in stored.items()}
        return found

    def rows_of(self, dataset, role=None):
        """The rows of a dataset, and of a role where one is given, in order."""
        return [row for row in self.rows if row["dataset"] == dataset and role in (None, row["role"])]


def by_role(rows):
    """{role: {metric: Mean}} of rows, without the single paraphrases."""
    roles = {role: [row for row in rows if row["role"] == role] for role in ROLES}
    return {role: means(of_role) for role, of_role in roles.items() if of_role}


def by_condition(rows):
    """{condition: {role: {metric: Mean}}} of the rows of a dataset."""
    named = dict.fromkeys(row["condition"] for row in rows)
    return {each: by_role([row for row in rows if row["condition"] == each]) for each in named}


def means(rows):
    """{metric: Mean} over rows of one dataset, for the metrics that one of them has.

    The rows of one image or video, which several conditions share, are resampled together for the interval.
    """
    found = {}
    for metric in METRICS:
        having = [row for row in rows if metric in row]
        if having:
            defined = [row for row in having if not math.isnan(row[metric])]
            values = [row[metric] for row in defined]
            mean = float(np.mean(values)) if values else math.nan
            found[metric] = Mean(mean, *interval(values, [row["name"] for row in defined]), len(values))
    return found


def paraphrase_spread(rows):
    """{"prompts": number, "std": {metric: float}} of the rows of a dataset; None without rows of single paraphrases.

    The standard deviation over prompts of a condition's mean score; the mean over conditions.
    """
    groups = {}
    for row in rows:
        if row["role"].startswith(PARAPHRASE):
            groups.setdefault(row["condition"], {}).setdefault(row["role"], []).append(row)
    if not groups:
        return None
    scores = [[means(of_prompt) for of_prompt in prompts.values()] for prompts in groups.values()]
    kept = [metric for metric in METRICS if all(metric in each for prompts in scores for each in prompts)]
    spread = {each: [np.std([one[each].mean for one in prompts]) for prompts in scores] for each in kept}
    return {"prompts": max(map(len, scores)), "std": {each: float(np.mean(spread[each])) for each in kept}}


def save(evaluation, folder):
    """Writes evaluation.json and rows.csv into a folder that exists, each whole or not at all; OutputError.

    In this order, so that rows.csv is never alone: without it an evaluation has no rows yet.
    """
    write_settings(evaluation.settings, folder)
    write_text(Path(folder, ROWS), rows_text(evaluation.rows, header=True))


def write_settings(settings, folder):
    """Writes evaluation.json, whole or not at all; NaN becomes null."""
    text = json.dumps(without_nan(settings), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(Path(folder, SETTINGS), text + "\n")


def load(folder):
    """The Evaluation of a folder, also of one that was interrupted; InputError without one, and for damage.

    A last row that is truncated because the command was killed is dropped.
    """
    settings, path = load_settings(folder), Path(folder, ROWS)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); evaluate into another folder") from error
    return Evaluation(settings, rows_in(text, path))


def load_settings(folder):
    """The content of evaluation.json in a folder; InputError without one, and for damage."""
    path = Path(folder, SETTINGS)
    try:
        settings = json.loads(read_small(path, LARGEST))
    except FileNotFoundError:
        raise InputError(f"{folder} contains no {SETTINGS}; create it with mindaam evaluate -o {folder}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); evaluate into another folder") from error
    if not isinstance(settings, dict) or not _are_mappings(settings, "sets") or not _are_mappings(settings["sets"]):
        raise InputError(f"{path} is not the result of mindaam evaluate; evaluate into another folder")
    return settings


def _are_mappings(content, *keys):
    """Whether the values of a mapping, or those of some keys of it, are mappings."""
    return all(isinstance(content.get(key), dict) for key in keys or content)


def rows_text(rows, *, header=False):
    """Rows as CSV with the columns COLUMNS, floats with all digits, texts as `tables.guarded` writes them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({key: guarded(each) if isinstance(each, str) else each for key, each in row.items()})
    return text.getvalue()


def rows_in(text, place=ROWS):
    """The rows of a CSV text of `rows_text` with its header; a truncated last one is dropped.

    place: what errors name. Raises InputError for another header and for damaged rows.
    """
    lines = list(csv.reader(io.StringIO(text, newline="")))
    if lines and (not text.endswith("\n") or len(lines[-1]) < len(COLUMNS)):
        lines.pop()
    header, *lines = lines or [COLUMNS]
    if tuple(header) != COLUMNS:
        raise InputError(f"{place} has other columns than {', '.join(COLUMNS)}; evaluate into another folder")
    try:
        return [_row(cells) for cells in lines if cells]
    except ValueError as error:
        raise InputError(f"{place} has a damaged row ({error}); evaluate into another folder") from error


def without_nan(value):
    """Plain values in which NaN and infinity are None, and a Mean is a mapping: what JSON can store."""
    if isinstance(value, Mean):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _means_in(scores):
    """{role: {metric: Mean}} of the same with mappings for Means, as JSON has them; InputError for anything else."""
    try:
        return {role: {metric: _mean(each) for metric, each in of_role.items()} for role, of_role in scores.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the scores in {SETTINGS} are damaged ({error!r}); evaluate into another folder") from error


def _mean(stored):
    if isinstance(stored, Mean):
        return stored
    mean, low, high = (math.nan if stored[key] is None else float(stored[key]) for key in Mean._fields[:3])
    return Mean(mean, low, high, int(stored["n"]))


def _row(cells):
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} cells for {len(COLUMNS)} columns")
    named = dict(zip(COLUMNS, cells, strict=True))
    if named["role"] not in ROLES and not named["role"].startswith(SINGLE):
        raise ValueError(f"an unknown role {named['role']!r}")
    row = {key: unguarded(named[key]) for key in TEXTS} | {"maps": int(named["maps"])}
    return row | {key: float(named[key]) for key in METRICS if named[key]}
