"""Agreement of a predicted density with the density of people's fixations: CC, SIM and KLD (equations 24-26).

Each function takes one prediction and one truth, [H,W], and computes in float64. The keywords are the choices on
which published implementations differ; their defaults are those of `settings.MIT`.
"""

import numpy as np

from mindaam.errors import InputError, unknown
from mindaam.metrics.maps import as_map, fit, mass, scaled

MIT_EPS = 2.2204e-16

KLD_FORMS = ("ratio", "difference")


def cc(prediction, truth, *, floor=0.0, eps=0.0, scale=None, resize="bilinear"):
    """Pearson correlation over all pixels, in [-1, 1]; 0 when one of the maps is constant, as a map of one pixel is.

    prediction, truth: [H,W]. floor: the least sum of squared deviations that a map is divided by. eps: added to each
    population standard deviation, and to the product of the two sums of squares that follow. scale: "range" scales both
    maps to 0..1, the prediction before it is resized, which matters beside `eps`.
    """
    p, q = _pair(prediction, truth, resize, scale)
    # A constant has no correlation; without this test the rounding of its mean would be correlated with the truth.
    if np.ptp(p) == 0 or np.ptp(q) == 0:
        return 0.0
    p, q = p - p.mean(), q - q.mean()
    if eps:
        p, q = p / (p.std() + eps), q / (q.std() + eps)
        return float((p * q).sum() / np.sqrt((p * p).sum() * (q * q).sum() + eps))
    # Scaled to their peaks, so that squares of very small values do not vanish in float64.
    if floor == 0:
        p /= max(p.max(), -p.min())
        q /= max(q.max(), -q.min())
    return float((p * q).sum() / np.sqrt(max((p * p).sum(), floor)) / np.sqrt(max((q * q).sum(), floor)))


def sim(prediction, truth, *, normalize="range", eps=MIT_EPS, scale=None, resize="bilinear"):
    """Similarity, sum min(P, Q): the mass that the two densities share, in [0, 1].

    prediction, truth: [H,W]. normalize: "range" stretches each map to 0..1 before it is scaled to sum 1, and a constant
    map is then the uniform density; "sum" only cuts negative values off and scales to sum 1. eps: the least sum that a
    map is divided by. scale: "range" scales both maps to 0..1, the prediction before it is resized. A map without any
    mass gives 0; maps of one pixel give 1.
    """
    p, q = (_density(mass(each, normalize), eps) for each in _pair(prediction, truth, resize, scale))
    return float(np.minimum(p, q).sum())


def kld(prediction, truth, *, form="ratio", eps=MIT_EPS, resize="bilinear"):
    """Kullback-Leibler divergence of the prediction P from the truth Q, sum Q log(Q/P), >= 0 up to the eps.

    prediction, truth: [H,W], values >= 0. form: "ratio" is Q log(eps + Q/(P + eps)); "difference" is
    Q (log max(Q, eps) - log max(P, eps)). A truth without any mass gives 0, as do maps of one pixel; a prediction
    without any mass gives a large value that depends on eps.
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


def _pair(prediction, truth, resize, scale=None):
    truth = scaled(as_map(truth, "ground truth"), scale)
    return fit(scaled(as_map(prediction, "prediction"), scale), truth.shape, resize), truth


def _density(values, eps):
    """Scaled to sum 1; an empty map stays (nearly) zero."""
    return values / max(values.sum(), eps)
