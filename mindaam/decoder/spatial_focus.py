"""Spatial focusing: where the image agrees with the direction from condition to instance (equations 13, 14)."""

from mindspore import nn, ops

from mindaam.decoder.operations import half_aperture, log0
from mindaam.decoder.variant import PAPER
from mindaam.geometry import lorentz
from mindaam.kernels.products import Dense

GAMMA = 0.25  # of the focusing temperature gamma * omega(z_t)
SMALLEST_LENGTH = 1e-6  # if image and text coincide there is no direction; the quotient then stays finite


def unit(vector, axis):
    """Vector / max(|vector|, 1e-6) along `axis`; its gradient is finite at 0."""
    square = lorentz.dot(vector, vector, axis)
    return vector * ops.rsqrt(ops.clamp(square, min=SMALLEST_LENGTH**2))


class Direction(nn.Cell):
    """Equation 13: the unit tangent direction from the text point to the image point, at the origin."""

    def __init__(self, variant=PAPER):
        super().__init__()
        self.log0 = log0(variant)

    def towards(self, image_point, text_tangent, curvature):
        """The image point and log0 of the text point, [B,n] -> [B,n] of length 1, or 0 where the points coincide."""
        return unit(self.log0(image_point, curvature) - text_tangent, -1)

    def construct(self, image_point, text_point, curvature):
        """Points [B,n] -> [B,n] of length 1, or 0 where the points coincide."""
        return self.towards(image_point, self.log0(text_point, curvature), curvature)


class SpatialFocus(nn.Cell):
    """Equation 14: A = sigmoid(<F/|F|, Pv/|Pv|> / (gamma omega(z_t))) at each position; a wide cone gives a flat A."""

    def __init__(self, channels, point_width, variant=PAPER):
        super().__init__()
        self.direction, self.half_aperture = Direction(variant), half_aperture(variant)
        self.project = Dense(point_width, channels, has_bias=False)

    def terms(self, text_point, curvature):
        """What the text point [B,n] determines: its log0 [B,n], and the temperature [B,1,1,1]."""
        temperature = GAMMA * self.half_aperture(text_point, curvature)
        return self.direction.log0(text_point, curvature), temperature.reshape(-1, 1, 1, 1)

    def respond(self, feature, image_point, curvature, text_tangent, temperature):
        """feature [B,C,H,W], image point [B,n], the terms -> A [B,1,H,W] in (0, 1)."""
        batch, channels, height, width = feature.shape
        target = unit(self.project(self.direction.towards(image_point, text_tangent, curvature)), -1)
        along = ops.bmm(target.reshape(batch, 1, channels), feature.reshape(batch, channels, height * width))
        square = ops.clamp(lorentz.dot(feature, feature, 1), min=SMALLEST_LENGTH**2)
        cosine = along.reshape(batch, 1, height, width) / ops.sqrt(square)
        return ops.sigmoid(cosine / temperature)

    def construct(self, feature, text_point, image_point, curvature):
        """feature [B,C,H,W], points [B,n] -> A [B,1,H,W] in (0, 1)."""
        return self.respond(feature, image_point, curvature, *self.terms(text_point, curvature))
