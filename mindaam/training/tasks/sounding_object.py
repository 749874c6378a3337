"""The task `sounding_object`: does the fusion learn which of two objects sounds?

A small model is trained from scratch on generated clips (`data.synthetic.sounding_objects`), with Negative Sample
Attack or, with attack.p=0, without. It is scored on held-out scenes with their audio, another clip's, noise, and none.
"""

import json
from typing import Annotated, ClassVar

import mindspore as ms
from pydantic import Field, model_validator

from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import CheckpointError
from mindaam.files import write_text
from mindaam.schema import Count, CountOrNone, Few, Rate, RateOrNone, Schema, validate
from mindaam.training.config import OptimizerConfig, RunConfig, load_config
from mindaam.training.feeding.negative_samples import Attack
from mindaam.training.feeding.sounding_objects import batch, clips_of, fingerprint
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.groups import by_axes
from mindaam.training.optim.schedule import cosine
from mindaam.training.reporting.dry_run import outline
from mindaam.training.step import TrainStep
from mindaam.training.tasks.sounding_model import FINER, STRIDE, SoundingModel, SoundingObjective
from mindaam.training.tasks.sounding_object_scores import gates_at, score, table
from mindaam.training.tasks.task import Part, Task
from mindaam.zoo.checkpoints import read_all
from mindaam.zoo.model_files import checkpoint_of
from mindaam.zoo.run_checkpoints import table_in

CLIPS = "clips"  # the only kind of step
OPTIMIZER = "model"  # its name
WIDEST = 4096  # of the small model
Side = Annotated[int, Field(ge=1, le=4096)]
TINY = {"clips": {"train": 16, "held": 8}, "frames": 6, "model": {"reach": 2}, "steps": 6, "gates_every": 3}


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


class SoundingObjectConfig(RunConfig):
    """A whole run.

    images: the folder that some objects are cropped from. clips: numbers of clips for training and held out, even: two
    per scene. frames, size: of each clip, and (H, W). with_audio, silent: clips per step; those with audio come in
    pairs that share a scene. gates_every: steps between two measurements of the gate on held-out clips.
    """

    TASK: ClassVar = "sounding_object"

    images: str
    clips: dict[str, Few]
    frames: int = Field(ge=2, le=10_000)
    size: tuple[Side, Side]
    model: SoundingModelConfig
    with_audio: int = Field(ge=2, le=10_000, multiple_of=2)
    silent: int = Field(ge=1, le=10_000)
    attack: Attack = Attack()
    steps: Count
    learning_rate: Rate
    final_rate: RateOrNone
    warmup_steps: CountOrNone
    optimizer: OptimizerConfig
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


def load(path, assignments=(), *, tiny=False, begun=None, say=None):
    """The SoundingObjectConfig in a YAML file with `key=value` assignments over it; ConfigError for a wrong one."""
    return load_config(SoundingObjectConfig, path, assignments, TINY if tiny else None, say)


# ---- task ------------------------------------------------------------------------------------------------------------


def build(config):
    """The SoundingModel of a SoundingObjectConfig, at its initial values."""
    shape = config.model
    return SoundingModel(shape.width, shape.audio_width, shape.heads, shape.tokens, shape.reach)


def trained_model(run):
    """(SoundingObjectConfig, SoundingModel) of a run's folder. Raises CheckpointError for one of another task."""
    path = checkpoint_of(run)
    tensors, metadata = read_all(path)
    config = table_in(path, metadata.get("config"))
    if "clips" not in config:
        raise CheckpointError(f"{path} is not of the sounding-object experiment; give the folder of a run of it")
    config = validate(SoundingObjectConfig, config, str(path))
    model = build(config)
    for parameter in model.trainable_params():
        parameter.set_data(ms.Tensor(tensors[parameter.name]))
    return config, model


def open_task(config, setup):
    """The SoundingObjectTask of a SoundingObjectConfig. Raises InputError for images that cannot be read."""
    train, held = clips_of(config, "train"), clips_of(config, "held")
    return SoundingObjectTask(config, build(config), train, held)


class SoundingObjectTask(Task):
    """One epoch of `config.steps` steps, each on some clips with audio and some silent ones."""

    terms = ("loss", "kld", "cc", "sim", "gate_attacked")
    logs = {"gates.csv": ("step", "true", "swapped", "noise")}
    epochs = 1

    def __init__(self, config, model, train, held):
        self.config, self.model, self.train, self.held = config, model, train, held
        self.total, self.fingerprint = config.steps, fingerprint(config)
        groups = by_axes(model.trainable_params(), config.optimizer.weight_decay)
        optimizer = AdamW(groups, config.optimizer.betas, config.optimizer.eps)
        self.optimizers = {OPTIMIZER: optimizer}
        self._step = TrainStep(model, SoundingObjective(model), [optimizer])

    def parameters(self):
        """All of the small model."""
        return self.model.trainable_params()

    def step(self, kind):
        """The one TrainStep."""
        return self._step, (OPTIMIZER,)

    def parts(self, place):
        """A batch of clips per step."""
        while place.epoch < self.epochs:
            arrays = batch(self.train, self.config, place.step)
            frames = arrays[0].shape[0] * arrays[0].shape[1]
            yield Part(place, CLIPS, 0, True, arrays, {}, frames, (f"the clips of step {place.step + 1}",))
            place = self.following(place)

    def following(self, place):
        """The next step's place."""
        return SamplerState(0, place.step + 1) if place.step + 1 < self.total else SamplerState(1, 0)

    def rate(self, number, place):
        """A warmup, then half a cosine."""
        config = self.config
        return cosine(number, self.total, config.learning_rate, config.final_rate, config.warmup_steps)

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
