"""How well a map separates fixated places from the rest: NSS, AUC-Judd and the shuffled AUC.

Each function takes one prediction [H,W] and fixations [n,2] (x, y) in pixels of the map, or of an image of `size`
(height, width) to which the map is then resized. A fixation beside the map counts for the pixel of the border; one that
is not finite is refused with an InputError. Everything is computed in float64. The keywords are the choices on which
published implementations differ; their defaults are those of `settings.MIT`.
"""

import numpy as np

from mindaam.errors import unknown
from mindaam.metrics.maps import as_map, as_points, fit, fixated, values_at

TIES = ("together", "ranked")


def nss(prediction, fixations, size=None, *, ddof=0, eps=0.0, distinct=False, empty=np.nan, resize="bilinear"):
    """Normalized scanpath saliency: mean over the fixations of (P - mean P) / std P; 0 for a constant map.

    ddof: 0 for the population's standard deviation, 1 for the unbiased one. eps: added to it. distinct: count a pixel
    once however many fixations it holds, as with a binary fixation map. empty: the value without fixations.
    """
    values, points = _prepared(prediction, fixations, size, resize)
    if not len(points):
        return float(empty)
    if np.ptp(values) == 0:
        return 0.0
    seen = values[fixated(values.shape, points)] if distinct else values_at(values, points)
    return float((seen.mean() - values.mean()) / (values.std(ddof=ddof) + eps))


def auc_judd(prediction, fixations, size=None, *, jitter=1e-7, seed=0, ties="together", resize="bilinear"):
    """Area under the ROC curve whose thresholds are the values at the fixated pixels; NaN without fixations.

    jitter: uniform noise of this share of the map's range breaks ties, drawn again from `seed` at each call.
    ties: at a threshold that several fixated pixels have, "together" counts every pixel that reaches it, in both rates;
    "ranked" counts the fixated ones one by one, so that the area depends on the ties' order and can leave [0, 1].
    """
    if ties not in TIES:
        raise unknown("treatment of ties", ties, TIES)
    values, points = _prepared(prediction, fixations, size, resize)
    mask = fixated(values.shape, points)
    if not mask.any():
        return float("nan")
    if mask.all():
        return 0.5  # no other pixel to compare the fixated ones with
    if jitter:
        # RandomState, because its stream is frozen: the published baselines were computed with it.
        values = values + jitter * (np.ptp(values) or 1.0) * np.random.RandomState(seed).random_sample(values.shape)
    curve = _curve_together if ties == "together" else _curve_ranked
    hits, alarms = curve(values[mask], values[~mask])
    hits, alarms = np.r_[0.0, hits, 1.0], np.r_[0.0, alarms, 1.0]
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum())


def auc_shuffled(prediction, fixations, others, size=None, *, resize="bilinear"):
    """Chance that a fixated place has the larger value than a place fixated in other images; ties count half.

    others: [m,2] (x, y), fixations of other images brought to this image's pixels. The center bias, which they
    share, earns nothing: 0.5 is chance level. NaN when either list is empty.
    """
    values, points = _prepared(prediction, fixations, size, resize)
    others = as_points(others)
    if not len(points) or not len(others):
        return float("nan")
    seen, unseen = values_at(values, points), np.sort(values_at(values, others))
    below, upto = np.searchsorted(unseen, seen, "left"), np.searchsorted(unseen, seen, "right")
    return float((below + upto).mean() / (2 * len(unseen)))


def _prepared(prediction, fixations, size, resize):
    values = as_map(prediction, "prediction")
    return fit(values, size or values.shape, resize), as_points(fixations)


def _curve_together(seen, rest):
    """Hit and false-alarm rate at each different value of the fixated pixels, from the largest down."""
    thresholds = np.unique(seen)[::-1]
    return _share_reaching(seen, thresholds), _share_reaching(rest, thresholds)


def _curve_ranked(seen, rest):
    """The rates when the k-th largest fixated value is taken to be reached by exactly k fixated pixels."""
    thresholds, rank = np.sort(seen)[::-1], np.arange(1, len(seen) + 1)
    reaching = _share_reaching(seen, thresholds) * len(seen) + _share_reaching(rest, thresholds) * len(rest)
    return rank / len(seen), (reaching - rank) / len(rest)


def _share_reaching(values, thresholds):
    """For each threshold the share of `values` that are at least as large."""
    return 1 - np.searchsorted(np.sort(values), thresholds, "left") / len(values)
