"""What the runs read: drawn data sets, images with gaze, and small stand-ins for the weights that are not bundled.

They are made once, by the present tree, and both trees read the same files.
"""

import os
import zlib
from pathlib import Path

import numpy as np

# raised when what `make` writes changes, so that nothing kept from before is compared with it
VERSION = 1
ENCODERS = ("dinov3_vits16", "wav2clip")  # whose weights `make` writes
MODEL = "aam_dinov3_vits16"
# The model's changes in every run: MODEL shrunken until it compiles in seconds.
SMALL = {
    "image_size": [32, 48],
    "encoder": {"width": 16, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "text": {"name": "minilm_l6", "width": 384},
    "audio": None,
    "temporal": None,
    "lora": {"rank": 2, "dropout": 0.1, "last_n_blocks": 2},
    "head": {
        "neck_widths": [8, 8, 8, 8], "start_width": 8, "start_groups": 8, "stage_widths": [8, 8, 8], "point_width": 8,
        "gaussians": 2,
    },
}  # fmt: skip


def make(place):
    """Writes sets/ (images, videos, videos with audio), gaze/ (gaze folders), photographs/ and weights/, the folder for
    $MINDAAM_CACHE."""
    from tests.training.corpus_root import make_corpus
    from tests.training.small import make_gaze

    place.mkdir(parents=True)
    make_corpus(place / "sets")
    (place / "gaze").mkdir()
    make_gaze(place / "gaze")
    _draw_photographs(place / "photographs")
    _write_encoders(place / "weights")


def _draw_photographs(place):
    import cv2

    place.mkdir()
    draw = np.random.default_rng(0)
    for name in "abcd":
        coarse = draw.integers(0, 256, (9, 12, 3), np.uint8)
        cv2.imwrite(str(place / f"{name}.png"), cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC))


def _write_encoders(place):
    """A shrunken vision encoder and an audio encoder as large as the published one, their values drawn by name."""
    from mindaam.encoders.tables import stored_parameters
    from mindaam.encoders.wav2clip import Wav2CLIP
    from mindaam.models.registry import build_model
    from mindaam.zoo.checkpoints import write_safetensors

    vision = build_model(MODEL, changes=SMALL).backbone
    (place / "encoders").mkdir(parents=True)
    for name, cell in zip(ENCODERS, (vision, Wav2CLIP()), strict=True):
        state = {
            path.replace(".base.", "."): _drawn(path, parameter)
            for path, parameter in stored_parameters(cell)
            if "lora" not in path
        }
        header = {"naming": "mindaam", "kind": name.partition("_")[0], "name": name}
        write_safetensors(place / "encoders" / f"{name}.safetensors", state, header)


def _drawn(path, parameter):
    """Normal values of about the size that trained ones have; variances are near 1."""
    values = np.random.default_rng(zlib.crc32(path.encode())).standard_normal(parameter.shape)
    if path.endswith(("gamma", "moving_variance")):
        return np.abs(1 + 0.1 * values).astype(np.float32)
    fan_in = np.prod(parameter.shape[1:]) if parameter.ndim > 1 else 100
    return (values * fan_in**-0.5).astype(np.float32)


def environment(place, tree):
    """The variables under which a process reads these data with the package of the folder `tree`."""
    return {**os.environ, "PYTHONPATH": str(tree), "MINDAAM_CACHE": str(Path(place) / "weights")}
