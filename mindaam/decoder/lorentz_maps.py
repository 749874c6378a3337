"""The maps by which the decoder enters hyperbolic space, and the curvature that each of them works in."""

import numpy as np
from mindspore import ops

from mindaam.geometry.cells import LorentzMap
from mindaam.geometry.euclidean import ScaledMap

NORM_BOUND = 8.0  # longer tangent vectors are shortened to this length: sinh(8) is 1490, still exact in float32


def log_scale(width):
    """The initial value of a map's learnable log-scale: ln(width**-0.5), so that a normal vector gets norm 1."""
    return float(np.log(width**-0.5))


def lorentz_map(width, variant, axis=-1):
    """The LorentzMap of vectors of `width` coordinates on `axis`; a DecoderVariant sets its clamps and curvature. A
    ScaledMap for a Euclidean decoder."""
    if variant.euclidean:
        return ScaledMap(log_scale(width))
    return LorentzMap(
        log_scale(width),
        curvature=1.0 if variant.own_curvatures else None,
        norm_bound=NORM_BOUND,
        axis=axis,
        eps=variant.eps,
    )


def curvature_of(lorentz_map, given):
    """The curvature that a map works in: its own if it has one (released), else the given one."""
    return lorentz_map.curvature() if lorentz_map.owns_curvature else given


def column(values):
    """[...] -> [...,1]; unlike the expansion of an axis, no operator on Ascend."""
    return values.reshape(values.shape + (1,))


def depth(distance):
    """Specialization depth r: the distance of points to the origin [B], limited to [0, 1], [B,1]."""
    return column(ops.clamp(distance, 0.0, 1.0))
