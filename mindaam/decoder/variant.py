"""The switches between the paper's decoder and the released one: values, never second copies of a module."""

from typing import NamedTuple

from mindaam.geometry import lorentz


class DecoderVariant(NamedTuple):
    """How the decoder treats its geometry.

    eps: the clamps of the Lorentz operations.
    own_curvatures: each map of the decoder learns a curvature of its own; otherwise all use the one that is handed in.
    undo_scale: the learnable scale of exp0 is divided out again after log0, so that a round trip changes nothing.
    image_edges: the released code's per-pixel quirks: the first image column is raised to at least
        1/sqrt(c) + 1e-4, and tangent norms are clipped along image rows.
    spatial_focus: equations 13-15; otherwise the responses are mixed by a 1x1 convolution and a stage ends in ReLU.
    cone_focus: each position is compared with the cone of the prompt's point (`cone_focus`), our addition.
    euclidean: points are vectors of Euclidean space, and the curvature has no effect (F1 and F2 of the ablation). It
        goes with the other switches of PAPER.
    """

    eps: lorentz.Epsilons
    own_curvatures: bool
    undo_scale: bool
    image_edges: bool
    spatial_focus: bool
    euclidean: bool = False
    cone_focus: bool = False


PAPER = DecoderVariant(lorentz.PAPER, own_curvatures=False, undo_scale=True, image_edges=False, spatial_focus=True)
RELEASED = DecoderVariant(
    lorentz.RELEASED, own_curvatures=True, undo_scale=False, image_edges=True, spatial_focus=False
)
