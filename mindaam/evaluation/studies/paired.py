"""Scores of roles over the same images and videos, their paired differences, and the spread over prompts.

`rows` are those of one dataset, as `evaluation.results` describes them; a pair is (name, condition). Intervals are 95 %
bootstrap intervals, in which an image or video is resampled together with all its conditions.
"""

import math
from typing import NamedTuple

import numpy as np

from mindaam.evaluation.results import Mean
from mindaam.metrics.intervals import interval, percentiles


def scores(rows, role, metric):
    """{(name, condition): value} of the rows of a role that have a metric, without NaN."""
    return {
        (row["name"], row["condition"]): row[metric]
        for row in rows
        if row["role"] == role and not math.isnan(row.get(metric, math.nan))
    }


def pooled(rows, beginning, metric):
    """{(name, condition): mean} over the roles that begin with a text, such as "G4_"."""
    gathered = {}
    for row in rows:
        if row["role"].startswith(beginning) and not math.isnan(row.get(metric, math.nan)):
            gathered.setdefault((row["name"], row["condition"]), []).append(row[metric])
    return {pair: float(np.mean(values)) for pair, values in gathered.items()}


def mean_of(values):
    """The Mean of {(name, condition): value}."""
    found = list(values.values())
    mean = float(np.mean(found)) if found else math.nan
    return Mean(mean, *interval(found, [name for name, _ in values]), len(found))


def difference(first, second):
    """The Mean of first - second over the pairs that both {(name, condition): value} have."""
    return mean_of({pair: value - second[pair] for pair, value in first.items() if pair in second})


class Spread(NamedTuple):
    """The standard deviation over prompts. std: Mean of that of a dataset's mean score (n: images or videos). within:
    the mean over pairs of that within a pair. lowest, highest: mean scores of the prompts; prompts: their number."""

    std: Mean
    within: float
    lowest: float
    highest: float
    prompts: int


def spread(rows, beginning, metric):
    """The Spread over the roles that begin with a text, such as "paraphrase_"; None for fewer than two prompts.

    The standard deviation (over n, not n - 1) is computed for each condition, whose prompts differ; the mean over
    conditions is returned. Its interval resamples the images, not the prompts.
    """
    by_condition = {}
    for row in rows:
        if row["role"].startswith(beginning) and not math.isnan(row.get(metric, math.nan)):
            by_condition.setdefault(row["condition"], {}).setdefault(row["role"], {})[row["name"]] = row[metric]
    tables = [_table(roles) for roles in by_condition.values() if len(roles) > 1]
    if not tables or not all(names for names, _ in tables):
        return None
    names = sorted(set.intersection(*(set(names) for names, _ in tables)))
    values = [np.stack([table[names_.index(name)] for name in names]) for names_, table in tables]
    means = np.concatenate([each.mean(0) for each in values])

    def std(drawn):
        return np.mean([each[drawn].mean(-2).std(-1) for each in values], 0)

    low, high = percentiles(std, len(names))
    return Spread(
        Mean(float(std(np.arange(len(names)))), low, high, len(names)),
        float(np.mean([each.std(1) for each in values])),
        float(means.min()),
        float(means.max()),
        max(each.shape[1] for each in values),
    )


def _table(roles):
    """(names, values float64 [names, prompts]) of {role: {name: value}}, of the names that all roles have."""
    names = sorted(set.intersection(*map(set, roles.values())))
    return names, np.array([[of_role[name] for of_role in roles.values()] for name in names]).reshape(len(names), -1)
