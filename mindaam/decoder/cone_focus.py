"""Which positions of an image the prompt entails: those whose points lie within the cone of the prompt's point.

Our addition to the paper, whose spatial focus (equations 13, 14) has one direction for the whole image. Here each
position has a point of its own, all of them at one learned depth, and equation 7's comparison of exterior angle and
half-aperture decides, softly, whether the prompt's cone holds it. A prompt that is deep has a narrow cone and selects;
a general one holds all.
"""

import math

from mindspore import nn, ops

from mindaam.decoder.operations import half_aperture
from mindaam.decoder.variant import PAPER
from mindaam.geometry import lorentz
from mindaam.geometry.cells import BoundedScalar
from mindaam.kernels.convolutions import Pointwise
from mindaam.kernels.reductions import sum_over
from mindaam.kernels.resizing import bilinear

RADIUS, SOFTNESS = 1.0, 0.1  # initial values: tangent length of the positions' points, width of the cone's border
SMALLEST_LENGTH = 1e-6  # of a vector whose length is divided by


class ConeFocus(nn.Cell):
    """E = sigmoid((cos phi(z_t, z_p) - cos omega(z_t)) / s) at each position p, and what it adds to feature maps.

    channels_in: of the feature maps together that the positions' points are projected from; point_width: coordinates of
    a point; widths: channels of the maps that E is added to, each times a learned vector. The cosines are compared, not
    the angles: the order is the same, and no gradient grows without bound at an angle of 0.
    """

    def __init__(self, channels_in, point_width, widths, variant=PAPER):
        super().__init__()
        self.project = nn.Dense(channels_in, point_width, has_bias=False)
        self.radius = BoundedScalar(math.log(RADIUS), math.log(0.3), math.log(3.0))
        self.softness = BoundedScalar(math.log(SOFTNESS), math.log(0.02), math.log(1.0))
        self.adds = nn.CellList([Pointwise(1, width, has_bias=False) for width in widths])
        self.half_aperture, self.euclidean = half_aperture(variant), variant.euclidean

    def directions(self, features):
        """What no prompt touches: maps [B,C_i,h,w] of one size -> unit tangent directions of the points [B,h w,n]."""
        together = ops.concat(features, 1)
        rows = together.reshape(together.shape[0], together.shape[1], -1).swapaxes(1, 2)
        vectors = self.project(rows)
        square = ops.clamp(sum_over(vectors * vectors), min=SMALLEST_LENGTH**2)
        return vectors * ops.broadcast_to(ops.rsqrt(square), vectors.shape)

    def logits(self, directions, text_points, curvature):
        """directions [B,N,n], text points [B,T,n] of each image, curvature [] -> [B,T,N]: above 0 within the cone."""
        length = ops.exp(self.radius())
        lengths = ops.clamp(lorentz.norm(text_points, -1), min=SMALLEST_LENGTH)
        border = ops.cos(self.half_aperture(text_points, curvature)).expand_dims(-1)
        along = ops.bmm(text_points, directions.swapaxes(1, 2))  # |z_t| cos(theta)
        if self.euclidean:
            cosine = self.exterior(along, lengths, length)
        else:
            cosine = self.hyperbolic_exterior(along, lengths, length, curvature)
        return (cosine - border) / ops.exp(self.softness())

    def hyperbolic_exterior(self, along, lengths, radius, curvature):
        """Cosine of equation 8's angle for positions at tangent length `radius` / sqrt(c): along [B,T,N], lengths of
        the texts' space parts [B,T,1]. In units of 1 / sqrt(c), so that c <z_t, z_p> is `product`, at most -1."""
        root = ops.sqrt(curvature)
        a, b, b0 = root * lengths, ops.sinh(radius), ops.cosh(radius)
        a0 = ops.sqrt(1.0 + a * a)
        product = b * root * along - a0 * b0
        far = ops.sqrt(ops.clamp(product * product - 1.0, min=SMALLEST_LENGTH))
        return (b0 + a0 * product) / (a * far)

    def exterior(self, along, lengths, radius):
        """The same angle's cosine between vectors of Euclidean space."""
        cosine = along / lengths
        square = lengths * lengths + radius * radius - 2.0 * radius * along
        return (radius * cosine - lengths) / ops.sqrt(ops.clamp(square, min=SMALLEST_LENGTH))

    def construct(self, directions, text_point, curvature, size):
        """directions [B,N,n] of positions on a grid of `size` (h, w), text points [B,n] -> E [B,1,h,w] in (0, 1)."""
        logits = self.logits(directions, text_point.expand_dims(1), curvature)
        return ops.sigmoid(logits).reshape(logits.shape[0], 1, size[0], size[1])

    def added(self, index, feature, focus):
        """feature [B,C,H,W] of the index-th width plus its vector times E [B,1,h,w], enlarged."""
        enlarged = focus if focus.shape[2:] == feature.shape[2:] else bilinear(focus, feature.shape[2:])
        return feature + self.adds[index](enlarged)
