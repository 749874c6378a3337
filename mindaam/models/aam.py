"""The Attend to Anything Model: backbone and head joined, and its NumPy face. Wiring only; no mathematics here."""

import mindspore as ms
import numpy as np
from mindspore import nn

from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.lora import apply_lora, lora_parameters
from mindaam.errors import InputError, unknown
from mindaam.models.head import Attention, AttentionHead

BACKBONES = {"dinov2_vits14": DINOv2}


def build_backbone(config):
    """The vision encoder of a ModelConfig, frozen. Raises ConfigError for an unknown one."""
    encoder = config.encoder
    if encoder.name not in BACKBONES:
        raise unknown("encoder", encoder.name, BACKBONES)
    backbone = BACKBONES[encoder.name](
        image_size=config.image_size,
        patch=encoder.patch,
        width=encoder.width,
        depth=encoder.depth,
        heads=encoder.heads,
        taps=encoder.taps,
    )
    for parameter in backbone.get_parameters():
        parameter.requires_grad = False
    return backbone


class AAM(nn.Cell):
    """Pixels and a sentence that says who is looking and why -> a map of where people look.

    `backbone` is frozen but for its adapters; `head` is trained. `config` is the ModelConfig that it was built from.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config)
        if config.lora.last_n_blocks:
            apply_lora(
                self.backbone, config.lora.rank, config.lora.alpha, config.lora.dropout, config.lora.last_n_blocks
            )
        self.head = AttentionHead(config)
        self.update_parameters_name()

    def trained_parameters(self):
        """What training changes and a checkpoint holds: the head's parameters and the adapters'."""
        return list(self.head.get_parameters()) + lora_parameters(self.backbone)

    def grid(self, size):
        """Patches (h, w) of a picture of size (H, W)."""
        return size[0] // self.config.encoder.patch, size[1] // self.config.encoder.patch

    def construct(self, images, sentences):
        """Normalised pictures [B,3,H,W], sentence embeddings [B,E] -> map, image, text, anchor points, curvature."""
        size = images.shape[2:]
        return self.head(self.backbone(images), sentences, self.grid(size), size)

    def image_features(self, images):
        """Backbone features of normalised pictures, float32 NumPy [B,3,H,W]: four [B,N,D] arrays and the size (H, W).

        They serve any number of sentences. Raises InputError when the size is not a multiple of the patch.
        """
        images = np.ascontiguousarray(images, np.float32)
        patch = self.config.encoder.patch
        if images.ndim != 4 or images.shape[1] != 3 or any(side < patch or side % patch for side in images.shape[2:]):
            raise InputError(f"pictures must be [B,3,H,W] with H and W multiples of {patch}, got {list(images.shape)}")
        size = images.shape[2:]
        self.backbone.set_image_size(size)
        return tuple(tap.asnumpy() for tap in self.backbone(ms.Tensor(images))), size

    def infer_features(self, features, sentence_embeddings):
        """The head alone: `image_features` of B pictures and embeddings [B,E] or [1,E] -> Attention of NumPy arrays."""
        taps, size = features
        batch, width = taps[0].shape[0], self.config.text.width
        sentences = np.asarray(sentence_embeddings, np.float32)
        if sentences.ndim != 2 or sentences.shape[0] not in (1, batch) or sentences.shape[1] != width:
            raise InputError(
                f"sentence embeddings must be [1,{width}] or [{batch},{width}], got {list(sentences.shape)}"
            )
        sentences = np.ascontiguousarray(np.broadcast_to(sentences, (batch, width)))
        features = ms.mutable(tuple(ms.Tensor(tap) for tap in taps))  # a plain tuple would be compiled in as a constant
        outputs = self.head(features, ms.Tensor(sentences), self.grid(size), size)
        return Attention(*(output.asnumpy() for output in outputs))

    def infer(self, images, sentence_embeddings, audio_embeddings=None, *, clip=False):
        """Attention of pictures under sentences, in NumPy.

        images: normalised float32 [B,3,H,W], H and W multiples of the patch; sentence_embeddings: [B,E], or [1,E] for
        all of them; audio_embeddings [T,A] and clip=True (the frames are one film) need a model with a temporal and
        an audio branch. Returns Attention: map [B,1,H,W] in 0..1, image_point, text_point, anchor_point [B,128],
        curvature []. Raises InputError for other shapes, or for a branch that this model does not have.
        """
        if audio_embeddings is not None or clip:
            what = "sound" if audio_embeddings is not None else "films"
            raise InputError(f"the model {self.config.name} has no branch for {what}; give it single pictures")
        return self.infer_features(self.image_features(images), sentence_embeddings)
