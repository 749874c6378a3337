"""One up-sampling stage of the hyperbolic decoder, and its fusion with a skip connection."""

from mindspore import nn, ops

from mindaam.decoder.folding import up_normalized
from mindaam.decoder.modulation import SentenceFiLM, SqueezeExcitation, times
from mindaam.decoder.scale_modulation import UNMET, ScaleModulation
from mindaam.decoder.spatial_focus import SpatialFocus
from mindaam.decoder.variant import PAPER
from mindaam.kernels.convolutions import Pointwise, UpConvolution
from mindaam.kernels.normalization import GroupNorm
from mindaam.kernels.resizing import bilinear

GROUPS = 8


class UpStage(nn.Cell):
    """Doubles the resolution and lets the condition act: F_out = F + R * (1 + A), equations 11-15.

    F is the up-sampled feature after the prompt's FiLM, R the weighted multi-scale response, A the spatial focus.
    With `variant.spatial_focus` off it is the released stage, ReLU(F + R) with R mixed by a 1x1 convolution.
    """

    def __init__(self, channels_in, channels_out, text_width, point_width, variant=PAPER):
        super().__init__()
        self.up = UpConvolution(channels_in, channels_out)
        self.norm = GroupNorm(GROUPS, channels_out)
        self.film = SentenceFiLM(text_width, channels_out)
        self.modulation = ScaleModulation(
            channels_out, text_width, point_width, mix=not variant.spatial_focus, variant=variant
        )
        self.focused = variant.spatial_focus
        self.count = 12 if self.focused else 11  # length of `terms`
        if self.focused:
            self.focus = SpatialFocus(channels_out, point_width, variant)

    def terms(self, prompt, text_point, curvature, met=UNMET):
        """What the prompt [B,E] and its point [B,n] or None (released) determine: a flat tuple, for `respond`. met: as
        in ScaleModulation."""
        terms = self.film.terms(prompt) + self.modulation.terms(prompt, text_point, curvature, met=met)
        return self.focus.terms(text_point, curvature) + terms if self.focused else terms

    def respond(self, feature, factors, image_point, curvature, terms, conditioned=True):
        """The image's part: feature [B,Cin,h,w] times factors [B,Cin] or None, image point [B,n] -> [B,Cout,2h,2w].

        conditioned: whether the terms are those of a point.
        """
        first = 2 if self.focused else 0
        feature = up_normalized(self.up, self.norm, feature, terms[first], terms[first + 1], factors)
        response = self.modulation.respond(feature, terms[first + 2 :], conditioned)
        if not self.focused:
            return ops.relu(feature + response)
        return feature + times(response, 1 + self.focus.respond(feature, image_point, curvature, terms[0], terms[1]))

    def construct(self, feature, prompt, text_point, image_point, curvature):
        """feature [B,Cin,h,w], prompt [B,E], points [B,n] (text_point may be None, released) -> [B,Cout,2h,2w]."""
        terms = self.terms(prompt, text_point, curvature)
        return self.respond(feature, None, image_point, curvature, terms, text_point is not None)


class SkipFusion(nn.Cell):
    """SiLU(GN(W [decoder, skip resized])), then squeeze-excitation.

    W is kept as two parts: a 1x1 convolution commutes with bilinear resizing, so the skip is reduced to the stage's
    width at its own small size and only then enlarged, for the same result.
    """

    def __init__(self, channels, skip_channels, squeeze_width=8):
        super().__init__()
        self.from_decoder = Pointwise(channels, channels, has_bias=False)
        self.from_skip = Pointwise(skip_channels, channels, has_bias=False)
        self.norm = GroupNorm(GROUPS, channels)
        self.squeeze = SqueezeExcitation(channels, squeeze_width)

    def enlarged(self, skip, size):
        """The part that no prompt touches: skip [B,S,h,w], size (H, W) -> [B,C,H,W]."""
        skip = self.from_skip(skip)
        return skip if skip.shape[2:] == size else bilinear(skip, size)

    def join(self, feature, enlarged):
        """feature and the enlarged skip [B,C,H,W] -> [B,C,H,W], before squeeze-excitation."""
        return ops.silu(self.norm(self.from_decoder(feature) + enlarged))

    def fuse(self, feature, skip):
        """feature [B,C,H,W], skip [B,S,h,w] -> [B,C,H,W], before squeeze-excitation."""
        return self.join(feature, self.enlarged(skip, feature.shape[2:]))

    def construct(self, feature, skip):
        """feature [B,C,H,W], skip [B,S,h,w] -> [B,C,H,W]."""
        return self.squeeze(self.fuse(feature, skip))
