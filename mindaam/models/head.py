"""What follows the backbone: neck, the three points of the hierarchy, the hyperbolic decoder. Wiring only."""

from typing import Any, NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from mindaam.decoder.decoder import HyperbolicDecoder
from mindaam.decoder.lorentz_maps import log_scale
from mindaam.decoder.smoothing import smooth
from mindaam.decoder.variant import DecoderVariant
from mindaam.dynamics import variant as dynamics
from mindaam.dynamics.temporal_block import FokkerPlanckBlock
from mindaam.fusion.audio_visual import AudioVisualFusion
from mindaam.geometry import lorentz
from mindaam.geometry.cells import BoundedScalar, LorentzMap
from mindaam.kernels.products import Dense
from mindaam.kernels.reductions import image_mean
from mindaam.kernels.resizing import bilinear

EPSILONS = {"paper": lorentz.PAPER, "released": lorentz.RELEASED}
DYNAMICS = {"paper": dynamics.PAPER, "released": dynamics.RELEASED, "attention": dynamics.ATTENTION}


class Attention(NamedTuple):
    """A model's answer: map [B,1,H,W] in 0..1, points [B,n] on the hyperboloid (space parts), curvature [] > 0.

    Where the configuration's `hyperbolic` is "none" the points are vectors of Euclidean space, and the curvature is 1.
    gate: how relevant each frame's audio is to its image, [B] in (0, 1); None without audio.
    """

    map: Any
    image_point: Any
    text_point: Any
    anchor_point: Any
    curvature: Any
    gate: Any = None


def variant(config):
    """The decoder's switches from a ModelConfig."""
    return DecoderVariant(
        eps=EPSILONS[config.epsilons],
        own_curvatures=not config.one_curvature,
        undo_scale=config.undo_scale,
        image_edges=config.picture_edges,
        spatial_focus=config.spatial_focus,
        euclidean=config.hyperbolic != "all",
        cone_focus=config.cone_focus,
    )


class Neck(nn.Cell):
    """A 1x1 convolution per tap, on tokens: [B,N,D_i] -> [B,C_i,h,w]."""

    def __init__(self, widths, neck_widths):
        super().__init__()
        self.projects = nn.CellList([Dense(*each) for each in zip(widths, neck_widths, strict=True)])

    def construct(self, features, grid):
        """features: one [B,N,D_i] per tap; grid: (h, w), N = h * w."""
        maps = ()
        for i in range(len(self.projects)):
            tokens = self.projects[i](features[i]).swapaxes(1, 2)
            maps = maps + (tokens.reshape(tokens.shape[0], tokens.shape[1], grid[0], grid[1]),)
        return maps


class Hierarchy(nn.Cell):
    """The points of equation 6: general attention, the prompt's condition, the image's instance.

    hyperbolic: that of ModelConfig. For a Euclidean decoder ("loss", "none") the points are given as their scaled
    tangent vectors, which `lifted` lifts to the hyperboloid for the loss, if it is hyperbolic.
    """

    def __init__(self, visual_width, text_width, point_width, anchor_std, eps, hyperbolic="all"):
        super().__init__()
        self.tangent, self.lifts = hyperbolic != "all", hyperbolic == "loss"
        self.curvature = BoundedScalar(0.0, float(np.log(0.1)), float(np.log(10.0)))
        self.visual_map = LorentzMap(log_scale(point_width), eps=eps)
        self.textual_map = LorentzMap(log_scale(point_width), eps=eps)
        self.visual_proj = Dense(visual_width, point_width, has_bias=False)
        self.textual_proj = Dense(text_width, point_width, has_bias=False)
        anchor = anchor_std * np.random.default_rng(0).standard_normal((1, point_width))
        self.anchor = Parameter(Tensor(anchor.astype(np.float32)), name="anchor")
        if hyperbolic == "none":  # nothing depends on them
            self.anchor.requires_grad = self.curvature.value.requires_grad = False

    def placed(self, into, vectors, curvature):
        """Vectors [B,n] under one of the two maps: points, or scaled tangent vectors for a Euclidean decoder."""
        return into.scaled(vectors) if self.tangent else into(vectors, curvature)

    def lifted(self, tangent, curvature):
        """Scaled tangent vectors [B,n] -> points, where the loss alone is hyperbolic; else unchanged."""
        return self.visual_map.exp0(tangent, curvature) if self.lifts else tangent

    def image_point(self, deepest):
        """Deepest map [B,C,h,w] -> [B,n]."""
        return self.placed(self.visual_map, self.visual_proj(image_mean(deepest)), ops.exp(self.curvature()))

    def construct(self, prompt):
        """Prompt [B,E] -> text and anchor points [B,n], curvature []."""
        curvature = ops.exp(self.curvature())
        text = self.placed(self.textual_map, self.textual_proj(prompt), curvature)
        anchor = ops.broadcast_to(self.placed(self.textual_map, self.anchor, curvature), text.shape)
        return text, anchor, curvature


def temporal_blocks(config):
    """A FokkerPlanckBlock for each of the depths that `config.temporal` names; an empty list without that section."""
    temporal = config.temporal
    if temporal is None:
        return nn.CellList()
    switches = DYNAMICS[config.dynamics]._replace(steps=temporal.steps, dt=1.0 / temporal.steps)
    widths = [config.head.neck_widths[tap] for tap in temporal.taps]
    return nn.CellList(
        [FokkerPlanckBlock(width, switches, temporal.frames, temporal.heads, temporal.mlp_ratio) for width in widths]
    )


def audio_fusion(config):
    """The AudioVisualFusion that `config.audio` describes, None without that section."""
    audio, sound = config.audio, config.sound
    if audio is None:
        return None
    return AudioVisualFusion(
        config.head.neck_widths[-1],
        audio.width,
        audio.attention_width,
        audio.heads,
        audio.dropout,
        form=sound.fusion,
        tokens=sound.tokens,
    )


class AttentionHead(nn.Cell):
    """Backbone features and a prompt in, attention out; the images are single ones or the frames of one video."""

    def __init__(self, config):
        super().__init__()
        head, eps = config.head, EPSILONS[config.epsilons]
        self.align_corners, self.smoothing = config.align_corners, config.smoothing
        self.neck = Neck(config.encoder.widths, head.neck_widths)
        self.temporal_taps = config.temporal.taps if config.temporal else ()
        self.temporal = temporal_blocks(config)
        self.fusion = audio_fusion(config)
        self.hierarchy = Hierarchy(
            head.neck_widths[-1], config.text.width, head.point_width, config.anchor_std, eps, config.hyperbolic
        )
        self.decoder = HyperbolicDecoder(
            head.neck_widths,
            head.start_width,
            head.stage_widths,
            head.start_groups,
            config.text.width,
            head.point_width,
            head.gaussians,
            variant(config),
        )

    def along_video(self, maps):
        """Feature maps [T,C_i,h,w] of one video's frames, those of some depths mixed along time: the maps of all."""
        for i in range(len(self.temporal_taps)):
            tap = self.temporal_taps[i]
            mixed, _ = self.temporal[i](maps[tap].expand_dims(0))
            maps = maps[:tap] + (mixed.squeeze(0),) + maps[tap + 1 :]
        return maps

    def with_audio(self, maps, audio):
        """The maps of one video's frames, the deepest fused with their audio, and the gate [T,1,1].

        audio: embeddings, [T,K,A] where `sound.fusion` is "paper", [T,A] where it is "released".
        """
        deepest, gate = self.fusion(maps[-1], audio)
        return maps[:-1] + (deepest,), gate

    def construct(self, features, prompt, grid, size, audio=None, clip=False):
        """features: four [B,N,D]; prompt [B,E]; grid (h, w) of the patches; size (H, W) of the map -> Attention.

        clip: the images are the frames of one video, and audio, when given, is their audio as `with_audio` takes it;
        only for a model with those branches.
        """
        return self.from_maps(self.neck(features, grid), prompt, size, audio, clip)

    def from_maps(self, maps, prompt, size, audio=None, clip=False):
        """The same from the neck's feature maps, one [B,C_i,h,w] per depth."""
        if clip:
            maps = self.along_video(maps)
        if audio is not None:
            maps, _ = self.with_audio(maps, audio)
        return self.answer(self.prepare(maps), self.condition(prompt, maps[-1].shape[2:]), size)

    def prepare(self, maps):
        """What no prompt touches: the neck's feature maps -> the image point [B,n], and the maps of the decoder's
        `prepare`."""
        return (self.hierarchy.image_point(maps[-1]),) + self.decoder.prepare(maps)

    def condition(self, prompt, grid):
        """What no image touches: prompt [B,E], grid (h, w) of the feature maps -> text and anchor points [B,n],
        curvature [], and the decoder's `terms`."""
        return self.recombined(prompt, self.hierarchy(prompt), grid)

    def recombined(self, prompt, points, grid):
        """The same with the prompt's embedding and its points as separate arguments: what the two do apart.

        points: text and anchor points [B,n] and curvature [], as `hierarchy` returns them, of this prompt or another.
        """
        text, anchor, curvature = points
        return (text, anchor, curvature) + self.decoder.terms(prompt.astype(ms.float32), text, curvature, grid)

    def answer(self, prepared, conditions, size):
        """Image and prompt meet: what `prepare` and `condition` return, size (H, W) -> the fields of Attention."""
        image, maps = prepared[0], prepared[1:]
        text, anchor, curvature = conditions[0], conditions[1], conditions[2]
        logits = self.decoder.decode(maps, conditions[3:], text, image, curvature)
        logits = bilinear(logits, size, self.align_corners)
        image, text, anchor = (self.hierarchy.lifted(each, curvature) for each in (image, text, anchor))
        return smooth(ops.sigmoid(logits), self.smoothing), image, text, anchor, curvature
