"""Metrics of saliency maps in NumPy, exact, one function each; `settings` has the choices between variants."""

from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.fixation import auc_borji, auc_judd, auc_shuffled, nss
from mindaam.metrics.information import information_gain
from mindaam.metrics.maps import points_of
from mindaam.metrics.settings import MIT, NTIRE26, PAPER, RELEASED, Settings
from mindaam.metrics.transport import emd

__all__ = [
    "MIT", "NTIRE26", "PAPER", "RELEASED", "Settings", "auc_borji", "auc_judd", "auc_shuffled", "cc", "emd",
    "information_gain", "kld", "nss", "points_of", "sim",
]  # fmt: skip
