"""How sure the mean of scores is."""

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 2000


def interval(values, groups=None, seed=0):
    """(low, high): the 95 % bootstrap interval of the mean of scores [n], by percentiles of 2,000 resamples.

    groups: a label for each score; scores of one label, such as those of one image under several conditions, depend on
    one another and are resampled together. By default each score is a group of its own. Scores that are NaN are
    skipped, as in the mean. (NaN, NaN) for fewer than two groups. seed: of the resamples.
    """
    values = np.asarray(values, np.float64).ravel()
    totals = {}  # of each group, in the order of the scores: their sum and their number
    for group, value in zip(range(len(values)) if groups is None else groups, values, strict=True):
        if not np.isnan(value):
            total, count = totals.get(group, (0.0, 0))
            totals[group] = total + value, count + 1
    if len(totals) < 2:
        return float("nan"), float("nan")
    sums, counts = np.array(list(totals.values())).T
    found = bootstrap(
        (sums, counts), _mean, paired=True, vectorized=True, n_resamples=RESAMPLES, method="percentile",
        batch=max(1, 10**6 // len(sums)), random_state=np.random.default_rng(seed),
    )  # fmt: skip
    # Of equal scores, the rounding of their means can put the two in the other order.
    low, high = sorted(map(float, found.confidence_interval))
    return low, high


def percentiles(statistic, count, seed=0):
    """(low, high): the 95 % bootstrap interval of a statistic of `count` items, by percentiles of 2,000 resamples.

    statistic: called with indices int [resamples, count] or [count], returns the value of each resample. (NaN, NaN) for
    fewer than two items. seed: of the resamples.
    """
    if count < 2:
        return float("nan"), float("nan")
    draw, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES // 50):  # a few at a time: the statistic may gather much for each
        found.append(statistic(draw.integers(count, size=(50, count))))
    low, high = np.percentile(np.concatenate(found), (2.5, 97.5))
    return float(low), float(high)


def _mean(sums, counts, axis):
    """The mean over all scores of the groups with these sums and counts."""
    return sums.sum(axis) / counts.sum(axis)
