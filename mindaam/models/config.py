"""What a model is made of, as validated data; `configs/models/*.yaml` and `configs/presets/*.yaml` are its values.

Every number has an upper bound, several times that of any published model: a checkpoint contains its configuration, and
memory is allocated as an untrusted one specifies.
"""

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mindaam.schema import Schema

Name = Annotated[str, Field(pattern=r"^[\w.+-]{1,100}$")]
Width = Annotated[int, Field(gt=0, le=16384)]  # DINOv3's largest has 4096 channels
Count = Annotated[int, Field(gt=0, le=256)]  # of heads, blocks, tokens beside the patches
Side = Annotated[int, Field(gt=0, le=4096)]  # pixels
Stride = Annotated[int, Field(gt=0, le=64)]
Mean = Annotated[float, Field(ge=0, le=255)]
Spread = Annotated[float, Field(ge=1e-4, le=255)]
MOST_PATCHES = 1 << 16  # of one image: 4096 x 4096 pixels in patches of 16


class StagesConfig(Schema):
    """The four stages of a hierarchical encoder, SAM2's Hiera; each ends at a tap, and its first block pools.

    widths, strides: of each tap's tokens; the stride is in pixels. windows: sides of the windows in which tokens
    attend. global_blocks: blocks that attend over the whole image. background: side of the image's table of positions.
    """

    widths: tuple[Width, Width, Width, Width]
    strides: tuple[Stride, Stride, Stride, Stride]
    windows: tuple[Stride, Stride, Stride, Stride]
    global_blocks: tuple[Annotated[int, Field(ge=0, le=256)], ...] = Field(max_length=256)
    background: Stride

    @model_validator(mode="after")
    def _doubles(self):
        if self.strides != (4, 8, 16, 32):
            raise ValueError(f"strides {self.strides} must be (4, 8, 16, 32)")
        if any(deeper != 2 * width for width, deeper in pairwise(self.widths)):
            raise ValueError(f"widths {self.widths} must double from tap to tap")
        if any(window % 2 for window in self.windows[:3]):
            raise ValueError(f"windows {self.windows} must be even but for the last: their queries are pooled")
        return self


class EncoderConfig(Schema):
    """A ViT backbone; taps are the 0-based blocks whose outputs the head reads, shallow to deep.

    patch: pixels along a side of the grid on which the head gets every tap. prefix: tokens before the patches, the
    class token and DINOv3's storage tokens. stages: of an encoder whose taps differ in width and grid; width and heads
    are then those of the first stage.
    """

    name: Name
    patch: Annotated[int, Field(gt=0, le=64)]
    width: Width
    depth: Count
    heads: Count
    prefix: Annotated[int, Field(ge=0, le=256)] = 1
    taps: tuple[int, int, int, int]
    stages: StagesConfig | None = None

    @property
    def widths(self):
        """The width of each tap."""
        return self.stages.widths if self.stages else (self.width,) * len(self.taps)

    @property
    def multiple(self):
        """The sides of an image are multiples of this."""
        stages = self.stages
        return math.lcm(self.patch, stages.strides[-1], stages.strides[0] * stages.windows[0]) if stages else self.patch

    @model_validator(mode="after")
    def _taps_exist(self):
        if list(self.taps) != sorted(set(self.taps)) or self.taps[0] < 0 or self.taps[-1] != self.depth - 1:
            raise ValueError(f"taps {self.taps} must rise and end at the last block, {self.depth - 1}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads, {self.heads}")
        if self.stages and (self.stages.widths[0] != self.width or self.patch not in self.stages.strides):
            raise ValueError(
                f"stages: the first of widths {self.stages.widths} must be the width, {self.width}, and one of strides "
                f"{self.stages.strides} the patch, {self.patch}"
            )
        return self


class TextConfig(Schema):
    """The frozen text encoder and the width of its embeddings."""

    name: Name
    width: Width


class TemporalConfig(Schema):
    """Fokker-Planck blocks along a video's frames, one at each of some of the four depths.

    taps: those depths, 0 (shallow) to 3 (deep). frames: time points of the learned time embedding, which is resampled
    for videos of another length. heads, mlp_ratio: of the attention along time and of its feed-forward. steps: how many
    Lie-Trotter steps of length 1/steps are taken, all with the same kernel and rates. clip: frames that the model takes
    at once, in training and in prediction.
    """

    taps: tuple[Annotated[int, Field(ge=0, le=3)], ...] = Field(min_length=1, max_length=4)
    frames: Annotated[int, Field(gt=0, le=16384)]
    heads: Count
    mlp_ratio: Annotated[int, Field(gt=0, le=32)]
    steps: Count = 1
    clip: Annotated[int, Field(gt=0, le=4096)] = 16

    @model_validator(mode="after")
    def _taps_rise(self):
        if list(self.taps) != sorted(set(self.taps)):
            raise ValueError(f"taps {self.taps} must rise")
        return self


class AudioConfig(Schema):
    """The frozen audio encoder, the width of its embeddings, and the fusion's attention, on the deepest feature."""

    name: Name
    width: Width
    attention_width: Width
    heads: Count
    dropout: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_divide(self):
        if self.attention_width % self.heads:
            raise ValueError(f"attention_width {self.attention_width} must be a multiple of heads, {self.heads}")
        return self


class SoundConfig(Schema):
    """How a video's audio reaches a model with an audio section: the switches in which `paper` and `released` differ.

    fusion: the form of the fusion. tokens: windows of audio per frame, `spacing` seconds apart, the middle one at the
    frame. resampling: to the encoder's rate, by a polyphase filter or by the released windowed sinc.
    Spectrograms are normalized per window, or over all windows of a clip together. slicing: windows are cut about the
    times at which frames are shown, or about frame numbers over the frame rate. scale: a factor on every sample.
    """

    fusion: Literal["paper", "released"]
    tokens: Count
    spacing: float = Field(gt=0, le=3600)
    resampling: Literal["polyphase", "sinc"]
    normalise: Literal["window", "batch"]
    slicing: Literal["times", "frames"]
    scale: float = Field(gt=0, le=1e6)

    @model_validator(mode="after")
    def _fits(self):
        if self.tokens % 2 == 0 or (self.fusion == "released" and self.tokens != 1):
            raise ValueError(f"tokens {self.tokens} must be odd, and 1 where the fusion is the released one")
        if self.slicing == "frames" and (self.resampling != "sinc" or self.tokens != 1):
            raise ValueError('slicing by "frames" goes with one token and "sinc" resampling')
        return self


class LoRAConfig(Schema):
    """Low-rank adapters on attn.qkv and attn.proj of the last blocks; 0 blocks means none."""

    rank: Annotated[int, Field(gt=0, le=4096)]
    alpha: float = Field(gt=0, le=1e6)
    dropout: float = Field(ge=0, lt=1)
    last_n_blocks: int = Field(ge=0, le=256)


class HeadConfig(Schema):
    """Widths of the neck and the decoder; every decoder width is a multiple of 8 (its group normalization)."""

    neck_widths: tuple[Width, Width, Width, Width]
    start_width: Width
    start_groups: Width
    stage_widths: tuple[Width, Width, Width]
    point_width: Width
    gaussians: Annotated[int, Field(gt=0, le=1024)]

    @model_validator(mode="after")
    def _groups_divide(self):
        if self.start_width % self.start_groups or any(width % 8 for width in self.stage_widths):
            raise ValueError("start_width must be a multiple of start_groups, and stage_widths multiples of 8")
        return self


class ModelConfig(Schema):
    """One model: its parts and the switches in which `paper` and `released` differ.

    cone_focus: each position of the image is compared with the cone of the prompt's point (`decoder.cone_focus`), our
    addition.
    temporal, audio: None for a model of single images, and for one without audio. hyperbolic: "loss" has a Euclidean
    decoder, in which the curvature has no effect, and points of hyperbolic space for the loss alone; "none" has no
    hyperbolic space at all, and no loss that depends on it (F2 and F1 of the ablation; F3 is "all").
    """

    name: Name
    image_size: tuple[Side, Side]
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Spread, Spread, Spread]
    encoder: EncoderConfig
    text: TextConfig
    lora: LoRAConfig
    head: HeadConfig
    temporal: TemporalConfig | None = None
    audio: AudioConfig | None = None
    sound: SoundConfig
    preset: Literal["paper", "released"]
    epsilons: Literal["paper", "released"]
    one_curvature: bool
    undo_scale: bool
    picture_edges: bool
    spatial_focus: bool
    cone_focus: bool = False
    hyperbolic: Literal["all", "loss", "none"] = "all"
    dynamics: Literal["paper", "released", "attention"]
    anchor_std: float = Field(ge=0, le=1e6)
    align_corners: bool
    resize: Literal["area", "antialiased", "bilinear"]
    smoothing: float = Field(ge=0, lt=0.5)

    @model_validator(mode="after")
    def _whole_patches(self):
        if any(side % self.encoder.multiple for side in self.image_size):
            what = "the encoder's coarsest windows" if self.encoder.stages else "the patch"
            raise ValueError(f"image_size {self.image_size} must be multiples of {what}, {self.encoder.multiple}")
        patches = self.image_size[0] * self.image_size[1] // self.encoder.patch**2
        if patches > MOST_PATCHES:
            raise ValueError(
                f"image_size {self.image_size} in patches of {self.encoder.patch} are {patches} patches, more than the "
                f"{MOST_PATCHES} that a model takes"
            )
        if self.lora.last_n_blocks > self.encoder.depth:
            raise ValueError(
                f"lora.last_n_blocks {self.lora.last_n_blocks} is more than the {self.encoder.depth} blocks"
            )
        return self

    @model_validator(mode="after")
    def _euclidean_fits(self):
        if self.hyperbolic != "all" and (self.epsilons == "released" or not self.one_curvature or self.picture_edges):
            raise ValueError(
                f'hyperbolic: {self.hyperbolic} has a Euclidean decoder, which goes with the preset "paper" only; set '
                'hyperbolic to "all"'
            )
        return self

    @model_validator(mode="after")
    def _cones_fit(self):
        if self.cone_focus and self.preset == "released":
            raise ValueError('cone_focus goes with the preset "paper" only; set it to false')
        return self

    @model_validator(mode="after")
    def _videos_fit(self):
        if self.audio and not self.temporal:
            raise ValueError("an audio section needs a temporal one: audio belongs to a video")
        if self.temporal:
            widths = [self.head.neck_widths[tap] for tap in self.temporal.taps]
            if any(width % self.temporal.heads for width in widths):
                raise ValueError(f"neck widths {widths} must be multiples of temporal.heads, {self.temporal.heads}")
        return self
