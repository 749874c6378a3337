"""Named choices for the metrics: the same functions give the published figures of different benchmarks.

Pass a metric's entry as keywords: `cc(prediction, truth, **MIT.cc)`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from mindaam.metrics.density import MIT_EPS


class Settings(NamedTuple):
    """For each metric the keywords that it is called with."""

    cc: Mapping
    sim: Mapping
    kld: Mapping
    nss: Mapping
    auc_judd: Mapping
    auc_borji: Mapping
    auc_shuffled: Mapping
    information_gain: Mapping
    emd: Mapping


def _choices(**keywords):
    return MappingProxyType(keywords)


def _unresized(settings):
    """The same choices for maps that must have the size of their ground truth."""
    return Settings(*(_choices(**{**choices, "resize": None}) for choices in settings))


# The formulas of the MIT/Tuebingen benchmark, and for AUC-Borji and the shuffled AUC the draws and thresholds of MIT's
# code.
MIT = Settings(
    cc=_choices(floor=0.0, eps=0.0, scale=None, resize="bilinear"),
    sim=_choices(normalize="range", eps=MIT_EPS, scale=None, resize="bilinear"),
    kld=_choices(form="ratio", eps=MIT_EPS, resize="bilinear"),
    nss=_choices(ddof=0, eps=0.0, distinct=False, empty=float("nan"), scale=None, resize="bilinear"),
    auc_judd=_choices(jitter=1e-7, seed=0, ties="together", distinct=True, scale=None, resize="bilinear"),
    auc_borji=_choices(splits=100, seed=0, step=0.1, resize="bilinear"),
    auc_shuffled=_choices(splits=100, seed=0, step=0.1, resize="bilinear"),
    information_gain=_choices(normalize="range", eps=MIT_EPS, resize="bilinear"),
    emd=_choices(reduction=32, normalize="range", resize="bilinear"),
)

# The paper's appendix A.1: SIM between maps that sum to 1, with nothing subtracted first; otherwise MIT's. Of the
# metrics that it does not have, the exact forms: all negatives, every threshold, densities as they are.
PAPER = MIT._replace(
    sim=_choices(normalize="sum", eps=MIT_EPS, scale=None, resize="bilinear"),
    auc_borji=_choices(splits=100, seed=0, step=None, resize="bilinear"),
    auc_shuffled=_choices(splits=None, seed=0, step=None, resize="bilinear"),
    information_gain=_choices(normalize="sum", eps=MIT_EPS, resize="bilinear"),
    emd=_choices(reduction=32, normalize="sum", resize="bilinear"),
)

# What the authors' released code computes; of what it lacks or cannot run (its shuffled AUC calls functions that do not
# exist) the paper's.
RELEASED = _unresized(PAPER)._replace(
    cc=_choices(floor=1e-12, eps=0.0, scale=None, resize=None),
    sim=_choices(normalize="sum", eps=1e-12, scale=None, resize=None),
    kld=_choices(form="difference", eps=1e-12, resize=None),
    nss=_choices(ddof=1, eps=MIT_EPS, distinct=True, empty=0.0, scale=None, resize="bilinear"),
    auc_judd=_choices(jitter=0.0, seed=0, ties="ranked", distinct=True, scale=None, resize=None),
)

# The NTIRE 2026 challenge: maps scaled to 0..1; repeated fixations count repeatedly.
NTIRE26 = PAPER._replace(
    cc=_choices(floor=0.0, eps=1e-7, scale="range", resize="bilinear"),
    sim=_choices(normalize="sum", eps=1e-7, scale="range", resize="bilinear"),
    nss=_choices(ddof=0, eps=1e-7, distinct=False, empty=float("nan"), scale="range", resize="bilinear"),
    auc_judd=_choices(jitter=0.0, seed=0, ties="ranked", distinct=False, scale="range", resize="bilinear"),
)
