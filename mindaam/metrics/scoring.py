"""All metrics of a protocol for one prediction: the only place in which an evaluation computes scores."""

from typing import NamedTuple

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.errors import unknown
from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.fixation import auc_borji, auc_judd, auc_shuffled, nss
from mindaam.metrics.information import information_gain
from mindaam.metrics.maps import as_map, fit, scaled
from mindaam.metrics.protocols import METRICS
from mindaam.metrics.transport import emd


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


# For each metric its formula for (prediction, truth, keywords of each metric), and what it needs beside the density.
FORMULAS = {
    "CC": lambda p, t, s: cc(p, t.density, **s["cc"]),
    "SIM": lambda p, t, s: sim(p, t.density, **s["sim"]),
    "KLD": lambda p, t, s: kld(p, t.density, **s["kld"]),
    "NSS": lambda p, t, s: nss(p, t.fixations, **s["nss"]),
    "AUC_Judd": lambda p, t, s: auc_judd(p, t.fixations, **s["auc_judd"]),
    "AUC_Borji": lambda p, t, s: auc_borji(p, t.fixations, **s["auc_borji"]),
    "sAUC": lambda p, t, s: auc_shuffled(p, t.fixations, t.others, **s["auc_shuffled"]),
    "IG": lambda p, t, s: information_gain(p, t.fixations, t.baseline, **s["information_gain"]),
    "EMD": lambda p, t, s: emd(p, t.density, **s["emd"]),
}
NEEDED = {
    "NSS": ("fixations",), "AUC_Judd": ("fixations",), "AUC_Borji": ("fixations",), "sAUC": ("fixations", "others"),
    "IG": ("fixations", "baseline"),
}  # fmt: skip


def score(prediction, truth, protocol, names=None):
    """{metric: float} of one prediction, in the order of METRICS.

    prediction: [h,w], any size; it is resized to the density. names: the metrics, by default those of the protocol; a
    metric for which `truth` lacks the input is not in the result, one that is undefined is NaN. ConfigError for an
    unknown name; InputError for maps and fixations that are not finite.
    """
    wrong = [name for name in names or () if name not in METRICS]
    if wrong:
        raise unknown("metric", wrong[0], METRICS)
    wanted = [
        name
        for name in METRICS
        if name in protocol.metrics
        and name in (names or METRICS)
        and all(getattr(truth, each) is not None for each in NEEDED.get(name, ()))
    ]
    prediction, truth = _prepared(prediction, truth, protocol, with_baseline="IG" in wanted)
    keywords = _prepared_settings(protocol.settings)
    return {name: FORMULAS[name](prediction, truth, keywords) for name in wanted}


def _prepared(prediction, truth, protocol, with_baseline):
    """The prediction and the truth at the size of the density and scaled, once for all metrics."""
    density = scaled(as_map(truth.density, "ground truth"), protocol.scale)
    truth = truth._replace(density=density)
    if with_baseline:
        truth = truth._replace(baseline=_resized(truth.baseline, "baseline", density.shape, protocol))
    return _resized(prediction, "prediction", density.shape, protocol), truth


def _resized(values, what, size, protocol):
    values = scaled(as_map(values, what), protocol.scale)
    if protocol.resize == "area":
        return resize_image(np.ascontiguousarray(values, np.float32), size)
    return fit(values, size, protocol.resize)


def _prepared_settings(settings):
    """The keywords of each metric for maps that are resized and scaled already."""
    done = {"resize": None, "scale": None}
    return {
        metric: {key: done.get(key, value) for key, value in choices.items()}
        for metric, choices in settings._asdict().items()
    }
