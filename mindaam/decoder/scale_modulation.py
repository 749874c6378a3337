"""Multi-scale responses of a feature map under a condition: per-pixel hyperbolic gating, then local, dilated and
global operators (3.3, E.1), weighted by the condition's distance to the scale anchors (equations 11, 12, 30)."""

import mindspore as ms
from mindspore import nn, ops

from mindaam.decoder.folding import add_per_channel, mixed
from mindaam.decoder.lorentz_maps import NORM_BOUND, curvature_of, depth, lorentz_map
from mindaam.decoder.modulation import DepthGate, ScaleGate, per_channel, times
from mindaam.decoder.variant import PAPER
from mindaam.geometry import lorentz
from mindaam.geometry.cells import LorentzDistanceToOrigin, LorentzLog0
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.convolutions import Depthwise, Pointwise
from mindaam.kernels.reductions import image_mean

_times = ops.BatchMatMul()
ROW_NORM_BOUND = 10.0  # of the released code only
SMALLEST_LENGTH = 1e-6  # of a vector whose length is divided by


def raise_left(point, curvature):
    """The image's left column raised to at least 1/sqrt(c) + 1e-4 (released quirk, meant for a time part).

    The released guard also replaces NaN and limits values to 1e6: no point has such coordinates.
    """
    first = ops.arange(point.shape[-1]) == 0
    floor = ops.where(first, 1.0 / ops.sqrt(curvature) + 1e-4, -1e6)
    return ops.maximum(point, spread(floor.reshape(1, 1, 1, -1), point.shape))


def row_shortening(tangent, bound=ROW_NORM_BOUND):
    """Factors [B,C,H,1] that shorten each image row of each channel to norm `bound` (released quirk: the axis is W)."""
    return ops.clamp(bound / ops.clamp(lorentz.norm(tangent), min=SMALLEST_LENGTH), max=1.0)


def clip_rows(tangent):
    """Each image row of each channel, shortened to ROW_NORM_BOUND."""
    return times(tangent, row_shortening(tangent))


def lengths(vectors):
    """Length of each pixel's vector, at least SMALLEST_LENGTH: [B,C,H,W] -> [B,1,H,W]."""
    return ops.clamp(lorentz.norm(vectors, axis=1), min=SMALLEST_LENGTH)


class PixelGate(nn.Cell):
    """Each pixel's channel vector is lifted by exp0, read back by log0, scaled by 1 + gate(r), lifted and read again.

    Norms are bounded at every lift. Without a condition it is one lift and one reading. Under `paper` log0 undoes exp0
    to the last digit: what remains of a round trip is the bound, and since the gate only amplifies, the bound of the
    second trip implies that of the first. So F is multiplied by 1 + gate and then shortened, and no point is formed.
    Otherwise each map is taken of the lengths alone, since it changes no directions, and its quotient multiplies the
    vectors.
    """

    def __init__(self, channels, variant=PAPER):
        super().__init__()
        self.undo_scale = variant.undo_scale
        self.image_edges = variant.image_edges
        self.shortens = variant.undo_scale and variant.eps == lorentz.PAPER and not variant.image_edges
        self.gate = DepthGate(channels)
        self.to_origin, self.log0 = LorentzDistanceToOrigin(variant.eps), LorentzLog0(variant.eps, axis=1)
        self.map = lorentz_map(channels, variant, axis=1)
        if self.undo_scale:
            # A scale that is divided out again changes nothing and has no gradient but rounding noise, which Adam
            # would blow up to a random walk.
            self.map.alpha.value.requires_grad = False

    def lift(self, tangent, curvature):
        """Tangent map [B,C,H,W] -> points."""
        length = lengths(tangent)
        point = times(tangent, self.map(length, curvature) / length)
        return raise_left(point, curvature) if self.image_edges else point

    def read(self, point, curvature):
        """Points -> tangent map [B,C,H,W]."""
        length = lengths(point)
        tangent = times(point, self.log0(length, curvature) / length)
        return self.map.unscale(tangent) if self.undo_scale else tangent

    def shortening(self, tangent, factors, curvature):
        """Factors per pixel [B,1,H,W], at most 1, by which a round trip shortens factors * tangent.

        tangent [B,C,H,W], factors [B,C,1,1].
        """
        batch, channels, height, width = tangent.shape
        bound = ops.clamp(lorentz.MAX_RADIUS / ops.sqrt(curvature), max=NORM_BOUND) * ops.exp(-self.map.alpha())
        row = spread((factors * factors).reshape(-1, 1, channels), (batch, 1, channels))
        square = _times(row, (tangent * tangent).reshape(batch, channels, height * width))
        limit = bound * bound
        return ops.sqrt(limit / ops.clamp(square.reshape(batch, 1, height, width), min=limit))

    def round_trip(self, tangent, curvature):
        """Lift and read [B,C,H,W]."""
        if self.shortens:
            ones = ops.ones((1, tangent.shape[1], 1, 1), tangent.dtype)
            return times(tangent, self.shortening(tangent, ones, curvature))
        return self.read(self.lift(tangent, curvature), curvature)

    def amplification(self, point, curvature):
        """1 + gate(r) of a condition point [B,n], [B,C,1,1]; ones without one."""
        if point is None:
            return ops.ones((1, self.gate.spread.out_channels, 1, 1), ms.float32)
        return 1 + self.gate(self.to_origin(point, curvature).expand_dims(-1))

    def factored(self, feature, point, curvature):
        """feature [B,C,H,W], condition point [B,n] or None -> a map [B,C,H,W] and factors per channel [B or 1,C,1,1]
        whose product is the gated tangent map; convolutions take the factors into their weights."""
        curvature = curvature_of(self.map, curvature)
        factors = self.amplification(point, curvature)
        if self.shortens:
            return times(feature, self.shortening(feature, factors, curvature)), factors
        tangent = self.round_trip(feature, curvature)
        if point is not None:
            shortened = factors * row_shortening(tangent) if self.image_edges else factors
            tangent = self.round_trip(times(tangent, shortened), curvature)
        return tangent, ops.ones_like(factors)

    def construct(self, feature, point, curvature):
        """feature [B,C,H,W], condition point [B,n] or None -> gated tangent map [B,C,H,W]."""
        return times(*self.factored(feature, point, curvature))


class ScaleOperators(nn.Cell):
    """O_s(F): local (depthwise 3x3), dilated (depthwise 3x3, dilation 2), global (mean), each with 1x1 and SiLU."""

    def __init__(self, channels, variant=PAPER):
        super().__init__()
        self.pixel_gate = PixelGate(channels, variant)
        self.local_depthwise = Depthwise(channels)
        self.local_mix = Pointwise(channels, channels)
        self.dilated_depthwise = Depthwise(channels, dilation=2)
        self.dilated_mix = Pointwise(channels, channels)
        self.global_mix = Pointwise(channels, channels)

    def construct(self, feature, point, curvature):
        """feature [B,C,H,W], point [B,n] or None -> local and dilated [B,C,H,W], global [B,C,1,1]."""
        tangent, factors = self.pixel_gate.factored(feature, point, curvature)
        local = ops.silu(mixed(self.local_mix, self.local_depthwise(tangent), factors))
        dilated = ops.silu(mixed(self.dilated_mix, self.dilated_depthwise(tangent), factors))
        pooled = ops.silu(mixed(self.global_mix, per_channel(image_mean(tangent)), factors))
        return local, dilated, pooled


class ScaleModulation(nn.Cell):
    """Sum_s w_s O_s(F) and the strength lambda(r) = low + slope * clip(r, 0, 1) of equations 12 and 30."""

    def __init__(self, channels, text_width, point_width, low=0.1, slope=0.4, mix=True, variant=PAPER):
        super().__init__()
        self.low, self.slope = low, slope
        self.to_origin = LorentzDistanceToOrigin(variant.eps)
        self.scale_gate = ScaleGate(text_width, point_width, variant=variant)
        self.operators = ScaleOperators(channels, variant)
        self.mixes = mix
        if mix:
            self.mix = Pointwise(channels, channels)
        self.split = ops.Split(axis=1, output_num=3)

    def strength(self, point, curvature, depth_curvature=None):
        """lambda [B,1,1,1], its depth measured in `depth_curvature` or the scale gate's; 0.25 without a condition."""
        if point is None:
            return 0.25
        if depth_curvature is None:
            depth_curvature = curvature_of(self.scale_gate.map, curvature)
        return (self.low + self.slope * depth(self.to_origin(point, depth_curvature))).reshape(-1, 1, 1, 1)

    def construct(self, feature, prompt, point, curvature, depth_curvature=None):
        """feature [B,C,H,W], prompt [B,E], point [B,n] or None -> R [B,C,H,W].

        depth_curvature: that in which lambda's depth is measured, when it is not the scale gate's.
        """
        local, dilated, pooled = self.operators(feature, point, curvature)
        weights = self.scale_gate(prompt, point, curvature).expand_dims(-1).expand_dims(-1)
        strength = self.strength(point, curvature, depth_curvature)
        if self.mixes:
            mixed = self.mix(self.weigh(weights, local, dilated, pooled))
            return mixed * strength if point is None else times(mixed, strength)
        return self.weigh(strength * weights, local, dilated, pooled)

    def weigh(self, weights, local, dilated, pooled):
        """Sum over the scales, weights [B,3,1,1]."""
        w_local, w_dilated, w_global = self.split(weights)
        shift = (w_global * pooled).reshape(local.shape[:2])
        return add_per_channel(times(local, w_local) + times(dilated, w_dilated), shift)
