"""The released model's structure with films and sound, shrunken until it answers in an instant; random weights."""

import functools

from mindaam.models.registry import build_model
from tests.decoder.small import stirred
from tests.models.tiny import TEXT_WIDTH

NAME = "aam_dinov3_vits16"
SIZE = (32, 48)
AUDIO_WIDTH = 12
CHANGES = {
    "image_size": SIZE,
    "encoder": {"width": 32, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "text": {"width": TEXT_WIDTH},
    "audio": {"width": AUDIO_WIDTH, "attention_width": 8, "heads": 2},
    "temporal": {"frames": 6, "heads": 4, "mlp_ratio": 2},
    "lora": {"rank": 2, "last_n_blocks": 4},
    "head": {
        "neck_widths": [8, 8, 16, 16],
        "start_width": 16,
        "start_groups": 8,
        "stage_widths": [16, 8, 8],
        "gaussians": 2,
    },
}


@functools.cache
def tiny_video_model(preset="released"):
    """An AAM in evaluation mode whose head is stirred; shared by the tests, which must not change its weights."""
    model = build_model(NAME, preset, changes=CHANGES)
    stirred(model.head)
    return model.set_train(False)
