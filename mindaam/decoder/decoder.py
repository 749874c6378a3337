"""The hyperbolic decoder: backbone features of four depths, a prompt and two points in; logits of attention out."""

from mindspore import nn, ops

from mindaam.decoder.cone_focus import ConeFocus
from mindaam.decoder.gaussian_head import GaussianHead
from mindaam.decoder.lorentz_maps import curvature_of
from mindaam.decoder.operations import distance_to_origin
from mindaam.decoder.scale_modulation import UNMET
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
        self.focused = variant.cone_focus
        if self.focused:
            self.cone = ConeFocus(sum(feature_widths), point_width, widths, variant)
        # length of what `prepare` returns
        self.prepared = 1 + len(stage_widths) + int(self.focused)
        self.together = not variant.euclidean
        self.own_curvatures, self.to_origin = variant.own_curvatures, distance_to_origin(variant)
        self.head = GaussianHead(stage_widths[-1], text_width, point_width, gaussians, variant=variant)

    def begin(self, deepest):
        """Deepest feature [B,C,h,w] -> [B,start_width,h,w]."""
        return ops.silu(self.start_norm(self.start(deepest)))

    def prepare(self, features):
        """What no prompt touches: four maps [B,C_i,h,w] -> the first stage's input, each stage's enlarged skip, and for
        `variant.cone_focus` the directions of the positions' points."""
        shallow, low, middle, deepest = features
        skips, (height, width) = (middle, low, shallow), deepest.shape[2:]
        prepared = (self.begin(deepest),)
        for i in range(len(self.stages)):
            size = (2 ** (i + 1) * height, 2 ** (i + 1) * width)
            prepared = prepared + (self.fusions[i].enlarged(skips[i], size),)
        return prepared + (self.cone.directions(features),) if self.focused else prepared

    def terms(self, prompt, text_point, curvature, grid):
        """What no image touches: prompt [B,E], point [B,n], curvature [], (h, w) of the features -> a flat tuple."""
        terms, enlarged = (), 2 ** len(self.stages)
        met = self.met(text_point, curvature)
        for i in range(len(self.stages)):
            terms = terms + self.stages[i].terms(prompt, text_point, curvature, met[i])
        size = enlarged * grid[0], enlarged * grid[1]
        return terms + self.head.terms(prompt, text_point, curvature, size, met[-1])

    def met(self, text_point, curvature):
        """As `scale_modulation.UNMET`, for each stage and for the head. In the Ascend form their points and distances
        are computed at once, for a fourth of the operators; otherwise each computes its own."""
        if cpu_form() or not self.together:
            return (UNMET,) * (len(self.stages) + 1)
        tangents, of_gates, of_scales, of_depths = (), (), (), ()
        for i in range(len(self.stages)):
            tangents = tangents + (self.stages[i].modulation.scale_gate.tangents(),)
            gate, scales = self.stages[i].modulation.curvatures(curvature)
            of_gates, of_scales, of_depths = of_gates + (gate,), of_scales + (scales,), of_depths + (scales,)
        last = self.head.modulation
        gate, scales = last.curvatures(curvature)
        depths = self.distances(text_point, of_gates + (gate,) + of_depths + (curvature_of(self.head.map, curvature),))
        near = last.scale_gate.weights_of_all(
            tangents + (last.scale_gate.tangents(),), text_point, of_scales + (scales,)
        )
        met, count = (), len(self.stages) + 1
        for i in range(count):
            met = met + ((near[i], depths[i], depths[count + i]),)
        return met

    def distances(self, point, curvatures):
        """Distances of a point [B,n] to the origin in K curvatures, [B] each; in one if all are the same."""
        if not self.own_curvatures:
            return (self.to_origin(point, curvatures[0]),) * len(curvatures)
        return ops.unstack(self.to_origin(point, ops.stack(curvatures).reshape(-1, 1, 1)), 0)

    def decode(self, prepared, terms, text_point, image_point, curvature):
        """Maps of `prepare`; `terms` of as many prompts; points [B,n]; curvature [] -> logits [B,1,8h,8w]."""
        feature, mean, factors = prepared[0], None, None
        focus = None
        if self.focused:
            focus = self.cone(prepared[-1], text_point, curvature, feature.shape[2:])
            feature = self.cone.added(0, feature, focus)
        for i in range(len(self.stages)):
            own, terms = terms[: self.stages[i].count], terms[self.stages[i].count :]
            feature = self.stages[i].respond(feature, factors, image_point, curvature, own)
            skip = self.cone.added(i + 1, prepared[i + 1], focus) if self.focused else prepared[i + 1]
            feature = self.fusions[i].join(feature, skip)
            mean = image_mean(feature)
            factors = self.fusions[i].squeeze.weights(mean)  # folded into the matrix that comes next
        return self.head.respond(feature, mean * factors, factors, text_point, curvature, terms)

    def construct(self, features, prompt, text_point, image_point, curvature):
        """Features: four maps [B,C_i,h,w]; prompt [B,E]; points [B,n]; curvature [] -> logits [B,1,8h,8w]."""
        terms = self.terms(prompt, text_point, curvature, features[-1].shape[2:])
        return self.decode(self.prepare(features), terms, text_point, image_point, curvature)
