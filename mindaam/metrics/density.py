"""Agreement of a predicted density with the density of people's fixations: CC, SIM and KLD (equations 24-26).

Each function takes one prediction and one truth, [H,W], and computes in float64. The keywords are the choices on
which published implementations differ; their defaults are those of `settings.MIT`.
"""

import numpy as np

from mindaam.errors import InputError, unknown
from mindaam.metrics.maps import as_map, fit

MIT_EPS = 2.2204e-16

NORMALIZATIONS = ("range", "sum")
KLD_FORMS = ("ratio", "difference")


def cc(prediction, truth, *, floor=0.0, resize="bilinear"):
    """Pearson correlation over all pixels, in [-1, 1]; 0 when one of the maps is constant.

    prediction, truth: [H,W]. floor: the least sum of squared deviations that a map is divided by.
    """
    p, q = _pair(prediction, truth, resize)
    # A constant has no correlation; without this test the rounding of its mean would be correlated with the truth.
    if np.ptp(p) == 0 or np.ptp(q) == 0:
        return 0.0
    p, q = p - p.mean(), q - q.mean()
    # Scaled to their peaks, so that squares of very small values do not vanish in float64.
    if floor == 0:
        p, q = p / np.abs(p).max(), q / np.abs(q).max()
    return float((p * q).sum() / np.sqrt(max((p * p).sum(), floor)) / np.sqrt(max((q * q).sum(), floor)))


def sim(prediction, truth, *, normalize="range", eps=MIT_EPS, resize="bilinear"):
    """Similarity, sum min(P, Q): the mass that the two densities share, in [0, 1].

    prediction, truth: [H,W]. normalize: "range" stretches each map to 0..1 before it is scaled to sum 1; "sum" only
    cuts negative values off and scales to sum 1. eps: the least sum that a map is divided by.
    """
    if normalize not in NORMALIZATIONS:
        raise unknown("normalization", normalize, NORMALIZATIONS)
    p, q = _pair(prediction, truth, resize)
    if normalize == "range":
        p, q = _stretched(p), _stretched(q)
    return float(np.minimum(_density(np.maximum(p, 0), eps), _density(np.maximum(q, 0), eps)).sum())


def kld(prediction, truth, *, form="ratio", eps=MIT_EPS, resize="bilinear"):
    """Kullback-Leibler divergence of the prediction P from the truth Q, sum Q log(Q/P), >= 0 up to the eps.

    prediction, truth: [H,W], values >= 0. form: "ratio" is Q log(eps + Q/(P + eps)); "difference" is
    Q (log max(Q, eps) - log max(P, eps)).
    """
    if form not in KLD_FORMS:
        raise unknown("form of the KLD", form, KLD_FORMS)
    p, q = _pair(prediction, truth, resize)
    if min(p.min(), q.min()) < 0:
        raise InputError("the KLD is defined between densities, and a map holds negative values; make it >= 0 first")
    p, q = _density(p, eps), _density(q, eps)
    if form == "ratio":
        return float((q * np.log(eps + q / (p + eps))).sum())
    return float((q * (np.log(np.maximum(q, eps)) - np.log(np.maximum(p, eps)))).sum())


def _pair(prediction, truth, resize):
    truth = as_map(truth, "ground truth")
    return fit(as_map(prediction, "prediction"), truth.shape, resize), truth


def _stretched(values):
    """Range 0..1; a constant map becomes ones, so that it becomes the uniform density."""
    spread = np.ptp(values)
    return (values - values.min()) / spread if spread > 0 else np.ones_like(values)


def _density(values, eps):
    """Scaled to sum 1; an empty map stays (nearly) zero."""
    return values / max(values.sum(), eps)
