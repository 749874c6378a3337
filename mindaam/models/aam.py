"""The Attend to Anything Model: backbone and head joined, and its NumPy face. Wiring only; no mathematics here."""

import numpy as np
from mindspore import nn

from mindaam.encoders import dinov2, dinov3, sam2
from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.dinov3 import DINOv3
from mindaam.encoders.lora import apply_lora, lora_parameters
from mindaam.encoders.sam2 import SAM2
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, InputError, unknown
from mindaam.kernels.device import cpu_form
from mindaam.models.features import tapped_features
from mindaam.models.head import Attention, AttentionHead
from mindaam.models.one_graph import Whole
from mindaam.models.staged_features import staged_features
from mindaam.models.video import VideoHead
from mindaam.models.weights import WeightWatch
from mindaam.turns import turn

BACKBONES = {
    "dinov2_vits14": DINOv2,
    "dinov3_vits16": DINOv3,
    "dinov3_vitb16": DINOv3,
    "dinov3_vitl16": DINOv3,
    "sam2_base_plus": SAM2,
    "sam2_large": SAM2,
}
# The sizes of the weights that each has; a model for tests may be smaller.
PUBLISHED = {
    name: {
        key: {**dinov2.VARIANTS, **dinov3.VARIANTS, **sam2.VARIANTS}[name][key] for key in ("width", "depth", "heads")
    }
    for name in BACKBONES
}


def build_backbone(config):
    """The vision encoder of a ModelConfig, frozen. Raises ConfigError for an unknown one, or sizes it cannot have."""
    encoder = config.encoder
    if encoder.name not in BACKBONES:
        raise unknown("encoder", encoder.name, BACKBONES)
    for key, most in PUBLISHED[encoder.name].items():
        if getattr(encoder, key) > most:  # before it is allocated: no weights will fit it
            raise ConfigError(
                f'model "{config.name}": encoder.{key} is {getattr(encoder, key)}, and {encoder.name} has {most}; set '
                "it to that, or name another encoder"
            )
    stages = encoder.stages.model_dump(exclude={"widths", "strides"}) if encoder.stages else {}
    if bool(stages) != (BACKBONES[encoder.name] is SAM2):
        raise ConfigError(
            f'model "{config.name}": encoder.stages belongs to the encoders of SAM2, which need it, and {encoder.name} '
            f"is {'none' if stages else 'one'}; {'remove' if stages else 'add'} it"
        )
    try:
        backbone = BACKBONES[encoder.name](
            image_size=config.image_size,
            patch=encoder.patch,
            width=encoder.width,
            depth=encoder.depth,
            heads=encoder.heads,
            taps=encoder.taps,
            **stages,
        )
    except ValueError as error:
        raise ConfigError(f'model "{config.name}": its encoder cannot be built: {error}') from error
    for parameter in backbone.get_parameters():
        parameter.requires_grad = False
    return backbone


class AAM(nn.Cell):
    """Pixels, or a video and its audio, and a prompt with the viewer and the task -> a map of where people look.

    `backbone` is frozen but for its adapters; `head` is trained. `config` is the ModelConfig that it was built from.
    compiles: `infer` and its parts compile what they run, whatever MindSpore's mode is; if False, they follow it.
    """

    def __init__(self, config):
        super().__init__()
        self.config, self.compiles = config, True
        self.backbone = build_backbone(config)
        if config.lora.last_n_blocks:
            apply_lora(
                self.backbone, config.lora.rank, config.lora.alpha, config.lora.dropout, config.lora.last_n_blocks
            )
        self.head = AttentionHead(config)
        self.update_parameters_name()
        self.weights = WeightWatch(self.get_parameters(), self.trained_parameters())
        self.video, self.whole = VideoHead(self), Whole(self)

    def trained_parameters(self) -> list:
        """What training changes and a checkpoint holds: the head's parameters and the adapters'."""
        return [parameter for _, parameter in stored_parameters(self.head)] + lora_parameters(self.backbone)

    def grid(self, size):
        """Patches (h, w) of an image of size (H, W)."""
        return size[0] // self.config.encoder.patch, size[1] // self.config.encoder.patch

    def construct(self, images, prompts, audio=None, clip=False):
        """Normalized images [B,3,H,W], sentence embeddings [B,E] -> map, image, text, anchor points, curvature.

        clip: the images are the frames of one video; audio: embeddings of their audio, as `infer` takes them.
        """
        size = images.shape[2:]
        return self.head(self.backbone(images), prompts, self.grid(size), size, audio, clip)

    @turn()
    def image_features(self, images: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[int, int]]:
        """Backbone features of normalized images, float32 NumPy [B,3,H,W]: four [B,N,D] arrays and the size (H, W).

        They are used for any number of prompts. Raises InputError for a size that the encoder does not take.
        """
        images = self._images(images)
        size = images.shape[2:]
        self.backbone.set_image_size(size)
        of_one = staged_features if isinstance(self.backbone, SAM2) else tapped_features
        each = [of_one(self.backbone, image[None], self.compiles) for image in images]
        return tuple(np.concatenate(taps) for taps in zip(*each, strict=True)), size

    @turn()
    def infer_features(
        self,
        features: tuple[tuple[np.ndarray, ...], tuple[int, int]],
        sentence_embeddings: np.ndarray,
        audio_embeddings: np.ndarray | None = None,
        *,
        clip: bool = False,
    ) -> Attention:
        """The head alone: `image_features` of B images and embeddings [B,E] or [1,E] -> Attention of NumPy arrays.

        audio_embeddings and clip as in `infer`.
        """
        taps, size = features
        batch = taps[0].shape[0]
        prompts = self._prompts(sentence_embeddings, batch)
        audio = self._audio(audio_embeddings, batch, clip)
        if clip:
            maps, gate = self.video.along(self.video.maps(features), audio)
            return Attention(*self.video.decode(maps, prompts, size), gate)
        return self.infer_prepared(self.prepare(features), prompts)

    def prepare(self, features):
        """What the head computes from `image_features` of single images before any prompt: for `infer_prepared`."""
        return self.video.prepare(features), features[1]

    @turn()
    def infer_prepared(self, prepared, sentence_embeddings):
        """The prompt's part of the head: what `prepare` returns, embeddings [B,E] or [1,E] -> Attention."""
        parts, size = prepared
        conditions = self.video.condition(self._prompts(sentence_embeddings, parts[0].shape[0]), size)
        return Attention(*self.video.answer(parts, conditions, size))

    @turn()
    def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first=0, clip=True):
        """Attention of the frames of one video from the `first` on, given the maps of all.

        maps: `video.maps` of the frames in order, [T,sum of C_i,h,w]; sentence_embedding: [1,E]; size (H, W);
        audio_embeddings: of all frames; clip: the frames affect one another. Errors as in `infer`.
        """
        prompts = self._prompts(sentence_embedding, len(maps))
        audio = self._audio(audio_embeddings, len(maps), clip)
        maps, gate = self.video.along(maps, audio) if clip else (maps, None)
        return Attention(
            *self.video.decode(maps[first:], prompts[first:], size), None if gate is None else gate[first:]
        )

    @turn()
    def infer(
        self,
        images: np.ndarray,
        sentence_embeddings: np.ndarray,
        audio_embeddings: np.ndarray | None = None,
        *,
        clip: bool = False,
    ) -> Attention:
        """Attention for images under prompts, in NumPy.

        images: normalized float32 [B,3,H,W], H and W multiples of `encoder.multiple`; sentence_embeddings: [B,E], or
        [1,E] for all of them. clip: the images are the frames of one video, in order, and affect one another; then
        audio_embeddings may give each frame's audio, [B,K,A] for the `sound.tokens` K windows of a frame, or [B,A]
        where `sound.fusion` is "released". Returns Attention: map [B,1,H,W] in 0..1, image_point, text_point,
        anchor_point [B,128], curvature [], gate [B] or None. In the Ascend form it is one graph, whatever MindSpore's
        mode is if `compiles`. Raises InputError for other shapes, for audio without a video, and for a branch that this
        model does not have.
        """
        images = self._images(images)
        prompts = self._prompts(sentence_embeddings, len(images))  # refused before the backbone runs
        audio = self._audio(audio_embeddings, len(images), clip)
        if not cpu_form():
            return Attention(*self.whole.infer(images, prompts, audio, clip))
        features = self.image_features(images)
        return self.infer_features(features, sentence_embeddings, audio_embeddings, clip=clip)

    def _images(self, images):
        """Images as float32 [B,3,H,W]; InputError for another shape, or sides that the encoder does not take."""
        images, unit = np.ascontiguousarray(images, np.float32), self.config.encoder.multiple
        if images.ndim != 4 or images.shape[1] != 3 or any(side < unit or side % unit for side in images.shape[2:]):
            raise InputError(f"images must be [B,3,H,W] with H and W multiples of {unit}, got {list(images.shape)}")
        return images

    def _prompts(self, embeddings, batch):
        """Sentence embeddings as float32 [batch,E]; InputError unless they are [1,E] or [batch,E]."""
        embeddings, width = np.asarray(embeddings, np.float32), self.config.text.width
        if embeddings.ndim != 2 or embeddings.shape[0] not in (1, batch) or embeddings.shape[1] != width:
            raise InputError(
                f"sentence embeddings must be [1,{width}] or [{batch},{width}], got {list(embeddings.shape)}"
            )
        return np.ascontiguousarray(np.broadcast_to(embeddings, (batch, width)))

    def _audio(self, embeddings, batch, clip):
        """Audio embeddings as float32, or None; InputError when this model takes neither them nor videos."""
        config = self.config
        for wanted, branch, what in (
            (embeddings is not None, config.audio, "audio"),
            (clip, config.temporal, "videos"),
        ):
            if wanted and branch is None:
                raise InputError(f"the model {config.name} has no branch for {what}; give it single images")
        if embeddings is None:
            return None
        if not clip:
            raise InputError("audio belongs to the frames of one video; set clip=True, or remove the audio")
        embeddings = np.asarray(embeddings, np.float32)
        windows = () if config.sound.fusion == "released" else (config.sound.tokens,)
        wanted = (batch, *windows, config.audio.width)
        if embeddings.shape != wanted:
            shape = ",".join(map(str, wanted))
            raise InputError(f"audio embeddings must be [{shape}], frame by frame, got {list(embeddings.shape)}")
        return np.ascontiguousarray(embeddings)
