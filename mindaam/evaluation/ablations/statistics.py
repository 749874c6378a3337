"""Scores of runs as rows of a CSV file, and their means and standard deviations over seeds.

A row is a dict: ablation, row (such as A1), data ("small" or "official"), run, trained_on, seed, dataset, metric,
value.
"""

import csv
import io
import math
from typing import NamedTuple

import numpy as np

from mindaam.evaluation.ablations.rows import OTHERS, OWN

COLUMNS = ("ablation", "row", "data", "run", "trained_on", "seed", "dataset", "metric", "value")
SYNTHETIC = "synthetic videos"  # the dataset of a part of the scores that is no dataset


class Spread(NamedTuple):
    """The mean over seeds; the standard deviation of one seed's value, NaN for a single seed; the number of seeds."""

    mean: float
    sd: float
    seeds: int


def counted(scores, kind, trained_on):
    """{dataset: {metric: value}}: the scores {part: {metric: value}} of a run that count for a row.

    kind: OWN, OTHERS, or the name of a part; trained_on: the run's datasets.
    """
    if kind == OWN:
        return {name: each for name, each in scores.items() if name in trained_on}
    if kind == OTHERS:
        return {name: each for name, each in scores.items() if name not in trained_on}
    return {SYNTHETIC: scores[kind]}


def rows_of_run(head, scores, kind, trained_on):
    """The rows of one run. head: their first columns, up to `seed` without `trained_on`, a dict."""
    head = {**head, "trained_on": " ".join(trained_on)}
    return [
        {**head, "dataset": dataset, "metric": metric, "value": value}
        for dataset, each in counted(scores, kind, trained_on).items()
        for metric, value in each.items()
    ]


def text(rows):
    """Rows as the text of a CSV file; a value has all its digits."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "value": repr(float(row["value"]))} for row in rows)
    return stream.getvalue()


def spread(values):
    """The Spread of one value per seed."""
    values = [value for value in values if not math.isnan(value)]
    if not values:
        return Spread(math.nan, math.nan, 0)
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan, len(values))


def by_dataset(rows):
    """{dataset: {metric: Spread}} of the rows of one row of an ablation; a seed's value is the mean over its runs."""
    found = {}
    for (dataset, metric), values in _grouped(rows).items():
        found.setdefault(dataset, {})[metric] = spread([np.mean(each) for each in values.values()])
    return found


def over_datasets(rows):
    """{metric: Spread} of the mean over the datasets; a seed without some of the datasets does not count."""
    per_seed = {}  # metric: {seed: [mean of each dataset]}
    for (_, metric), values in _grouped(rows).items():
        for seed, each in values.items():
            per_seed.setdefault(metric, {}).setdefault(seed, []).append(np.mean(each))
    found = {}
    for metric, seeds in per_seed.items():
        most = max(map(len, seeds.values()))
        found[metric] = spread([float(np.mean(each)) for each in seeds.values() if len(each) == most])
    return found


def _grouped(rows):
    """{(dataset, metric): {seed: [values of the runs]}}."""
    found = {}
    for row in rows:
        found.setdefault((row["dataset"], row["metric"]), {}).setdefault(row["seed"], []).append(row["value"])
    return found
