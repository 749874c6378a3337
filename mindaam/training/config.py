"""What every run's configuration has, and how a configuration is read."""

from typing import ClassVar

from pydantic import model_validator

from mindaam.errors import ConfigError
from mindaam.schema import (
    Beta,
    Count,
    CountOrNone,
    Positive,
    Schema,
    Seed,
    Share,
    Weight,
    merge,
    override,
    read_yaml,
    validate,
)

# What `--tiny` lays over `model_changes`
TINY_MODEL = {
    "head": {"neck_widths": [8, 8, 16, 16], "start_width": 16, "stage_widths": [16, 8, 8]},
    "lora": {"rank": 4},
}
# {task: {a key's earlier name: its name today}}, sections joined by dots; both are read
RENAMED = {
    "corpus": {"validation.pictures": "validation.images", "validation.films": "validation.videos"},
    "phases": {"pictures": "images", "validation_pictures": "validation_images"},
    "synthetic_videos": {"films": "videos", "calm": "change_weight"},
    "sounding_object": {
        "photographs": "images", "picture": "size", "with_sound": "with_audio",
        "model.sound_width": "model.audio_width",
    },
}  # fmt: skip


class OptimizerConfig(Schema):
    """AdamW. Biases, norms, curvatures and scales (parameters of one axis or none) are not decayed."""

    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: Weight


class LossConfig(Schema):
    """Weights of the terms of the total loss."""

    kld: Weight = 1.0
    cc: Weight = 1.0
    similarity: Weight = 1.0
    entailment: Weight = 1.0
    distance: Weight = 0.4

    def require_fit(self, model):
        """Raises ConfigError if a term counts that a model of this ModelConfig does not have."""
        if model.hyperbolic == "none" and (self.entailment or self.distance):
            raise ConfigError(
                "a model with hyperbolic: none has no points for the entailment and distance terms of the loss; set "
                "loss.entailment=0 and loss.distance=0"
            )


class EmaConfig(Schema):
    """An exponential moving average of the trained weights, scored and saved in their place; see `optim.ema`."""

    decay: Share = 0.999
    warmup: CountOrNone = 10


class RunConfig(Schema):
    """What the configurations of all tasks have.

    seed: of all that is drawn. checkpoint_every: steps between two checkpoints within an epoch; keep_last, keep_best:
    checkpoints that are kept, of the last and of those with the best scores. read_every: steps between two readings of
    losses, each of which waits for the device; null for 1 on a CPU and 20 elsewhere.
    """

    TASK: ClassVar = ""  # the task's name in checkpoints
    TINY: ClassVar = {}  # what `--tiny` lays over a configuration
    RANKS: ClassVar = False  # whether several ranks can share its steps
    # keys that a resume may change
    FREE: ClassVar = ("data_root", "checkpoint_every", "keep_last", "keep_best", "read_every")

    seed: Seed = 0
    checkpoint_every: Count = 100
    keep_last: Count = 3
    keep_best: CountOrNone = 1
    read_every: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_new_names(cls, data):
        return with_new_names(data, cls.TASK) if isinstance(data, dict) else data

    @classmethod
    def load(cls, path, assignments=(), *, tiny=False, begun=None, say=None):
        """The configuration in a YAML file with `key=value` assignments over it.

        tiny: shrink it to a smoke test; begun: `begun_config` of a resumed run; say: called with a line for each key
        under an earlier name, and for what `tiny` skips. Raises ConfigError for a missing file, an unknown key
        (naming the nearest), a value that does not fit, or a model that is not possible.
        """

        def assigned(data, say=None):
            for assignment in assignments:
                data = merge(data, with_new_names(override({}, [assignment]), cls.TASK, say))
            return data

        data = with_new_names(read_yaml(path), cls.TASK, say)
        if tiny:
            data = merge(data, cls.tiny_changes(assigned(data), str(path)))
        data = assigned(data, say)
        config = validate(cls, data, str(path))
        config = validate(cls, config.completed(data, tiny, begun, say), str(path))
        config.require_model()
        return config

    @classmethod
    def tiny_changes(cls, data, source):
        """What `--tiny` lays over the dictionary `data` in the file `source`."""
        return cls.TINY

    def completed(self, data, tiny, begun, say):
        """The dictionary `data`, which this configuration is made of, with what follows from other values."""
        return data

    def require_model(self):
        """Raises ConfigError for a model that is not possible."""

    def compared_with(self, theirs):
        """Itself as plain values, to be compared with those of a run's checkpoint, `theirs`."""
        return self.model_dump(mode="json")


def one_rank_only(path, ranks):
    """The ConfigError for a task that cannot be shared by several ranks, started on so many."""
    return ConfigError(f"{path} trains on one rank, and {ranks} were started; start it without msrun")


def with_new_names(data, task, say=None):
    """The dictionary `data` of a task's configuration, keys with earlier names under today's."""
    for old, new in RENAMED.get(task, {}).items():
        *sections, key = old.split(".")
        data = _renamed(data, sections, key, new.rpartition(".")[2], say)
    return data


def _renamed(data, sections, old, new, say):
    if sections:
        inner = data.get(sections[0])
        if not isinstance(inner, dict):
            return data
        return {**data, sections[0]: _renamed(inner, sections[1:], old, new, say)}
    if old not in data:
        return data
    if say:
        say(f'the key "{old}" is now called "{new}"; both are read')
    # with both, the earlier name is of a file whose base has today's
    rest = {key: value for key, value in data.items() if key != old}
    return merge(rest, {new: data[old]})
