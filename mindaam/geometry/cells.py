"""Cells over the Lorentz functions, one for each, and what a model learns with them: bounded scalars, the scaled map.

The Cells that are named Lorentz... hold no parameters: points and the curvature are inputs, so gradients reach both.
They compose with other Cells, compile and export. Points and tangent vectors are space parts; `c` is the magnitude of
the negative curvature, a 0-d Tensor > 0, the same for all points; shapes are those of the coordinates on the last axis,
[...,n], or on `axis` where a Cell takes one. They compute in float32 and return their input's type; input whose
shapes do not fit raises MindSpore's own error.
"""

import math

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from mindaam.geometry import lorentz
from mindaam.geometry.entailment import entailment_loss
from mindaam.kernels.device import cpu_form


class BoundedScalar(nn.Cell):
    """A learnable scalar that is used clamped to [low, high], its gradient passing straight through the clamp.

    A plain clamp has no gradient outside, so a scalar that leaves its range would never come back. `project()` brings
    the stored value back after an optimizer step, in its graph or outside any. Either bound may be infinite.
    """

    def __init__(self, initial, low=-math.inf, high=math.inf):
        super().__init__()
        self.low, self.high = float(low), float(high)
        self.value = Parameter(Tensor(float(initial), ms.float32), name="value")

    def construct(self):
        """The clamped value, a 0-d float32 Tensor; in the Ascend form a plain clamp outside training."""
        if not (self.training or cpu_form()):
            return ops.clamp(self.value, self.low, self.high)
        return self.value + ops.stop_gradient(ops.clamp(self.value, self.low, self.high) - self.value)

    def project(self):
        """Moves the stored value into [low, high], in place; returns it."""
        return ops.assign(self.value, ops.clamp(self.value, self.low, self.high))


class LorentzInner(nn.Cell):
    """Lorentz product <x,y>_L = x.y - x0 y0 of points, row by row (equation 2)."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def construct(self, x, y, c):
        """x, y [...,n] -> [...], range (-inf, -1/c]."""
        return lorentz.inner(x, y, c, self.axis)


class LorentzTime(nn.Cell):
    """Time component x0 = sqrt(1/c + |x|^2) of points (equation 1)."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def construct(self, x, c):
        """x [...,n] -> [...,1], range [1/sqrt(c), inf)."""
        return lorentz.time(x, c, self.axis)


class LorentzDistance(nn.Cell):
    """Geodesic distance of points, row by row (equation 3)."""

    def __init__(self, eps=lorentz.PAPER, axis=-1):
        super().__init__()
        self.eps, self.axis = eps, axis

    def construct(self, x, y, c):
        """x, y [...,n] -> [...] >= 0; of equal points sqrt(2 eps.distance / c)."""
        return lorentz.distance(x, y, c, self.eps, self.axis)


class LorentzPairwiseDistance(nn.Cell):
    """Geodesic distance of every point to every other (equation 3)."""

    def __init__(self, eps=lorentz.PAPER):
        super().__init__()
        self.eps = eps

    def construct(self, x, y, c):
        """x [B1,n], y [B2,n] -> [B1,B2] >= 0."""
        return lorentz.pairwise_distance(x, y, c, self.eps)


class LorentzDistanceToOrigin(nn.Cell):
    """Geodesic distance of points to the origin (equation 3), the specialization depth of the paper's 3.3."""

    def __init__(self, eps=lorentz.PAPER, axis=-1):
        super().__init__()
        self.eps, self.axis = eps, axis

    def construct(self, x, c):
        """x [...,n] -> [...] >= 0."""
        return lorentz.distance_to_origin(x, c, self.eps, self.axis)


class LorentzExp0(nn.Cell):
    """Exponential map at the origin (equation 4)."""

    def __init__(self, eps=lorentz.PAPER, axis=-1):
        super().__init__()
        self.eps, self.axis = eps, axis

    def construct(self, v, c):
        """Tangent vectors v [...,n] -> points [...,n], at most lorentz.MAX_RADIUS / sqrt(c) away."""
        return lorentz.exp0(v, c, self.eps, self.axis)


class LorentzLog0(nn.Cell):
    """Logarithmic map at the origin (equation 4), the inverse of LorentzExp0."""

    def __init__(self, eps=lorentz.PAPER, axis=-1):
        super().__init__()
        self.eps, self.axis = eps, axis

    def construct(self, x, c):
        """Points x [...,n] -> tangent vectors [...,n]."""
        return lorentz.log0(x, c, self.eps, self.axis)


class LorentzExp(nn.Cell):
    """Exponential map at any point (equation 4)."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def construct(self, x, v, c):
        """Points x [...,n], tangent vectors v there -> points [...,n], at most lorentz.MAX_RADIUS / sqrt(c) from x."""
        return lorentz.exp(x, v, c, self.axis)


class LorentzLog(nn.Cell):
    """Logarithmic map at any point, the inverse of LorentzExp."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def construct(self, x, y, c):
        """Points x, y [...,n] -> tangent vectors at x that lead to y, [...,n]."""
        return lorentz.log(x, y, c, self.axis)


class LorentzHalfAperture(nn.Cell):
    """Half-aperture arcsin(2K/(sqrt(c)|x|)) of the entailment cone at each point, K = min_radius > 0 (before eq. 7)."""

    def __init__(self, eps=lorentz.PAPER, min_radius=lorentz.MIN_RADIUS, axis=-1):
        super().__init__()
        self.eps, self.min_radius, self.axis = eps, min_radius, axis

    def construct(self, x, c):
        """x [...,n] -> [...], radians in (0, pi/2)."""
        return lorentz.half_aperture(x, c, self.eps, self.min_radius, self.axis)


class LorentzExteriorAngle(nn.Cell):
    """Angle at the parent between the ray from the origin and the geodesic to the child (equation 8)."""

    def __init__(self, eps=lorentz.PAPER, axis=-1):
        super().__init__()
        self.eps, self.axis = eps, axis

    def construct(self, parent, child, c):
        """parent, child [...,n] -> [...], radians in [0, pi]."""
        return lorentz.exterior_angle(parent, child, c, self.eps, self.axis)


class LorentzEntailment(nn.Cell):
    """How far each child lies outside its parent's cone (equation 7); aperture_factor: eta > 0, below 1 narrower."""

    def __init__(self, aperture_factor=1.0, eps=lorentz.PAPER):
        super().__init__()
        self.aperture_factor, self.eps = aperture_factor, eps

    def construct(self, parent, child, c):
        """parent, child [B,n], or one parent [1,n] -> [B], radians in [0, pi]; 0 inside the cone."""
        return entailment_loss(parent, child, c, self.aperture_factor, self.eps)


class HierarchicalEntailment(nn.Cell):
    """Mean loss of the order anchor > text > image: half of each step's, each with its own eta (equations 9-10)."""

    def __init__(self, eps=lorentz.PAPER, text_image_factor=0.8, anchor_text_factor=1.0):
        super().__init__()
        self.text_image = LorentzEntailment(text_image_factor, eps)
        self.anchor_text = LorentzEntailment(anchor_text_factor, eps)

    def construct(self, anchor, text, image, c):
        """anchor [1,n] or [B,n], the point of general attention; text, image [B,n] of the same samples -> [] >= 0."""
        return 0.5 * (self.text_image(text, image, c).mean() + self.anchor_text(anchor, text, c).mean())


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
        self.exp0 = LorentzExp0(eps, axis)

    def curvature(self):
        """The map's own curvature, a 0-d Tensor > 0; only for a map that has one."""
        return ops.exp(self.curv())

    def construct(self, v, c=None):
        """Points of the shape of `v`; `c` is the curvature, by default the map's own."""
        if c is None:
            c = self.curvature()
        # Scaling and bounding belong to the float32 part: a float16 vector's squared length overflows at 256.
        return self.placed(self.scaled(v), c).astype(v.dtype)

    def placed(self, scaled, c):
        """Scaled tangent vectors -> points, float32, of their shape."""
        if self.norm_bound is not None:
            scaled = lorentz.clip_norm(scaled, self.norm_bound, self.axis, self.eps)
        return self.exp0(scaled, c)

    def scaled(self, v):
        """exp(alpha) v, float32, of the shape of `v`: the tangent vectors that exp0 maps, before their bound."""
        return v.astype(ms.float32) * ops.exp(self.alpha())

    def unscale(self, v):
        """Divides the learnable scale out of tangent vectors again, after log0 (`paper`); shape of `v`."""
        return (v.astype(ms.float32) * ops.exp(-self.alpha())).astype(v.dtype)

    def project(self):
        """Moves the learnable scalars into their ranges, in place."""
        self.alpha.project()
        if self.owns_curvature:
            self.curv.project()
