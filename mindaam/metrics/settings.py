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
    auc_shuffled: Mapping


def _choices(**keywords):
    return MappingProxyType(keywords)


# The MIT/Tuebingen benchmark's formulas.
MIT = Settings(
    cc=_choices(floor=0.0, resize="bilinear"),
    sim=_choices(normalize="range", eps=MIT_EPS, resize="bilinear"),
    kld=_choices(form="ratio", eps=MIT_EPS, resize="bilinear"),
    nss=_choices(ddof=0, eps=0.0, distinct=False, empty=float("nan"), resize="bilinear"),
    auc_judd=_choices(jitter=1e-7, seed=0, ties="together", resize="bilinear"),
    auc_shuffled=_choices(resize="bilinear"),
)

# The paper's appendix A.1: SIM between maps that sum to 1, with nothing subtracted first; otherwise MIT's.
PAPER = MIT._replace(sim=_choices(normalize="sum", eps=MIT_EPS, resize="bilinear"))

# What the authors' released code computes.
RELEASED = Settings(
    cc=_choices(floor=1e-12, resize=None),
    sim=_choices(normalize="sum", eps=1e-12, resize=None),
    kld=_choices(form="difference", eps=1e-12, resize=None),
    nss=_choices(ddof=1, eps=MIT_EPS, distinct=True, empty=0.0, resize="bilinear"),
    auc_judd=_choices(jitter=0.0, seed=0, ties="ranked", resize=None),
    auc_shuffled=_choices(resize=None),  # theirs cannot run (it calls functions that do not exist): MIT's formula
)
