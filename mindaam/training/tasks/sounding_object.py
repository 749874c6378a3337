"""The task `sounding_object`: does the fusion learn which of two objects sounds?

A small model is trained from scratch on generated clips (`data.synthetic.sounding_objects`), with Negative Sample
Attack or, with attack.p=0, without. It is scored on held-out scenes with their audio, another clip's, noise, and none.
"""

import json
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from mindaam.files import write_text
from mindaam.schema import Count, Few, Schema
from mindaam.training.feeding.negative_samples import Attack
from mindaam.training.feeding.sounding_objects import batch, clips_of, fingerprint
from mindaam.training.reporting.dry_run import outline
from mindaam.training.tasks.one_epoch import OneEpochConfig, OneEpochTask
from mindaam.training.tasks.sounding_model import FINER, STRIDE, SoundingModel, SoundingObjective
from mindaam.training.tasks.sounding_object_scores import gates_at, score, table

WIDEST = 4096  # of the small model
Side = Annotated[int, Field(ge=1, le=4096)]


# ---- configuration ---------------------------------------------------------------------------------------------------


class SoundingModelConfig(Schema):
    """The small model. width: of features and fusion; audio_width: of the audio's embeddings; heads: of the fusion's
    attention; tokens: windows of audio per frame, `spacing` seconds apart; reach: frames used before and after each."""

    width: int = Field(gt=0, le=WIDEST, multiple_of=2)
    audio_width: int = Field(gt=0, le=WIDEST)
    heads: int = Field(gt=0, le=WIDEST)
    tokens: int = Field(gt=0, le=99)
    spacing: float = Field(gt=0, le=10)
    reach: int = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _fits(self):
        if self.width % self.heads or self.tokens % 2 == 0:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}, tokens {self.tokens} odd")
        return self


class SoundingObjectConfig(OneEpochConfig):
    """A whole run.

    images: the folder that some objects are cropped from. clips: numbers of clips for training and held out, even: two
    per scene. frames, size: of each clip, and (H, W). with_audio, silent: clips per step; those with audio come in
    pairs that share a scene. gates_every: steps between two measurements of the gate on held-out clips.
    """

    TASK: ClassVar = "sounding_object"
    TINY: ClassVar = {
        "clips": {"train": 16, "held": 8},
        "frames": 6,
        "model": {"reach": 2},
        "steps": 6,
        "gates_every": 3,
    }

    images: str
    clips: dict[str, Few]
    frames: int = Field(ge=2, le=10_000)
    size: tuple[Side, Side]
    model: SoundingModelConfig
    with_audio: int = Field(ge=2, le=10_000, multiple_of=2)
    silent: int = Field(ge=1, le=10_000)
    attack: Attack = Attack()
    gates_every: Count = 50

    @model_validator(mode="after")
    def _fits(self):
        if set(self.clips) != {"train", "held"} or any(count < 4 or count % 2 for count in self.clips.values()):
            raise ValueError('clips must give the numbers of "train" and of "held", even, 4 or more each')
        if self.clips["train"] < self.with_audio + 2 * self.silent:
            raise ValueError(f"clips.train {self.clips['train']} has fewer scenes than a step takes")
        if min(self.size) < 8 * STRIDE or any(side % STRIDE for side in self.size):
            raise ValueError(f"size {self.size} must be multiples of {STRIDE}, {8 * STRIDE} or more")
        return self

    @property
    def map_size(self):
        """(h, w) of the maps."""
        return tuple(side * FINER // STRIDE for side in self.size)


CONFIG = SoundingObjectConfig


# ---- task ------------------------------------------------------------------------------------------------------------


def build(config):
    """The SoundingModel of a SoundingObjectConfig, at its initial values."""
    shape = config.model
    return SoundingModel(shape.width, shape.audio_width, shape.heads, shape.tokens, shape.reach)


def open_task(config, setup):
    """The SoundingObjectTask of a SoundingObjectConfig. Raises InputError for images that cannot be read."""
    train, held = clips_of(config, "train"), clips_of(config, "held")
    return SoundingObjectTask(config, build(config), train, held)


class SoundingObjectTask(OneEpochTask):
    """Steps of some clips with audio and some silent ones. train, held: clips as of `clips_of`."""

    terms = ("loss", "kld", "cc", "sim", "gate_attacked")
    logs = {"gates.csv": ("step", "true", "swapped", "noise")}

    def __init__(self, config, model, train, held):
        super().__init__(config, "model", model, SoundingObjective(model))
        self.model, self.train, self.held, self.fingerprint = model, train, held, fingerprint(config)

    def parameters(self):
        """All of the small model."""
        return self.model.trainable_params()

    def batch(self, number):
        """A step's clips."""
        arrays = batch(self.train, self.config, number)
        return arrays, arrays[0].shape[0] * arrays[0].shape[1], (f"the clips of step {number + 1}",)

    def after_step(self, number):
        """The gates on held-out clips, every `gates_every` steps."""
        if number % self.config.gates_every:
            return {}
        return {"gates.csv": {"step": number, **gates_at(self.model, self.config, self.held, number - 1)}}

    def finish(self, folder, best):
        """Writes scores.json; returns their table."""
        scores = score(self.model, self.config, self.held)
        write_text(folder / "scores.json", json.dumps(scores, indent=1))
        return table(scores)


def dry_run(config):
    """What such a run would do, as text; only the configuration is read."""
    return outline(build(config), config)
