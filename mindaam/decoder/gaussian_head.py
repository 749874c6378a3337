"""The output head: structure, a joint Gaussian bias, and a modulated structure (equation 31)."""

from mindspore import nn, ops

from mindaam.decoder.folding import convolved
from mindaam.decoder.lorentz_maps import column, curvature_of, lorentz_map
from mindaam.decoder.operations import distance, distance_to_origin, log0
from mindaam.decoder.scale_modulation import UNMET, ScaleModulation
from mindaam.decoder.variant import PAPER
from mindaam.kernels.convolutions import Convolution
from mindaam.kernels.elementwise import gelu
from mindaam.kernels.normalization import LayerNorm
from mindaam.kernels.products import Dense
from mindaam.kernels.reductions import image_mean


def axis_gaussians(length, center, width):
    """exp(-(x - center)^2 / (2 width^2)) at `length` positions x from 0 to 1; center, width [B,G] -> [B,G,length]."""
    positions = ops.arange(length).astype(center.dtype) / (length - 1)
    offset = (positions - column(center)) / column(width)
    return ops.exp(-0.5 * offset * offset)


class GaussianHead(nn.Cell):
    """logits = conv(F) + 0.5 sum_g amp_g N_g(x, y) + (0.2 + 0.5 clip(r, 0, 1)) * struct, equation 31.

    Centers and widths come from the prompt; amplitudes from the tangent vectors of a second image point (made from
    the last decoder feature) and of the text point, their distance and their depths.
    """

    def __init__(self, channels, text_width, point_width, gaussians=6, hidden=128, variant=PAPER):
        super().__init__()
        self.gaussians = gaussians
        self.structure = Convolution(channels, 1, 3, padding=1, has_bias=True)
        self.shape_hidden = Dense(text_width, hidden)
        self.shape_out = Dense(hidden, 4 * gaussians)
        self.to_tangent = Dense(channels, point_width, has_bias=False)
        self.map = lorentz_map(point_width, variant)
        self.log0, self.distance, self.to_origin = log0(variant), distance(variant), distance_to_origin(variant)
        joint = 2 * point_width + 3
        self.amplitude_norm = LayerNorm(joint)
        self.amplitude_hidden = Dense(joint, 2 * hidden)
        self.amplitude_out = Dense(2 * hidden, gaussians)
        self.modulation = ScaleModulation(1, text_width, point_width, low=0.2, slope=0.5, variant=variant)

    def shapes(self, prompt):
        """Prompt [B,E] -> centers x, y in (0, 1) and widths x, y in (0.05, 0.55), each [B,G]."""
        raw = self.shape_out(ops.relu(self.shape_hidden(prompt))).reshape(-1, self.gaussians, 4)
        x, y, width_x, width_y = ops.unstack(ops.sigmoid(raw), axis=-1)
        return x, y, 0.5 * width_x + 0.05, 0.5 * width_y + 0.05

    def text_part(self, text_point, curvature):
        """[log0 z_t, r_t] [B, n + 1]."""
        curvature = curvature_of(self.map, curvature)
        depth = column(self.to_origin(text_point, curvature))
        return ops.concat((self.log0(text_point, curvature), depth), -1)

    def joint(self, mean, text_point, text_part, curvature):
        """The mean of the last feature [B,C], the text's point and part -> [log0 z_img, log0 z_t, d_L, r_img, r_t]
        [B, 2n + 3]."""
        curvature = curvature_of(self.map, curvature)
        image_point = self.map(self.to_tangent(mean), curvature)
        width = text_point.shape[-1]
        tangent, depth = ops.split(text_part, (width, 1), -1)
        return ops.concat(
            (
                self.log0(image_point, curvature),
                tangent,
                column(self.distance(image_point, text_point, curvature)),
                column(self.to_origin(image_point, curvature)),
                depth,
            ),
            -1,
        )

    def amplitudes(self, joint):
        """[B, 2n + 3] -> [B,G] in (0, 1)."""
        hidden = gelu(self.amplitude_hidden(self.amplitude_norm(joint)))
        return ops.sigmoid(self.amplitude_out(hidden))

    def gaussians_of(self, prompt, size):
        """The unscaled Gaussians of a prompt along the rows and the columns of a map of `size`: [B,G,H], [B,G,W]."""
        x, y, width_x, width_y = self.shapes(prompt)
        return axis_gaussians(size[0], y, width_y), axis_gaussians(size[1], x, width_x)

    def gaussian_bias(self, rows, columns, amplitudes):
        """Sum of the Gaussians [B,1,H,W]; they are separable, so one small matrix product draws them all."""
        sums = ops.bmm((rows * column(amplitudes)).swapaxes(1, 2), columns)
        return sums.reshape(sums.shape[:1] + (1,) + sums.shape[1:])

    def terms(self, prompt, text_point, curvature, size, met=UNMET):
        """What the prompt [B,E] and its point [B,n] determine for maps of `size`: a flat tuple, for `respond`. met: as
        in ScaleModulation."""
        # The released head measures this depth in its own curvature, not in the scale gate's.
        depth_curvature = curvature_of(self.map, curvature)
        modulation = self.modulation.terms(prompt, text_point, curvature, depth_curvature, met)
        return self.gaussians_of(prompt, size) + (self.text_part(text_point, curvature),) + modulation

    def respond(self, feature, mean, factors, text_point, curvature, terms):
        """The image's part: feature [B,C,H,W] times factors [B,C] or None, its mean [B,C] -> logits [B,1,H,W]."""
        structure = convolved(self.structure, feature, factors)
        amplitudes = self.amplitudes(self.joint(mean, text_point, terms[2], curvature))
        bias = self.gaussian_bias(terms[0], terms[1], amplitudes)
        return structure + 0.5 * bias + self.modulation.respond(structure, terms[3:])

    def construct(self, feature, prompt, text_point, curvature):
        """feature [B,C,H,W], prompt [B,E], text_point [B,n] -> logits [B,1,H,W]."""
        terms = self.terms(prompt, text_point, curvature, feature.shape[2:])
        return self.respond(feature, image_mean(feature), None, text_point, curvature, terms)
