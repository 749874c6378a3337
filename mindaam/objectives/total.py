"""The loss that trains a model: the task plus the order and the nearness of its hyperbolic points.

L = L_task + 1.0 L_HAE + 0.4 L_dist: L_HAE keeps general attention above the prompt and the prompt above the
image (equations 9-10), L_dist is the mean distance of each image's point from its own prompt's point.
"""

from typing import NamedTuple

from mindspore import nn, ops

from mindaam.geometry.cells import HierarchicalEntailment, LorentzDistance
from mindaam.geometry.lorentz import PAPER
from mindaam.models.head import EPSILONS
from mindaam.objectives import task


class Weights(NamedTuple):
    """How much each term counts; the defaults are the paper's and the released code's."""

    kld: float = 1.0
    cc: float = 1.0
    similarity: float = 1.0
    entailment: float = 1.0
    distance: float = 0.4


DEFAULT_WEIGHTS = Weights()

# What `LossTerms` gives, in order. It is a plain tuple, because inside a compiled graph MindSpore builds a NamedTuple
# in Python, which silently stops every gradient.
TERMS = Weights._fields


class LossTerms(nn.Cell):
    """Every term on its own, before weighting, for the loss and for the log.

    eps: the clamps of the geometry. hyperbolic: False for a model without points in hyperbolic space, whose entailment
    and distance are 0.
    """

    def __init__(self, eps=PAPER, hyperbolic=True):
        super().__init__()
        self.hyperbolic = hyperbolic
        self.entailment, self.distance = HierarchicalEntailment(eps), LorentzDistance(eps)

    def construct(self, prediction, truth, image_point, text_point, anchor_point, curvature):
        """A tuple of float32 scalars in the order of TERMS; CC and SIM are the better the larger.

        prediction, truth: [B,1,H,W], values >= 0; image_point, text_point: [B,n] and anchor_point: [1,n] or [B,n],
        space parts of points; curvature: 0-d tensor > 0.
        """
        kld, cc = task.kld(prediction, truth), task.cc(prediction, truth)
        similarity = task.similarity(prediction, truth)
        if not self.hyperbolic:
            return kld, cc, similarity, ops.zeros_like(kld), ops.zeros_like(kld)
        return (
            kld,
            cc,
            similarity,
            self.entailment(anchor_point, text_point, image_point, curvature),
            ops.mean(self.distance(image_point, text_point, curvature)),
        )


def terms_of(config):
    """The LossTerms of a model of a ModelConfig."""
    return LossTerms(EPSILONS[config.epsilons], config.hyperbolic != "none")


def weighted(terms, weights=DEFAULT_WEIGHTS):
    """The scalar to minimise from LossTerms: CC and SIM are subtracted, the rest is added."""
    kld, cc, similarity, entailment, spread = terms  # by position: a tuple made inside a graph has lost its names
    return (
        weights.kld * kld
        - weights.cc * cc
        - weights.similarity * similarity
        + weights.entailment * entailment
        + weights.distance * spread
    )
