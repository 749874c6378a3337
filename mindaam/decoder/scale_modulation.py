"""Multi-scale responses of a feature map under a condition: per-pixel hyperbolic gating, then local, dilated and
global operators (3.3, E.1), weighted by the condition's distance to the scale anchors (equations 11, 12, 30)."""

from mindspore import nn, ops

from mindaam.decoder.lorentz_maps import curvature_of, depth, lorentz_map
from mindaam.decoder.modulation import DepthGate, ScaleGate, per_channel, times
from mindaam.decoder.variant import PAPER
from mindaam.geometry import lorentz
from mindaam.geometry.cells import LorentzDistanceToOrigin, LorentzLog0
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.convolutions import Depthwise, Pointwise
from mindaam.kernels.reductions import image_mean

ROW_NORM_BOUND = 10.0  # of the released code only
SMALLEST_LENGTH = 1e-6  # of a vector whose length is divided by


def clip_rows(tangent, bound=ROW_NORM_BOUND):
    """Shortens each image row of each channel to norm `bound` (released quirk: the axis is W, not channels)."""
    norm = ops.clamp(lorentz.norm(tangent), min=SMALLEST_LENGTH)
    return tangent * ops.clamp(bound / norm, max=1.0)


class PixelGate(nn.Cell):
    """Each pixel's channel vector is lifted by exp0, read back by log0, scaled by 1 + gate(r), lifted and read again.

    Norms are bounded at every lift. Without a condition it is one lift and one reading. All of these maps are radial:
    they change a vector's length, never its direction. So the length alone, a vector of one coordinate, is lifted and
    read, and the channels are multiplied by the quotient: a third of the work. The released image edges are not
    radial; under them the whole vectors make the trip.
    """

    def __init__(self, channels, variant=PAPER):
        super().__init__()
        self.undo_scale = variant.undo_scale
        self.image_edges = variant.image_edges
        self.gate = DepthGate(channels)
        self.to_origin, self.log0 = LorentzDistanceToOrigin(variant.eps), LorentzLog0(variant.eps, axis=1)
        self.map = lorentz_map(channels, variant, axis=1)
        if self.undo_scale:
            # A scale that is divided out again changes nothing and has no gradient but rounding noise, which Adam
            # would blow up to a random walk.
            self.map.alpha.value.requires_grad = False

    def lift(self, tangent, curvature):
        """Tangent map [B,C,H,W] -> points."""
        point = self.map(tangent, curvature)
        return lorentz.sanitize(point, curvature) if self.image_edges else point

    def read(self, point, curvature):
        """Points -> tangent map [B,C,H,W]."""
        tangent = self.log0(point, curvature)
        return self.map.unscale(tangent) if self.undo_scale else tangent

    def round_trip(self, tangent, curvature):
        """Lift and read [B,C,H,W]."""
        if self.image_edges:
            return self.read(self.lift(tangent, curvature), curvature)
        length = ops.clamp(lorentz.norm(tangent, axis=1), min=SMALLEST_LENGTH)
        return times(tangent, self.read(self.lift(length, curvature), curvature) / length)

    def construct(self, feature, point, curvature):
        """feature [B,C,H,W], condition point [B,n] or None -> gated tangent map [B,C,H,W]."""
        curvature = curvature_of(self.map, curvature)
        tangent = self.round_trip(feature, curvature)
        if point is None:
            return tangent
        gate = self.gate(self.to_origin(point, curvature).expand_dims(-1))
        if self.image_edges:
            tangent = clip_rows(tangent)
        return self.round_trip(times(tangent, 1 + gate), curvature)


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
        tangent = self.pixel_gate(feature, point, curvature)
        local = ops.silu(self.local_mix(self.local_depthwise(tangent)))
        dilated = ops.silu(self.dilated_mix(self.dilated_depthwise(tangent)))
        pooled = ops.silu(self.global_mix(per_channel(image_mean(tangent))))
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
        return times(local, w_local) + times(dilated, w_dilated) + spread(w_global * pooled, local.shape)
