"""What stands on the backbone: neck, the three points of the hierarchy, the hyperbolic decoder. Wiring only."""

from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from mindaam.decoder.behaviour import Behaviour
from mindaam.decoder.decoder import HyperbolicDecoder
from mindaam.decoder.normalisation import picture_mean
from mindaam.decoder.smoothing import smooth
from mindaam.geometry import lorentz
from mindaam.geometry.cells import BoundedScalar, LorentzMap

EPSILONS = {"paper": lorentz.PAPER, "released": lorentz.RELEASED}


class Attention(NamedTuple):
    """A model's answer: map [B,1,H,W] in 0..1, points [B,n] on the hyperboloid (space parts), curvature [] > 0."""

    map: object
    image_point: object
    text_point: object
    anchor_point: object
    curvature: object


def behaviour(config):
    """The decoder's switches from a ModelConfig."""
    return Behaviour(
        eps=EPSILONS[config.epsilons],
        own_curvatures=not config.one_curvature,
        undo_scale=config.undo_scale,
        picture_edges=config.picture_edges,
        spatial_focus=config.spatial_focus,
    )


class Neck(nn.Cell):
    """A 1x1 convolution a tap, on tokens: [B,N,D] -> [B,C_i,h,w]."""

    def __init__(self, width, neck_widths):
        super().__init__()
        self.projects = nn.CellList([nn.Dense(width, out) for out in neck_widths])

    def construct(self, features, grid):
        """features: a [B,N,D] a tap; grid: (h, w), N = h * w."""
        maps = ()
        for i in range(len(self.projects)):
            tokens = self.projects[i](features[i]).swapaxes(1, 2)
            maps = maps + (tokens.reshape(tokens.shape[0], tokens.shape[1], grid[0], grid[1]),)
        return maps


class Hierarchy(nn.Cell):
    """The points of equation 6: general attention, the sentence's condition, the picture's instance."""

    def __init__(self, visual_width, text_width, point_width, anchor_std, eps):
        super().__init__()
        log_scale = float(np.log(point_width**-0.5))
        self.curvature = BoundedScalar(0.0, float(np.log(0.1)), float(np.log(10.0)))
        self.visual_map = LorentzMap(log_scale, eps=eps)
        self.textual_map = LorentzMap(log_scale, eps=eps)
        self.visual_proj = nn.Dense(visual_width, point_width, has_bias=False)
        self.textual_proj = nn.Dense(text_width, point_width, has_bias=False)
        anchor = anchor_std * np.random.default_rng(0).standard_normal((1, point_width))
        self.anchor = Parameter(Tensor(anchor.astype(np.float32)), name="anchor")

    def construct(self, deepest, sentence):
        """deepest [B,C,h,w], sentence [B,E] -> image, text, anchor points [B,n], curvature []."""
        curvature = ops.exp(self.curvature())
        image = self.visual_map(self.visual_proj(picture_mean(deepest)), curvature)
        text = self.textual_map(self.textual_proj(sentence), curvature)
        anchor = ops.broadcast_to(self.textual_map(self.anchor, curvature), text.shape)
        return image, text, anchor, curvature


class AttentionHead(nn.Cell):
    """Backbone features and a sentence in, attention out."""

    def __init__(self, config):
        super().__init__()
        head, eps = config.head, EPSILONS[config.epsilons]
        self.align_corners, self.smoothing = config.align_corners, config.smoothing
        self.neck = Neck(config.encoder.width, head.neck_widths)
        self.hierarchy = Hierarchy(head.neck_widths[-1], config.text.width, head.point_width, config.anchor_std, eps)
        self.decoder = HyperbolicDecoder(
            head.neck_widths,
            head.start_width,
            head.stage_widths,
            head.start_groups,
            config.text.width,
            head.point_width,
            head.gaussians,
            behaviour(config),
        )

    def construct(self, features, sentence, grid, size):
        """features: four [B,N,D]; sentence [B,E]; grid (h, w) of the patches; size (H, W) of the map -> Attention."""
        maps = self.neck(features, grid)
        image, text, anchor, curvature = self.hierarchy(maps[-1], sentence)
        logits = self.decoder(maps, sentence.astype(ms.float32), text, image, curvature)
        logits = ops.interpolate(logits, size=size, mode="bilinear", align_corners=self.align_corners)
        return smooth(ops.sigmoid(logits), self.smoothing), image, text, anchor, curvature
