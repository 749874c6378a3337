"""All metrics of a protocol for one prediction: the only place in which an evaluation computes scores."""

from typing import NamedTuple

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.errors import unknown
from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.fixation import auc_judd, auc_shuffled, nss
from mindaam.metrics.maps import as_map, fit
from mindaam.metrics.protocols import METRICS


class Truth(NamedTuple):
    """Where people looked in one image or frame; None for what is not known.

    density: [H,W], >= 0. fixations: [n,2] (x, y) in pixels of the density. others: [m,2], fixations of other images
    in the same pixels, the negatives of the shuffled AUC. baseline: [h,w], the center bias, from which the information
    gain counts; it is stretched over the density.
    """

    density: np.ndarray
    fixations: np.ndarray | None = None
    others: np.ndarray | None = None
    baseline: np.ndarray | None = None


# For each metric: what it needs beside the prediction, and its formula for (prediction, truth, settings).
FORMULAS = {
    "CC": (("density",), lambda p, t, s: cc(p, t.density, **_prepared(s.cc))),
    "SIM": (("density",), lambda p, t, s: sim(p, t.density, **_prepared(s.sim))),
    "KLD": (("density",), lambda p, t, s: kld(p, t.density, **_prepared(s.kld))),
    "NSS": (("fixations",), lambda p, t, s: nss(p, t.fixations, **_prepared(s.nss))),
    "AUC_Judd": (("fixations",), lambda p, t, s: auc_judd(p, t.fixations, **_prepared(s.auc_judd))),
    "sAUC": (
        ("fixations", "others"),
        lambda p, t, s: auc_shuffled(p, t.fixations, t.others, **_prepared(s.auc_shuffled)),
    ),
}


def score(prediction, truth, protocol, names=None):
    """{metric: float} of one prediction, in the order of METRICS.

    prediction: [h,w], any size; it is resized to the density. names: the metrics, by default those of the protocol; a
    metric for which `truth` lacks the input is not in the result, one that is undefined is NaN. ConfigError for an
    unknown name; InputError for maps and fixations that are not finite.
    """
    wrong = [name for name in names or () if name not in METRICS]
    if wrong:
        raise unknown("metric", wrong[0], METRICS)
    wanted = [name for name in METRICS if name in protocol.metrics and name in (names or METRICS) and name in FORMULAS]
    at_size = _resized(prediction, truth.density.shape, protocol)
    scores = {}
    for name in wanted:
        needed, formula = FORMULAS[name]
        if all(getattr(truth, each) is not None for each in needed):
            scores[name] = formula(at_size, truth, protocol.settings)
    return scores


def _resized(prediction, size, protocol):
    """The prediction at the size of the density, once for all metrics."""
    prediction = as_map(prediction, "prediction")
    if protocol.resize == "area":
        return resize_image(np.ascontiguousarray(prediction, np.float32), size)
    return fit(prediction, size, protocol.resize)


def _prepared(choices):
    """The keywords of a metric for maps that have one size already."""
    return {**choices, "resize": None}
