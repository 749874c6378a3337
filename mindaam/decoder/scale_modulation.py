"""Multi-scale responses of a feature map under a condition: per-pixel hyperbolic gating, then local, dilated and
global operators (3.3, E.1), weighted by the condition's distance to the scale anchors (equations 11, 12, 30).

Each Cell is in two parts: `terms`, a flat tuple of all that the prompt and its point determine, which serves any number
of images; and `respond`, the feature map's part. `construct` is both.
"""

import math

import numpy as np
from mindspore import Tensor, nn, ops

from mindaam.decoder.folding import add_per_channel, folded, mixed, product
from mindaam.decoder.lorentz_maps import NORM_BOUND, column, curvature_of, depth, lorentz_map
from mindaam.decoder.modulation import DepthGate, ScaleGate, per_channel, times
from mindaam.decoder.operations import distance_to_origin, log0
from mindaam.decoder.variant import PAPER
from mindaam.geometry import lorentz
from mindaam.kernels.broadcasting import repeated, spread
from mindaam.kernels.convolutions import Depthwise, Pointwise
from mindaam.kernels.device import cpu_form
from mindaam.kernels.elementwise import asinh, sinh
from mindaam.kernels.reductions import image_mean, row_sums

# What a condition's point is measured against, where a decoder has done so for all its gates at once: the weights of
# `ScaleGate.anchor_weights` [B,S], the distances to the origin [B] in the pixel gate's curvature and in lambda's.
UNMET = (None, None, None)
_times = ops.BatchMatMul()  # of squares; products with a layer's weights are `ops.bmm`
ROW_NORM_BOUND = 10.0  # of the released code only
SMALLEST_LENGTH = 1e-6  # of a vector whose length is divided by
LOWEST = -1e30  # no coordinate of a point is as low


def least_left(curvature):
    """To what the image's left column is raised at least, 1/sqrt(c) + 1e-4 (released quirk, meant for a time part).

    The released guard also replaces NaN and limits values to 1e6: no point has such coordinates.
    """
    return 1.0 / ops.sqrt(curvature) + 1e-4


def least(curvature, width):
    """`least_left` in the first of `width` columns, and nothing to raise to in the others: [1,1,1,W]."""
    first = np.eye(1, width, dtype=np.float32).reshape((1, 1, 1, width))
    return least_left(curvature) * Tensor(first) + Tensor(LOWEST * (1 - first))


def left_and_rest(maps):
    """maps [B,C,H,W] -> their left column [B,C,H,1] and the others [B,C,H,W-1]. Ascend has no gradient of it."""
    batch, channels, height, width = maps.shape
    left = ops.slice(maps, (0, 0, 0, 0), (batch, channels, height, 1))
    return left, ops.slice(maps, (0, 0, 0, 1), (batch, channels, height, width - 1))


def shortening(square, limit):
    """Factors, at most 1, that shorten vectors to a length: their squared lengths, the length's square."""
    return ops.sqrt(limit / ops.clamp(square, min=limit))


def row_shortening(*parts, bound=ROW_NORM_BOUND):
    """Factors [B,C,H,1] that shorten each image row of each channel to norm `bound` (released quirk: the axis is W).

    The map is given in parts of its columns, [B,C,H,W_i].
    """
    square = row_sums(parts[0] * parts[0])
    for i in range(1, len(parts)):
        square = square + row_sums(parts[i] * parts[i])
    return shortening(square, bound * bound)


def lengths(vectors):
    """Length of each pixel's vector, at least SMALLEST_LENGTH: [B,C,H,W] -> [B,1,H,W]."""
    return ops.sqrt(ops.clamp(lorentz.dot(vectors, vectors, 1), min=SMALLEST_LENGTH**2))


class PixelGate(nn.Cell):
    """Each pixel's channel vector is lifted by exp0, read back by log0, scaled by 1 + gate(r), lifted and read again.

    Norms are bounded at every lift. Without a condition it is one lift and one reading. Each map changes lengths only,
    so a round trip multiplies a vector by a quotient of its length, and no point is formed but in the released image's
    left column, which is raised between the maps. Under `paper` log0 undoes exp0 to the last digit: what remains of a
    round trip is the bound, and since the gate only amplifies, the bound of the second trip implies that of the first.
    So F is multiplied by 1 + gate and then shortened. In a Euclidean decoder it is only multiplied.
    """

    def __init__(self, channels, variant=PAPER):
        super().__init__()
        self.undo_scale = variant.undo_scale
        self.image_edges = variant.image_edges
        self.euclidean = variant.euclidean
        self.shortens = variant.undo_scale and variant.eps == lorentz.PAPER and not variant.image_edges
        self.eps, self.gate = variant.eps, DepthGate(channels)
        self.to_origin, self.log0 = distance_to_origin(variant), log0(variant, axis=1)
        self.map = lorentz_map(channels, variant, axis=1)
        if self.undo_scale:
            # A scale that is divided out again changes nothing and has no gradient but rounding noise, which Adam
            # would blow up to a random walk.
            self.map.alpha.value.requires_grad = False

    def terms(self, point, curvature, distance=None):
        """Condition point [B,n] or None -> factors 1 + gate(r) [B or 1,C,1,1], ones without a point, and the curvature
        of the round trips; under `paper` the square of the greatest length instead, which a Euclidean decoder lacks.
        distance: of the point to the origin, [B], where a decoder has computed it."""
        curvature = curvature_of(self.map, curvature)
        factors = ops.ones((1, self.gate.spread.out_channels, 1, 1), curvature.dtype)
        if point is not None:
            distance = self.to_origin(point, curvature) if distance is None else distance
            factors = 1 + self.gate(column(distance))
        return factors, self.greatest_square(curvature) if self.shortens and not self.euclidean else curvature

    def greatest_square(self, curvature):
        """Square of the length to which a round trip shortens a longer vector."""
        bound = ops.clamp(lorentz.MAX_RADIUS / ops.sqrt(curvature), max=NORM_BOUND) * ops.exp(-self.map.alpha())
        return bound * bound

    def radius(self, length, root):
        """Tangent lengths [B,1,H,W] and sqrt(c) -> sqrt(c) times the points' distances to the origin, bounded."""
        scaled = ops.clamp(length * ops.exp(self.map.alpha()), max=NORM_BOUND)
        return ops.clamp(scaled * root, max=lorentz.MAX_RADIUS)

    def quotient(self, length, curvature):
        """What reading after lifting multiplies vectors of these lengths by: asinh undoes sinh, so what remains of both
        maps are the scale, the bounds, and the clamps of log0, which matter to the shortest vectors."""
        root = ops.sqrt(curvature)
        radius = self.radius(length, root)
        back = ops.clamp(radius, min=math.asinh(self.eps.log_radius))
        back = back * ops.clamp(radius / self.eps.log_divisor, max=1.0)
        quotient = back / (length * root)
        return self.map.unscale(quotient) if self.undo_scale else quotient

    def carried(self, tangent, curvature):
        """Lift and read, where no column is raised."""
        return times(tangent, self.quotient(lengths(tangent), curvature))

    def lift(self, tangent, curvature, least):
        """Tangent map [B,C,H,W] -> points, their coordinates raised to at least `least`: exp0 (equation 4)
        multiplies by sinh(r) / r."""
        root, length = ops.sqrt(curvature), lengths(tangent)
        return ops.maximum(times(tangent, sinh(self.radius(length, root)) / (root * length)), least)

    def read(self, point, curvature):
        """Points [B,C,H,W] -> tangent map: log0 (equation 4) multiplies by arsinh(r) / r."""
        radius = ops.sqrt(curvature) * lengths(point)
        shrink = asinh(ops.clamp(radius, min=self.eps.log_radius)) / ops.clamp(radius, min=self.eps.log_divisor)
        tangent = times(point, shrink)
        return self.map.unscale(tangent) if self.undo_scale else tangent

    def carried_left(self, left, curvature):
        """Lift, raise and read, of the left column [B,C,H,1] alone."""
        return self.read(self.lift(left, curvature, least_left(curvature)), curvature)

    def carried_whole(self, tangent, curvature):
        """Lift, raise the left column and read, of a map [B,C,H,W]: a third of the operators of its parts."""
        return self.read(self.lift(tangent, curvature, least(curvature, tangent.shape[3])), curvature)

    def round_trip(self, tangent, curvature):
        """Lift and read [B,C,H,W]."""
        if self.shortens:
            square = lorentz.dot(tangent, tangent, 1)
            return times(tangent, shortening(square, self.greatest_square(curvature)))
        if not self.image_edges:
            return self.carried(tangent, curvature)
        if not cpu_form():
            return self.carried_whole(tangent, curvature)
        left, rest = left_and_rest(tangent)
        return ops.concat((self.carried_left(left, curvature), self.carried(rest, curvature)), 3)

    def square(self, factors, feature):
        """Each pixel's squared length [B,1,H,W] of factors [B or 1,C,1,1] * feature [B,C,H,W]."""
        if not cpu_form():
            return lorentz.dot(factors * feature, factors * feature, 1)
        batch, channels, height, width = feature.shape
        row = spread((factors * factors).reshape(-1, 1, channels), (batch, 1, channels))
        rows = (feature * feature).reshape(batch, channels, height * width)
        return _times(row, rows).reshape(batch, 1, height, width)

    def factored(self, feature, factors, given, conditioned):
        """feature [B,C,H,W], the terms, whether they are of a condition -> a map [B,C,H,W] whose product with `factors`
        is the gated tangent map if `shortens`, else the gated tangent map itself."""
        if self.euclidean:
            return feature
        if self.shortens:
            return times(feature, shortening(self.square(factors, feature), given))
        if not conditioned:
            return self.round_trip(feature, given)
        if not self.image_edges:
            return self.carried(times(self.carried(feature, given), factors), given)
        if not cpu_form():
            tangent = self.carried_whole(feature, given)
            return self.carried_whole(times(tangent, row_shortening(tangent) * factors), given)
        left, rest = left_and_rest(feature)
        left, rest = self.carried_left(left, given), self.carried(rest, given)
        rows = row_shortening(left, rest)
        rows = rows * spread(factors, rows.shape)
        left, rest = self.carried_left(left * rows, given), self.carried(rest * repeated(rows, rest.shape), given)
        return ops.concat((left, rest), 3)

    def construct(self, feature, point, curvature):
        """feature [B,C,H,W], condition point [B,n] or None -> gated tangent map [B,C,H,W]."""
        factors, given = self.terms(point, curvature)
        tangent = self.factored(feature, factors, given, point is not None)
        return times(tangent, factors) if self.shortens else tangent


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

    def terms(self, point, curvature, distance=None):
        """Condition point [B,n] or None -> the two of `PixelGate.terms`, and a matrix [B,C,C] for each scale."""
        factors, given = self.pixel_gate.terms(point, curvature, distance)
        folds = factors if self.pixel_gate.shortens else ops.ones_like(factors)
        mixes = (self.local_mix, self.dilated_mix, self.global_mix)
        return factors, given, folded(mixes[0], folds), folded(mixes[1], folds), folded(mixes[2], folds)

    def respond(self, feature, factors, given, local, dilated, pooled, conditioned=True):
        """feature [B,C,H,W], the terms -> local and dilated [B,C,H,W], global [B,C,1,1]."""
        tangent = self.pixel_gate.factored(feature, factors, given, conditioned)
        return (
            ops.silu(mixed(local, self.local_mix.bias, self.local_depthwise(tangent))),
            ops.silu(mixed(dilated, self.dilated_mix.bias, self.dilated_depthwise(tangent))),
            ops.silu(mixed(pooled, self.global_mix.bias, per_channel(image_mean(tangent)))),
        )

    def construct(self, feature, point, curvature):
        """feature [B,C,H,W], point [B,n] or None -> local and dilated [B,C,H,W], global [B,C,1,1]."""
        return self.respond(feature, *self.terms(point, curvature), point is not None)


class ScaleModulation(nn.Cell):
    """Sum_s w_s O_s(F) and the strength lambda(r) = low + slope * clip(r, 0, 1) of equations 12 and 30."""

    def __init__(self, channels, text_width, point_width, low=0.1, slope=0.4, mix=True, variant=PAPER):
        super().__init__()
        self.low, self.slope = low, slope
        self.to_origin = distance_to_origin(variant)
        self.scale_gate = ScaleGate(text_width, point_width, variant=variant)
        self.operators = ScaleOperators(channels, variant)
        self.mixes = mix
        if mix:
            self.mix = Pointwise(channels, channels)
        self.split = ops.Split(axis=1, output_num=3)

    def curvatures(self, given):
        """The curvatures of the pixel gate and of the scale gate."""
        return curvature_of(self.operators.pixel_gate.map, given), curvature_of(self.scale_gate.map, given)

    def strength(self, point, curvature, depth_curvature=None, distance=None):
        """lambda [B,1,1,1], its depth measured in `depth_curvature` or the scale gate's; 0.25 without a condition.
        distance: of the point to the origin, [B], where a decoder has computed it."""
        if point is None:
            return 0.25
        if distance is None:
            own = curvature_of(self.scale_gate.map, curvature) if depth_curvature is None else depth_curvature
            distance = self.to_origin(point, own)
        return (self.low + self.slope * depth(distance)).reshape(-1, 1, 1, 1)

    def terms(self, prompt, point, curvature, depth_curvature=None, met=UNMET):
        """Prompt [B,E], point [B,n] or None -> the terms of the operators, and lambda w_s [B,1,1,1] of each scale; with
        a mixing convolution its matrix times them [B,C,C], and lambda times its bias [B,C].

        depth_curvature: that in which lambda's depth is measured, when it is not the scale gate's. met: as UNMET.
        """
        near, gate_distance, distance = met
        weights = per_channel(self.scale_gate(prompt, point, curvature, near))
        strength = self.strength(point, curvature, depth_curvature, distance)
        local, dilated, pooled = self.split(strength * weights)
        operators = self.operators.terms(point, curvature, gate_distance)
        if not self.mixes:
            return operators + (local, dilated, pooled)
        ones = ops.ones((weights.shape[0], self.mix.out_channels, 1, 1), weights.dtype)
        mixes = tuple(folded(self.mix, each * ones) for each in (local, dilated, pooled))
        bias = (strength * ones).reshape(ones.shape[:2]) * self.mix.bias.reshape(1, -1)
        return operators + mixes + (bias,)

    def respond(self, feature, terms, conditioned=True):
        """feature [B,C,H,W], the terms -> R [B,C,H,W]."""
        responses = self.operators.respond(feature, *terms[:5], conditioned)
        if not self.mixes:
            return self.weigh(terms[5:8], *responses)
        local, dilated, pooled = responses
        out = product(terms[5], local) + product(terms[6], dilated)
        return add_per_channel(out, product(terms[7], pooled).reshape(out.shape[:2]) + terms[8])

    def construct(self, feature, prompt, point, curvature, depth_curvature=None):
        """feature [B,C,H,W], prompt [B,E], point [B,n] or None -> R [B,C,H,W]; depth_curvature as in `terms`."""
        return self.respond(feature, self.terms(prompt, point, curvature, depth_curvature), point is not None)

    def weigh(self, weights, local, dilated, pooled):
        """Sum over the scales, three weights [B,1,1,1]."""
        shift = (weights[2] * pooled).reshape(local.shape[:2])
        return add_per_channel(times(local, weights[0]) + times(dilated, weights[1]), shift)
