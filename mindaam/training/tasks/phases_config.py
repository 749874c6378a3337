"""What a training run does, as validated data; `configs/train/*.yaml` are its values."""

from pydantic import Field, model_validator

from mindaam.models.registry import model_config
from mindaam.schema import (
    Beta,
    Count,
    CountOrNone,
    Few,
    Fraction,
    Positive,
    Rate,
    RateOrNone,
    Schema,
    Seed,
    Weight,
    merge,
    override,
    read_yaml,
    validate,
)

# What `--tiny` lays over a configuration, each phase becoming one epoch long. Most of such a run is compilation.
TINY = {
    "model_changes": {
        "image_size": [56, 56],
        "head": {"neck_widths": [8, 8, 16, 16], "start_width": 16, "stage_widths": [16, 8, 8]},
        "lora": {"rank": 4},
    },
    "batch_size": 2,
    "checkpoint_every": 4,
    "validation_pictures": 2,
    "pictures": 8,
}


class PhaseConfig(Schema):
    """A stretch of training with one set of trained parameters and one cosine from `learning_rate` to `final_rate`.

    adapt: train the backbone's adapters beside the head; otherwise the whole backbone is frozen.
    rate_factor_lora: the adapters' rate relative to the head's. folders: pictures a condition an epoch where they
    differ from the run's. condition_weight: how much `objectives.condition_margin` counts, on batches of folders with
    several conditions.
    """

    name: str
    epochs: Few
    adapt: bool
    learning_rate: Rate
    final_rate: RateOrNone
    warmup_steps: CountOrNone
    rate_factor_lora: Positive = 1.0
    folders: dict[str, Count] = {}
    condition_weight: Weight = 0.0


class OptimizerConfig(Schema):
    """AdamW. Biases, norms, curvatures and scales (the head's parameters of one axis or none) are not decayed."""

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


class TrainConfig(Schema):
    """A whole run.

    folders: gaze folder -> pictures a condition an epoch (all of them when the split has fewer).
    scored_share: how often a sample gets the sentence that its condition is scored with, rather than a paraphrase.
    checkpoint_every: steps between two checkpoints within an epoch.
    validation_pictures, pictures: at most so many a folder, for smoke runs; null means all.
    """

    model: str
    preset: str = "paper"
    model_changes: dict = {}
    seed: Seed = 0
    data_root: str | None = None
    folders: dict[str, Count]
    batch_size: Few
    scored_share: Fraction = 0.5
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    optimizer: OptimizerConfig
    loss: LossConfig = LossConfig()
    checkpoint_every: Count = 100
    validation_pictures: Count | None = None
    pictures: Count | None = None

    @model_validator(mode="after")
    def _has_data(self):
        if not self.folders:
            raise ValueError("folders must name at least one gaze folder")
        strange = sorted({name for phase in self.phases for name in phase.folders} - set(self.folders))
        if strange:
            raise ValueError(f'a phase names the folder "{strange[0]}", which the run does not have')
        return self

    def counts(self, phase_index):
        """{folder: pictures a condition an epoch} of one phase."""
        return {**self.folders, **self.phases[phase_index].folders}


def load_train_config(path, assignments=(), *, tiny=False):
    """The TrainConfig in a YAML file with `key=value` assignments over it; `tiny` shrinks any of them to a smoke run.

    Raises ConfigError for a missing file, an unknown key (naming the nearest), a value that does not fit, or a model
    that cannot be.
    """
    data = read_yaml(path)
    if tiny:
        validate(TrainConfig, override(data, assignments), str(path))  # what follows relies on sound phases
        phases = [{**phase, "epochs": 1} for phase in override(data, assignments)["phases"]]
        data = merge(data, {**TINY, "phases": phases})
    config = validate(TrainConfig, override(data, assignments), str(path))
    model_config(config.model, config.preset, config.model_changes)
    return config
