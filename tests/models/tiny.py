"""The bundled model's structure, shrunken until it answers in an instant; random weights."""

import functools

import numpy as np

from mindaam.models.registry import build_model
from tests.decoder.small import stirred

NAME = "aam_dinov2_vits14"
SIZE = (28, 42)
TEXT_WIDTH = 24
CHANGES = {
    "image_size": SIZE,
    "encoder": {"width": 32, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "text": {"width": TEXT_WIDTH},
    "lora": {"rank": 2, "last_n_blocks": 2},
    "head": {"neck_widths": [8, 8, 16, 16], "start_width": 16, "stage_widths": [16, 8, 8], "gaussians": 2},
}


@functools.cache
def tiny_model(preset="paper"):
    """An AAM in evaluation mode whose head is stirred; shared by the tests, which must not change its weights."""
    model = build_model(NAME, preset, changes=CHANGES)
    stirred(model.head)
    return model.set_train(False)


def images(batch=2, size=SIZE, seed=0):
    """Normalized images."""
    return np.random.default_rng(seed).standard_normal((batch, 3, *size)).astype(np.float32)


def prompts(rows=2, seed=1):
    """Sentence embeddings."""
    return np.random.default_rng(seed).standard_normal((rows, TEXT_WIDTH)).astype(np.float32)
