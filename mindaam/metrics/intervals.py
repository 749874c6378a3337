"""How sure the mean of scores is."""

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 2000


def interval(values, seed=0):
    """(low, high): the 95 % bootstrap interval of the mean of scores [n], by percentiles of 2,000 resamples.

    Scores that are NaN are skipped, as in the mean. (NaN, NaN) for fewer than two others. seed: of the resamples.
    """
    values = np.asarray(values, np.float64).ravel()
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return float("nan"), float("nan")
    found = bootstrap(
        (values,), np.mean, vectorized=True, n_resamples=RESAMPLES, method="percentile",
        batch=max(1, 10**6 // len(values)), random_state=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
