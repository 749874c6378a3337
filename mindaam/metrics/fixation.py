"""How well a map separates fixated places from the rest: NSS and the AUCs of Judd, of Borji, and shuffled.

Each function takes one prediction [H,W] and fixations [n,2] (x, y) in pixels of the map, or of an image of `size`
(height, width) to which the map is then resized. A fixation beside the map counts for the pixel of the border; one that
is not finite is refused with an InputError. Everything is computed in float64. The keywords are the choices on which
published implementations differ; their defaults are those of `settings.MIT`.
"""

from functools import lru_cache

import numpy as np

from mindaam.errors import ConfigError, unknown
from mindaam.metrics.maps import as_map, as_points, fit, fixated, scaled, values_at

TIES = ("together", "ranked")
# Of `_counts_reaching`: buckets per octave, as bits, and octaves below the largest value. So many buckets hold few
# pixels each, also of a map with a sharp peak or a jittered constant, and their counts fit into a processor's cache.
BITS, OCTAVES = 12, 32


def nss(
    prediction, fixations, size=None, *, ddof=0, eps=0.0, distinct=False, empty=np.nan, scale=None, resize="bilinear"
):
    """Normalized scanpath saliency: mean over the fixations of (P - mean P) / std P; 0 for a constant map.

    ddof: 0 for the population's standard deviation, 1 for the unbiased one. eps: added to it. distinct: count a pixel
    once however many fixations it holds, as with a binary fixation map. empty: the value without fixations. scale:
    "range" scales P to 0..1 before it is resized, which matters beside `eps`. A map of one pixel gives 0.
    """
    values, points = _prepared(prediction, fixations, size, resize, scale)
    if not len(points):
        return float(empty)
    if np.ptp(values) == 0:
        return 0.0
    seen = values[fixated(values.shape, points)] if distinct else values_at(values, points)
    return float((seen.mean() - values.mean()) / (values.std(ddof=ddof) + eps))


def auc_judd(
    prediction, fixations, size=None, *, jitter=1e-7, seed=0, ties="together", distinct=True, scale=None,
    resize="bilinear",
):  # fmt: skip
    """Area under the ROC curve whose thresholds are the values at the fixated pixels; NaN without fixations.

    jitter: uniform noise of this share of the map's range breaks ties, the same noise for one `seed` and size.
    ties: at a threshold that several fixated pixels have, "together" counts every pixel that reaches it, in both rates;
    "ranked" counts the fixated ones one by one, so that the area depends on the ties' order and can leave [0, 1].
    distinct: count a pixel once however many fixations it holds; otherwise each fixation is a threshold, and where ties
    are "ranked" the negatives are the pixels less the fixations. Without any negative, as in a map of one pixel, 0.5. A
    constant map gives 0.5 up to the jitter, and where ties are "ranked" a value that has no meaning. scale: "range"
    scales P to 0..1 before it is resized, which matters where rounding breaks ties.
    """
    if ties not in TIES:
        raise unknown("treatment of ties", ties, TIES)
    values, points = _prepared(prediction, fixations, size, resize, scale)
    if not len(points):
        return float("nan")
    mask = fixated(values.shape, points)
    if mask.all() or (not distinct and len(points) >= values.size):
        return 0.5
    if jitter:
        values = values + jitter * (np.ptp(values) or 1.0) * _noise(values.shape, seed)
    seen = values[mask] if distinct else values_at(values, points)
    hits, alarms = _curve_together(seen, values, mask) if ties == "together" else _curve_ranked(seen, values)
    return _area(hits, alarms)


def auc_borji(prediction, fixations, size=None, *, splits=100, seed=0, step=None, resize="bilinear"):
    """Area under the ROC curve that separates the fixations from random pixels; NaN without fixations.

    The mean over `splits` draws, each of as many pixels as there are fixations, uniformly over the map and with
    replacement, from `seed`. step: None takes every value as a threshold, ties count half: the chance that a fixation
    has the larger value. Otherwise the thresholds are 0, step, 2 step, ... on the map scaled to 0..1, so that values
    between two thresholds tie. A constant map and a map of one pixel give 0.5.
    """
    values, points = _prepared(prediction, fixations, size, resize)
    if not len(points):
        return float("nan")
    drawn = np.random.RandomState(seed).randint(values.size, size=_positive(splits) * len(points))
    return _separation(values, values_at(values, points), values.ravel()[drawn], step)


def auc_shuffled(prediction, fixations, others, size=None, *, splits=None, seed=0, step=None, resize="bilinear"):
    """Area under the ROC curve that separates the fixations from places fixated in other images.

    others: [m,2] (x, y), fixations of other images brought to this image's pixels (`Protocol.align`). The center bias,
    which they share, earns nothing: 0.5 is chance level. splits: None compares with all of them; otherwise the mean
    over so many draws from `seed`, each of as many of them as there are fixations (of all, if there are fewer),
    without replacement. step: as of `auc_borji`. NaN when either list is empty; a constant map and one pixel give 0.5.
    """
    values, points = _prepared(prediction, fixations, size, resize)
    others = as_points(others)
    if not len(points) or not len(others):
        return float("nan")
    unseen = values_at(values, others)
    if splits is not None:
        random, count = np.random.RandomState(seed), min(len(points), len(others))
        unseen = np.concatenate([random.permutation(unseen)[:count] for _ in range(_positive(splits))])
    return _separation(values, values_at(values, points), unseen, step)


def _prepared(prediction, fixations, size, resize, scale=None):
    values = scaled(as_map(prediction, "prediction"), scale)
    return fit(values, size or values.shape, resize), as_points(fixations)


def _separation(values, seen, unseen, step):
    """The area for values at fixations against values at negatives, both from the map `values`.

    Several draws of equally many negatives may be in `unseen`, one after the other: the area is linear in their rates,
    so that it is the mean of the draws' areas.
    """
    if step is None:
        unseen = np.sort(unseen)
        below, upto = np.searchsorted(unseen, seen, "left"), np.searchsorted(unseen, seen, "right")
        return float((below + upto).mean() / (2 * len(unseen)))
    if not 0 < step <= 1:
        raise ConfigError(f"the step between thresholds must be above 0 and at most 1, got {step}")
    low, spread = values.min(), np.ptp(values)
    if spread == 0:
        return 0.5
    thresholds = np.arange(int(1 / step + 1e-9), -1, -1) * step
    rates = [1 - np.searchsorted(np.sort((each - low) / spread), thresholds) / len(each) for each in (seen, unseen)]
    return _area(*rates)


def _area(hits, alarms):
    """Area under the curve through (0, 0), the points (alarms, hits), and (1, 1), by trapezoids."""
    hits, alarms = np.r_[0.0, hits, 1.0], np.r_[0.0, alarms, 1.0]
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum())


def _curve_together(seen, values, mask):
    """Hit and false-alarm rate at each different value of the fixations, from the largest down."""
    thresholds, fixated_values = np.unique(seen)[::-1], values[mask]
    alarms = _counts_reaching(values, thresholds) - _reaching(fixated_values, thresholds)
    return _reaching(seen, thresholds) / len(seen), alarms / (values.size - len(fixated_values))


def _curve_ranked(seen, values):
    """The rates when the k-th largest value of the fixations is taken to be reached by exactly k of them."""
    thresholds, rank = np.sort(seen)[::-1], np.arange(1, len(seen) + 1)
    return rank / len(seen), (_counts_reaching(values, thresholds) - rank) / (values.size - len(seen))


def _reaching(values, thresholds):
    """For each threshold the number of `values` that are at least as large."""
    return len(values) - np.searchsorted(np.sort(values), thresholds, "left")


def _counts_reaching(values, thresholds):
    """`_reaching` for the many pixels of a map, sorting only those near a threshold.

    Pixels and thresholds fall into buckets. A pixel of a higher bucket reaches a threshold, one of a lower bucket does
    not; only the pixels in a threshold's own bucket are compared with it.
    """
    values, low, spread = values.ravel(), values.min(), np.ptp(values)
    if not 0 < spread < np.inf:
        return _reaching(values, thresholds)
    buckets, own = (_buckets(each, low, spread) for each in (values, thresholds))
    near = np.zeros((OCTAVES << BITS) + 1, bool)
    near[own] = True
    far = np.bincount(buckets, minlength=len(near))
    far[own] = 0
    return far[::-1].cumsum()[::-1][own] + _reaching(values[near[buckets]], thresholds)


def _buckets(values, low, spread):
    """For each value the number of its bucket, which never falls as values rise: the exponent and the leading bits of
    the fraction of (value - low) / spread, which is in 0..1; bucket 0 has all that is smaller than the last octave."""
    shares = values - low
    shares /= spread
    numbers = shares.view(np.int64)  # the bits of a float64 >= 0 are in the order of its value
    numbers >>= 52 - BITS
    numbers -= (1023 - OCTAVES) << BITS  # 1023 is the exponent of 1
    return np.maximum(numbers, 0, out=numbers)


@lru_cache(maxsize=2)
def _noise(shape, seed):
    """Uniform noise in 0..1; it is kept, because drawing it takes longer than the metric."""
    # RandomState, because its stream is frozen: the published baselines were computed with it.
    noise = np.random.RandomState(seed).random_sample(shape)
    noise.flags.writeable = False
    return noise


def _positive(splits):
    if splits < 1:
        raise ConfigError(f"the number of splits must be 1 or more, got {splits}")
    return splits
