"""The model on SAM2's encoder with videos and audio, shrunken until it answers in an instant; random weights."""

import functools

from mindaam.models.registry import build_model
from tests.decoder.small import stirred
from tests.models import tiny_video

NAME = "aam_sam2_base_plus"
SIZE = (32, 64)
CHANGES = {
    **tiny_video.CHANGES,
    "image_size": SIZE,
    "encoder": {
        "width": 8,
        "depth": 6,
        "heads": 2,
        "taps": [0, 2, 4, 5],
        "stages": {
            "widths": [8, 16, 32, 64], "windows": [8, 4, 6, 3], "global_blocks": [4], "background": 5,
        },
    },
    "lora": {"rank": 2, "last_n_blocks": 6, "dropout": 0.0},
}  # fmt: skip


@functools.cache
def tiny_sam2_model(preset="paper"):
    """An AAM in evaluation mode whose head is stirred; shared by the tests, which must not change its weights."""
    model = build_model(NAME, preset, changes=CHANGES)
    stirred(model.head)
    return model.set_train(False)
