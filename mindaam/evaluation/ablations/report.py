"""The tables of an ablation: mean ± standard deviation over seeds, beside the published figures where these exist."""

import json
import math
from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.catalogue import catalogue
from mindaam.evaluation.ablations import statistics
from mindaam.evaluation.markdown_text import Table, section
from mindaam.evaluation.pages.page import page
from mindaam.evaluation.published import figures
from mindaam.files import prepare_folder, replacing, write_text

NOT_RUN, MEASURED, OFFICIAL, PUBLISHED = "not run", "measured", "measured, official", "published"
SOURCES = {"small": MEASURED, "official": OFFICIAL}
SPREAD = "mean ± standard deviation over seeds, of which n is the number"
CAUTION = (
    "published: the means over the datasets of the paper's table, by a larger model on other data; the difference "
    "between rows is comparable, the values are not"
)


class Result(NamedTuple):
    """What is known of an ablation. letter, ablation: which; rows: of `statistics`; not_run: {(row, "small" or
    "official"): reason}; header: {name: value} on how it was made."""

    letter: str
    ablation: object
    rows: list
    not_run: dict
    header: dict


def tables(result):
    """The Tables of a Result: over all datasets, and by dataset."""
    metrics = list(dict.fromkeys(row["metric"] for row in result.rows)) or ["CC", "SIM", "KLD"]
    title = f"Ablation {result.letter}: {result.ablation.title}"
    overall, apart = [], []
    for name, row in result.ablation.rows.items():
        for data, source in SOURCES.items():
            rows = [each for each in result.rows if each["row"] == name and each["data"] == data]
            if rows:
                overall.append(_line([name, row.text, source], statistics.over_datasets(rows), metrics))
                apart += [
                    _line([name, _title(dataset), source], spreads, metrics)
                    for dataset, spreads in statistics.by_dataset(rows).items()
                ]
        measured = any(each["row"] == name for each in result.rows)
        if not measured:
            overall.append([name, row.text, NOT_RUN, "0", *["-"] * len(metrics)])
        overall += _published_mean(result, name, row, metrics)
        apart += _published_apart(result, name, row, metrics)
    head = ["row", "", "source", "n", *metrics]
    notes = [SPREAD, *([CAUTION] if result.ablation.table else []), *_reasons(result), *_facts(result.header)]
    whole = Table(f"{title}, mean over datasets", head, overall, notes)
    parts = Table(f"{title}, by dataset", ["row", "dataset", "source", "n", *metrics], apart, [SPREAD])
    return [whole, parts] if apart else [whole]


def write(result, folder):
    """Writes LETTER.csv, .json, .md and .html into a folder, each completely or not at all; returns the tables."""
    folder, made = prepare_folder(folder), tables(result)
    write_text(folder / f"{result.letter}.csv", statistics.text(result.rows))
    reasons = [{"row": row, "data": data, "reason": reason} for (row, data), reason in result.not_run.items()]
    content = {**result.header, "ablation": result.letter, "not_run": reasons, "rows": result.rows}
    write_text(folder / f"{result.letter}.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / f"{result.letter}.md", "\n\n".join(map(section, made)) + "\n")
    title = f"Ablation {result.letter}: {result.ablation.title}"
    with replacing(folder / f"{result.letter}.html") as stream:
        stream.write(page("ablation.html.j2", title=title, tables=made))
    return made


def _line(head, spreads, metrics):
    counts = sorted({each.seeds for each in spreads.values()})
    return [*head, "-".join(map(str, counts)), *(_cell(spreads.get(metric)) for metric in metrics)]


def _cell(spread):
    if spread is None or math.isnan(spread.mean):
        return "-"
    return f"{spread.mean:.4f}" + ("" if math.isnan(spread.sd) else f" ± {spread.sd:.4f}")


def _published(result, row):
    """{dataset: {metric: printed digits}} of a row of the paper's table."""
    found = {}
    for each in figures(table=result.ablation.table) if result.ablation.table and row.published else ():
        if each.variant == row.published:
            found.setdefault(each.dataset, {})[each.metric] = each.value
    return found


def _published_mean(result, name, row, metrics):
    found = _published(result, row)
    if not found:
        return []
    means = [
        np.mean([float(each[metric]) for each in found.values() if metric in each] or [math.nan]) for metric in metrics
    ]
    cells = ["-" if math.isnan(mean) else f"{mean:.3f}" for mean in means]
    return [[name, row.published, PUBLISHED, "", *cells]]


def _published_apart(result, name, row, metrics):
    """Rows of the datasets that were measured too, in any row."""
    measured = {each["dataset"] for each in result.rows}
    return [
        [name, _title(dataset), PUBLISHED, "", *(each.get(metric, "-") for metric in metrics)]
        for dataset, each in _published(result, row).items()
        if dataset in measured
    ]


def _title(dataset):
    return catalogue()[dataset].title if dataset in catalogue() else dataset


def _reasons(result):
    kinds = {"small": "", "official": " with official datasets"}
    return [f"{row}{kinds[data]}: not run: {reason}" for (row, data), reason in result.not_run.items()]


def _facts(header):
    return [f"{key}: {value}" for key, value in header.items()]
