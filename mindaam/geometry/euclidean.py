"""The Euclidean counterparts of the Cells of `geometry.cells`, for models without hyperbolic space.

Each is the limit of its counterpart as the curvature goes to 0, and takes the same arguments, so that a Cell holds one
or the other. The curvature has no effect. In that limit exp and log at the origin are the identity, and the
half-aperture of an entailment cone is a right angle everywhere.
"""

import math

from mindspore import nn, ops

from mindaam.geometry.cells import BoundedScalar
from mindaam.geometry.lorentz import norm


class EuclideanDistance(nn.Cell):
    """Distance of points, row by row."""

    def construct(self, x, y, c):
        """x, y [...,n] -> [...] >= 0."""
        return norm(x - y).squeeze(-1)


class EuclideanPairwiseDistance(nn.Cell):
    """Distance of every point to every other."""

    def construct(self, x, y, c):
        """x [B1,n], y [B2,n] -> [B1,B2] >= 0."""
        return norm(x.expand_dims(1) - y.expand_dims(0)).squeeze(-1)


class EuclideanDistanceToOrigin(nn.Cell):
    """Length of points."""

    def construct(self, x, c):
        """x [...,n] -> [...] >= 0."""
        return norm(x).squeeze(-1)


class EuclideanLog0(nn.Cell):
    """The identity: a point is its own tangent vector."""

    def construct(self, x, c):
        """x [...,n] -> x."""
        return x


class RightAngle(nn.Cell):
    """pi/2 for each point: without curvature a cone is a half-space."""

    def construct(self, x, c):
        """x [...,n] -> [...]."""
        return ops.full_like(norm(x).squeeze(-1), 0.5 * math.pi)


class ScaledMap(nn.Cell):
    """exp(alpha) v, the scaled exponential map without its exponential; alpha as in `LorentzMap`."""

    def __init__(self, alpha):
        super().__init__()
        self.alpha = BoundedScalar(alpha, high=0.0)
        self.owns_curvature = False

    def construct(self, v, c=None):
        """Vectors of the shape of `v`."""
        return v * ops.exp(self.alpha())

    def project(self):
        """Moves the learnable scale into its range, in place."""
        self.alpha.project()
