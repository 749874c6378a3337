"""Cells over the Lorentz functions: bounded learnable scalars and the map from vectors to the hyperboloid."""

import math

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from mindaam.geometry import lorentz


class BoundedScalar(nn.Cell):
    """A learnable scalar that is used clamped to [low, high], its gradient passing straight through the clamp.

    A plain clamp has no gradient outside, so a scalar that leaves its range would never come back. `project()` brings
    the stored value back after an optimizer step; call it outside `construct`. Either bound may be infinite.
    """

    def __init__(self, initial, low=-math.inf, high=math.inf):
        super().__init__()
        self.low, self.high = float(low), float(high)
        self.value = Parameter(Tensor(float(initial), ms.float32), name="value")

    def construct(self):
        """The clamped value, a 0-d float32 Tensor."""
        return self.value + ops.stop_gradient(ops.clamp(self.value, self.low, self.high) - self.value)

    def project(self):
        """Moves the stored value into [low, high], in place."""
        held = min(max(float(self.value.asnumpy()), self.low), self.high)
        self.value.set_data(Tensor(held, ms.float32))


class LorentzMap(nn.Cell):
    """Scaled exponential map: exp0(exp(alpha) v), the scaled vector's length bounded by `norm_bound` when given.

    alpha: initial logarithm of the learnable scale, which is held <= 0 (equation 6).
    curvature: initial value when the map owns its curvature (the released decoder; held within [0.1, 10] times the
        initial value); None when the caller hands one curvature to `construct` (`paper`).
    norm_bound: greatest length of the scaled vector, or None for no bound.
    axis: the axis that holds the coordinates.
    """

    def __init__(self, alpha, curvature=None, norm_bound=None, axis=-1, eps=lorentz.PAPER):
        super().__init__()
        self.alpha = BoundedScalar(alpha, high=0.0)
        self.owns_curvature = curvature is not None
        if self.owns_curvature:
            middle = math.log(curvature)
            self.curv = BoundedScalar(middle, middle + math.log(0.1), middle + math.log(10.0))
        self.norm_bound, self.axis, self.eps = norm_bound, axis, eps

    def curvature(self):
        """The map's own curvature, a 0-d Tensor > 0; only for a map that was given one."""
        return ops.exp(self.curv())

    def construct(self, v, c=None):
        """Points of the shape of `v`; `c` is the curvature, by default the map's own."""
        if c is None:
            c = self.curvature()
        # Scaling and bounding belong to the float32 part: a float16 vector's squared length overflows at 256.
        scaled = v.astype(ms.float32) * ops.exp(self.alpha())
        if self.norm_bound is not None:
            scaled = lorentz.clip_norm(scaled, self.norm_bound, self.axis, self.eps)
        return lorentz.exp0(scaled, c, self.eps, self.axis).astype(v.dtype)

    def unscale(self, v):
        """Divides the learnable scale out of tangent vectors again, after log0 (`paper`); shape of `v`."""
        return (v.astype(ms.float32) * ops.exp(-self.alpha())).astype(v.dtype)

    def project(self):
        """Moves the learnable scalars into their ranges, in place."""
        self.alpha.project()
        if self.owns_curvature:
            self.curv.project()
