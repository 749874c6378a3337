"""Metrics of saliency maps in NumPy, exact, one function each; `settings` has the choices between variants."""

from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.fixation import auc_judd, auc_shuffled, nss
from mindaam.metrics.maps import points_of
from mindaam.metrics.settings import MIT, PAPER, RELEASED, Settings

__all__ = ["MIT", "PAPER", "RELEASED", "Settings", "auc_judd", "auc_shuffled", "cc", "kld", "nss", "points_of", "sim"]
