"""Clamps of the Lorentz operations: the paper's, as small as can be, and the released code's."""

import math
from typing import NamedTuple

import numpy as np


class Epsilons(NamedTuple):
    """Every clamp of `geometry.lorentz`. Radii are sqrt(c)|x|, thus free of the unit of length.

    distance: least -c<x,y> - 1 in a distance; below it the distance is constant, its gradient 0.
    origin: radius up to which a point's distance to the origin is 0.
    exp_radius: least radius in exp0's quotient sinh(r)/r.
    log_radius: least distance to the origin that log0 gives back.
    log_divisor: least divisor in log0's quotient asinh(r)/r.
    norm: least Euclidean norm that clip_norm divides by.
    aperture: added to the radius that the half-aperture divides by.
    aperture_margin: how far from +-1 the argument of its arcsin stays.
    angle_excess: least -c<x,y> - 1 in the exterior angle.
    angle_parent: least parent's norm that its direction is taken from.
    angle: added, divided by that norm, to its denominator.
    angle_margin: how far from +-1 the argument of its arccos stays.
    """

    distance: float
    origin: float
    exp_radius: float
    log_radius: float
    log_divisor: float
    norm: float
    aperture: float
    aperture_margin: float
    angle_excess: float
    angle_parent: float
    angle: float
    angle_margin: float


_STEP = 2.0**-23  # float32's spacing just above 1
_RELEASED_COSH = float(np.float32(1.0001)) - 1.0  # the released limit 1 + 1e-4 as float32 holds it

# The released code's clamps, written for these formulas: arcosh(max(sqrt(1 + r^2), 1 + e)) is
# arsinh(max(r, sqrt(e (2 + e)))). Its 1 + 1e-8 in the distance to the origin is 1 in float32, which rounds every
# cosh of a radius below 2^-11.5 to 1 too; its arccos limit 1 - 1e-8 is also 1: there the gradient is infinite.
RELEASED = Epsilons(
    distance=_RELEASED_COSH,
    origin=2.0**-11.5,
    exp_radius=1e-8,
    log_radius=math.sqrt(_RELEASED_COSH * (2.0 + _RELEASED_COSH)),
    log_divisor=1e-4,
    norm=1e-6,
    aperture=1e-4,
    aperture_margin=1e-4,
    angle_excess=5e-9,  # k^2 - 1 >= 1e-8
    angle_parent=1e-15,
    angle=1e-8,
    angle_margin=0.0,
)

# The smallest that keep values and gradients finite, and gradients of a size that a training step survives: two points
# closer than 1e-6 count as one; a parent nearer than 1e-3 to the origin has no direction worth following.
PAPER = Epsilons(
    distance=1e-12,
    origin=0.0,
    exp_radius=1e-8,
    log_radius=1e-8,
    log_divisor=1e-8,
    norm=1e-6,
    aperture=1e-8,
    aperture_margin=_STEP,
    angle_excess=5e-9,
    angle_parent=1e-3,
    angle=0.0,
    angle_margin=_STEP,
)
