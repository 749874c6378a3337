"""The hyperbolic decoder: backbone features of four depths, a prompt and two points in; logits of attention out."""

from mindspore import nn, ops

from mindaam.decoder.gaussian_head import GaussianHead
from mindaam.decoder.stage import SkipFusion, UpStage
from mindaam.decoder.variant import PAPER
from mindaam.kernels.convolutions import Pointwise
from mindaam.kernels.device import cpu_form
from mindaam.kernels.normalization import GroupNorm
from mindaam.kernels.reductions import image_mean


class HyperbolicDecoder(nn.Cell):
    """Three up-sampling stages, each fused with the next shallower feature, then the Gaussian head (3.3, E.1).

    feature_widths: channels of the four input maps, shallow to deep; start_width: channels after the first
    projection; stage_widths: channels after each stage. All of them divisible by 8, start_width by start_groups.
    """

    def __init__(
        self,
        feature_widths=(96, 192, 384, 768),
        start_width=256,
        stage_widths=(128, 64, 32),
        start_groups=32,
        text_width=768,
        point_width=128,
        gaussians=6,
        variant=PAPER,
    ):
        super().__init__()
        self.start = Pointwise(feature_widths[-1], start_width, has_bias=False)
        self.start_norm = GroupNorm(start_groups, start_width)
        widths = (start_width, *stage_widths)
        self.stages = nn.CellList(
            [UpStage(widths[i], widths[i + 1], text_width, point_width, variant) for i in range(len(stage_widths))]
        )
        skips = feature_widths[-2::-1]
        self.fusions = nn.CellList([SkipFusion(stage_widths[i], skips[i]) for i in range(len(stage_widths))])
        self.together = not (variant.own_curvatures or variant.euclidean)
        self.head = GaussianHead(stage_widths[-1], text_width, point_width, gaussians, variant=variant)

    def begin(self, deepest):
        """Deepest feature [B,C,h,w] -> [B,start_width,h,w]."""
        return ops.silu(self.start_norm(self.start(deepest)))

    def prepare(self, features):
        """What no prompt touches: four maps [B,C_i,h,w] -> the first stage's input and each stage's enlarged skip."""
        shallow, low, middle, deepest = features
        skips, (height, width) = (middle, low, shallow), deepest.shape[2:]
        prepared = (self.begin(deepest),)
        for i in range(len(self.stages)):
            size = (2 ** (i + 1) * height, 2 ** (i + 1) * width)
            prepared = prepared + (self.fusions[i].enlarged(skips[i], size),)
        return prepared

    def terms(self, prompt, text_point, curvature, grid):
        """What no image touches: prompt [B,E], point [B,n], curvature [], (h, w) of the features -> a flat tuple."""
        terms, enlarged = (), 2 ** len(self.stages)
        near = self.anchor_weights(text_point, curvature)
        for i in range(len(self.stages)):
            terms = terms + self.stages[i].terms(prompt, text_point, curvature, near[i])
        size = enlarged * grid[0], enlarged * grid[1]
        return terms + self.head.terms(prompt, text_point, curvature, size, near[-1])

    def anchor_weights(self, text_point, curvature):
        """`ScaleGate.anchor_weights` of the stages and of the head: at once in the Ascend form, where all gates have
        one curvature; otherwise None each, and each gate computes its own."""
        if cpu_form() or not self.together:
            return (None,) * (len(self.stages) + 1)
        tangents = ()
        for i in range(len(self.stages)):
            tangents = tangents + (self.stages[i].modulation.scale_gate.tangents(),)
        gate = self.head.modulation.scale_gate
        return gate.weights_of_all(tangents + (gate.tangents(),), text_point, curvature)

    def decode(self, prepared, terms, text_point, image_point, curvature):
        """Maps of `prepare`; `terms` of as many prompts; points [B,n]; curvature [] -> logits [B,1,8h,8w]."""
        feature, mean, factors = prepared[0], None, None
        for i in range(len(self.stages)):
            own, terms = terms[: self.stages[i].count], terms[self.stages[i].count :]
            feature = self.stages[i].respond(feature, factors, image_point, curvature, own)
            feature = self.fusions[i].join(feature, prepared[i + 1])
            mean = image_mean(feature)
            factors = self.fusions[i].squeeze.weights(mean)  # folded into the matrix that comes next
        return self.head.respond(feature, mean * factors, factors, text_point, curvature, terms)

    def construct(self, features, prompt, text_point, image_point, curvature):
        """Features: four maps [B,C_i,h,w]; prompt [B,E]; points [B,n]; curvature [] -> logits [B,1,8h,8w]."""
        terms = self.terms(prompt, text_point, curvature, features[-1].shape[2:])
        return self.decode(self.prepare(features), terms, text_point, image_point, curvature)
