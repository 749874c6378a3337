"""The three metrics between densities, under the protocol `paper`."""

from mindaam.metrics.protocols import protocol
from mindaam.metrics.scoring import Truth, score
from mindaam.metrics.settings import PAPER

LONGEST_SIDE = protocol("paper").longest_side


def map_scores(prediction, truth, settings=PAPER):
    """(CC, SIM, KLD) of a map [h,w] against a density [H,W], at the density's size."""
    return tuple(score(prediction, Truth(truth), protocol("paper")._replace(settings=settings)).values())
