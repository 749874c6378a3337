"""What stands on the backbone: neck, the three points of the hierarchy, the hyperbolic decoder. Wiring only."""

from typing import NamedTuple

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
from mindaam.kernels.reductions import image_mean

EPSILONS = {"paper": lorentz.PAPER, "released": lorentz.RELEASED}
DYNAMICS = {"paper": dynamics.PAPER, "released": dynamics.RELEASED, "attention": dynamics.ATTENTION}


class Attention(NamedTuple):
    """A model's answer: map [B,1,H,W] in 0..1, points [B,n] on the hyperboloid (space parts), curvature [] > 0.

    gate: how relevant each frame's sound is to its picture, [B] in (0, 1); None where no sound was given.
    """

    map: object
    image_point: object
    text_point: object
    anchor_point: object
    curvature: object
    gate: object = None


def variant(config):
    """The decoder's switches from a ModelConfig."""
    return DecoderVariant(
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
        self.curvature = BoundedScalar(0.0, float(np.log(0.1)), float(np.log(10.0)))
        self.visual_map = LorentzMap(log_scale(point_width), eps=eps)
        self.textual_map = LorentzMap(log_scale(point_width), eps=eps)
        self.visual_proj = nn.Dense(visual_width, point_width, has_bias=False)
        self.textual_proj = nn.Dense(text_width, point_width, has_bias=False)
        anchor = anchor_std * np.random.default_rng(0).standard_normal((1, point_width))
        self.anchor = Parameter(Tensor(anchor.astype(np.float32)), name="anchor")

    def construct(self, deepest, sentence):
        """deepest [B,C,h,w], sentence [B,E] -> image, text, anchor points [B,n], curvature []."""
        curvature = ops.exp(self.curvature())
        image = self.visual_map(self.visual_proj(image_mean(deepest)), curvature)
        text = self.textual_map(self.textual_proj(sentence), curvature)
        anchor = ops.broadcast_to(self.textual_map(self.anchor, curvature), text.shape)
        return image, text, anchor, curvature


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
    """Backbone features and a sentence in, attention out; the pictures are single ones or the frames of one film."""

    def __init__(self, config):
        super().__init__()
        head, eps = config.head, EPSILONS[config.epsilons]
        self.align_corners, self.smoothing = config.align_corners, config.smoothing
        self.neck = Neck(config.encoder.width, head.neck_widths)
        self.temporal_taps = config.temporal.taps if config.temporal else ()
        self.temporal = temporal_blocks(config)
        self.fusion = audio_fusion(config)
        self.hierarchy = Hierarchy(head.neck_widths[-1], config.text.width, head.point_width, config.anchor_std, eps)
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
        """Feature maps [T,C_i,h,w] of one film's frames, those of some depths mixed along time: the maps of all."""
        for i in range(len(self.temporal_taps)):
            tap = self.temporal_taps[i]
            mixed, _ = self.temporal[i](maps[tap].expand_dims(0))
            maps = maps[:tap] + (mixed.squeeze(0),) + maps[tap + 1 :]
        return maps

    def with_sound(self, maps, audio):
        """The maps of one film's frames, the deepest fused with their sound, and the gate [T,1,1].

        audio: embeddings, [T,K,A] where `sound.fusion` is "paper", [T,A] where it is "released".
        """
        deepest, gate = self.fusion(maps[-1], audio)
        return maps[:-1] + (deepest,), gate

    def construct(self, features, sentence, grid, size, audio=None, clip=False):
        """features: four [B,N,D]; sentence [B,E]; grid (h, w) of the patches; size (H, W) of the map -> Attention.

        clip: the pictures are the frames of one film, and audio, when given, is their sound as `with_sound` takes it;
        only for a model with those branches.
        """
        return self.from_maps(self.neck(features, grid), sentence, size, audio, clip)

    def from_maps(self, maps, sentence, size, audio=None, clip=False):
        """The same from the neck's feature maps, a [B,C_i,h,w] a depth."""
        if clip:
            maps = self.along_video(maps)
        if audio is not None:
            maps, _ = self.with_sound(maps, audio)
        image, text, anchor, curvature = self.hierarchy(maps[-1], sentence)
        logits = self.decoder(maps, sentence.astype(ms.float32), text, image, curvature)
        logits = ops.interpolate(logits, size=size, mode="bilinear", align_corners=self.align_corners)
        return smooth(ops.sigmoid(logits), self.smoothing), image, text, anchor, curvature
