"""Information gain: how much better than a baseline a map predicts each fixation."""

import numpy as np

from mindaam.errors import InputError
from mindaam.metrics.density import MIT_EPS
from mindaam.metrics.maps import as_density, as_map, as_points, fit, values_at


def information_gain(
    prediction, fixations, baseline, size=None, *, normalize="sum", eps=MIT_EPS, resize="bilinear"
):  # fmt: skip
    """Bits per fixation: the mean over the fixations of log2(eps + P) - log2(eps + B); NaN without fixations.

    prediction, baseline: [H,W], resized to `size` (height, width), by default that of the prediction, and then scaled
    to sum 1: the densities P and B, where B is the center bias. fixations: [n,2] (x, y) in pixels of that size.
    normalize: "sum" scales only, and refuses negative values; "range" stretches each map to 0..1 first, which makes its
    least value 0. A constant or empty map is the uniform density. The baseline itself has 0 bits, as has one pixel.
    """
    values, points = as_map(prediction, "prediction"), as_points(fixations)
    size = size or values.shape
    if not len(points):
        return float("nan")
    p, b = (
        _log_density(fit(each, size, resize), what, normalize, eps, points)
        for each, what in ((values, "prediction"), (as_map(baseline, "baseline"), "baseline"))
    )
    return float((p - b).mean())


def _log_density(values, what, normalize, eps, points):
    """log2 of the density at the points."""
    if normalize == "sum" and values.min() < 0:
        raise InputError(f"the information gain is defined between densities, and the {what} holds negative values")
    with np.errstate(divide="ignore"):  # minus infinity where the density and eps are 0
        return np.log2(eps + values_at(as_density(values, normalize), points))
