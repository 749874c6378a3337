"""What the folder `made_at_c10de59` is, for the program that made it and for the tests that read it."""

import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mindaam import runtime
from mindaam.places import configs_dir

FOLDER = Path(__file__).with_name("made_at_c10de59")
CORPUS = configs_dir() / "train" / "corpus.yaml"
PHASES = FOLDER / "phases.yaml"  # a user's own configuration
PROMPT = "A viewer looks for something red."
TEXT_WIDTH = 6
SMALL = [
    "model_changes.encoder.width=16", "model_changes.encoder.depth=4", "model_changes.encoder.heads=2",
    "model_changes.encoder.taps=[0, 1, 2, 3]", f"model_changes.text.width={TEXT_WIDTH}",
    "model_changes.lora.rank=1", "model_changes.lora.last_n_blocks=2", "model_changes.head.neck_widths=[8, 8, 8, 8]",
    "model_changes.head.start_width=8", "model_changes.head.stage_widths=[8, 8, 8]",
    "model_changes.head.point_width=8", "model_changes.head.gaussians=2",
]  # fmt: skip
_SHORT = [
    "sampling.steps=2", "epochs=2", "checkpoint_every=1", "keep_last=1", "validation={pictures: 1, films: 1}",
]  # fmt: skip
# changes of each run to its configuration, which is CORPUS, tiny, or else PHASES; each is as it was left after three
# steps of four
RUNS = {
    "ema": [*SMALL, *_SHORT, "data_root=gaze", "ema.decay=0.9", "clip_norm=1.0"],
    "audio": [
        *SMALL, *_SHORT, "data_root=packs", "corpus={clips: 1}", "attack={p: 0.5, weight: 0.5}",
        "model_changes.audio={name: wav2clip, width: 2, attention_width: 8, heads: 2, dropout: 0.1}",
        "model_changes.temporal.taps=[3]",
    ],
    "phases": SMALL,
}  # fmt: skip
OFFSETS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # of the windows of audio about a frame, as the model's `sound.tokens`


def constant(waves):
    """Stands in for the audio encoder: embeddings [n,2] that do not hang on how audio is cut, which changed since."""
    return np.tile(np.float32([0.3, -0.2]), (len(waves), 1))


def audio_embeddings(frames):
    """What a video of so many frames sounds like to the run with audio, float32 [T,5,2]."""
    return np.random.default_rng(5).standard_normal((frames, len(OFFSETS), 2)).astype(np.float32)


class Texts:
    """Stands in for the sentence encoder: an embedding is normal numbers drawn by its text."""

    def encode(self, texts):
        draws = [np.random.default_rng(zlib.crc32(text.encode())).standard_normal(TEXT_WIDTH) for text in texts]
        return np.array(draws, np.float32).reshape(-1, TEXT_WIDTH)


@contextmanager
def stand_ins(backbone):
    """Inside it, the file `backbone` stands in for the bundled vision encoder, Texts for the sentence encoder, and
    operator by operator for compiling, which would take minutes and gives the same numbers to round-off."""
    configure = runtime.configure

    def without_graphs(device=None, mode="pynative", **options):
        configure(device, "pynative", **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "configure", without_graphs)
        patch.setattr("mindaam.zoo.ahead.verified", lambda name: backbone)
        patch.setattr("mindaam.zoo.ahead._begun", {})  # without what an earlier test began to read
        patch.setattr("mindaam.zoo.factory._sentence_encoder", lambda name: Texts())
        yield
