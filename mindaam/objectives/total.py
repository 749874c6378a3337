"""The loss that trains a model: the task plus the order and the nearness of its hyperbolic points.

L = L_task + 1.0 L_HAE + 0.4 L_dist: L_HAE keeps general attention above the sentence and the sentence above the
picture (equations 9-10), L_dist is the mean distance of each picture's point from its own sentence's point.
"""

from typing import NamedTuple

from mindspore import ops

from mindaam.geometry.entailment import hierarchical_entailment
from mindaam.geometry.lorentz import PAPER, distance
from mindaam.objectives import task


class Weights(NamedTuple):
    """How much each term counts; the defaults are the paper's and the released code's."""

    kld: float = 1.0
    cc: float = 1.0
    similarity: float = 1.0
    entailment: float = 1.0
    distance: float = 0.4


DEFAULT_WEIGHTS = Weights()

# What `loss_terms` gives, in order. It is a plain tuple, because inside a compiled graph MindSpore builds a NamedTuple
# in Python, which silently stops every gradient.
TERMS = Weights._fields


def loss_terms(prediction, truth, image_point, text_point, anchor_point, curvature, eps=PAPER):
    """Every term on its own, before weighting, for the loss and for the log.

    prediction, truth: [B,1,H,W], values >= 0; image_point, text_point: [B,n] and anchor_point: [1,n] or [B,n], space
    parts of points; curvature: 0-d tensor > 0; eps: the clamps of the geometry.
    Returns a tuple of float32 scalars in the order of TERMS; CC and SIM are the better the larger.
    """
    return (
        task.kld(prediction, truth),
        task.cc(prediction, truth),
        task.similarity(prediction, truth),
        hierarchical_entailment(anchor_point, text_point, image_point, curvature, eps=eps),
        ops.mean(distance(image_point, text_point, curvature, eps=eps)),
    )


def weighted(terms, weights=DEFAULT_WEIGHTS):
    """The scalar to minimise from `terms`: CC and SIM are subtracted, the rest is added."""
    kld, cc, similarity, entailment, spread = terms  # by position: a tuple made inside a graph has lost its names
    return (
        weights.kld * kld
        - weights.cc * cc
        - weights.similarity * similarity
        + weights.entailment * entailment
        + weights.distance * spread
    )


def total_loss(prediction, truth, image_point, text_point, anchor_point, curvature, weights=DEFAULT_WEIGHTS, eps=PAPER):
    """L_task + 1.0 L_HAE + 0.4 L_dist, a float32 scalar; arguments as in `loss_terms`."""
    return weighted(loss_terms(prediction, truth, image_point, text_point, anchor_point, curvature, eps), weights)
