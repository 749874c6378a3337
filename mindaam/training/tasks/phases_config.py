"""The configuration of a run in phases, as validated data."""

from typing import ClassVar

from pydantic import Field, model_validator

from mindaam.errors import ConfigError
from mindaam.models.registry import model_config
from mindaam.schema import Count, CountOrNone, Few, Fraction, Positive, Rate, RateOrNone, Schema, Weight, validate
from mindaam.training.config import TINY_MODEL, EmaConfig, LossConfig, OptimizerConfig, RunConfig
from mindaam.zoo.checkpoints import read_metadata
from mindaam.zoo.model_files import checkpoint_file

# What `--tiny` lays over a configuration, each phase becoming one epoch long. Compilation is most of such a run's time.
TINY = {
    "model_changes": {"image_size": [56, 56], **TINY_MODEL},
    "batch_size": 2,
    "checkpoint_every": 4,
    "validation_images": 2,
    "images": 8,
}


class PhaseConfig(Schema):
    """A stretch of training with one set of trained parameters and one cosine from `learning_rate` to `final_rate`.

    adapt: train the backbone's adapters beside the head; otherwise the whole backbone is frozen.
    rate_factor_lora: the adapters' rate relative to the head's. folders: images per condition and epoch where they
    differ from the run's. condition_weight: how much `objectives.condition_margin` counts, on batches of folders with
    several conditions. search: images per epoch of each folder's search conditions, weakly supervised, which need a
    condition_weight; cone_weight: how much `objectives.cones.contrast` counts on their batches; order_weight: how much
    `objectives.cones.DepthOrder` counts in every step; film_dropout: share of the samples whose sentence embedding is
    replaced by that of the generic prompt everywhere but in their point, so that the point alone can carry the prompt.
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
    search: dict[str, Count] = {}
    cone_weight: Weight = 0.0
    order_weight: Weight = 0.0
    film_dropout: Fraction = 0.0


class PhasesConfig(RunConfig):
    """A whole run.

    folders: gaze folder -> images per condition and epoch (all of them when the split has fewer).
    scored_share: how often a sample gets the prompt that its condition is scored with, rather than a paraphrase.
    scored: the gaze folders whose val split is scored, null for those of `folders`; the best epoch is that of the
    folders that are both. validation_images, images: the most images per folder, for smoke tests; null means all.
    start: a model whose head and adapters the run begins with, a bundled model's name or the path of a checkpoint or of
    a run; parameters that it lacks have their initial values, its temporal blocks are left aside. ema: averages of the
    weights that are scored and saved in their place; null for none.
    """

    TASK: ClassVar = "phases"

    model: str
    start: str | None = None
    preset: str = "paper"
    model_changes: dict = {}
    data_root: str | None = None
    folders: dict[str, Count]
    scored: tuple[str, ...] | None = None
    batch_size: Few
    scored_share: Fraction = 0.5
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    optimizer: OptimizerConfig
    loss: LossConfig = LossConfig()
    ema: EmaConfig | None = None
    validation_images: Count | None = None
    images: Count | None = None

    @model_validator(mode="after")
    def _has_data(self):
        if not self.folders:
            raise ValueError("folders must name at least one gaze folder")
        named = {name for phase in self.phases for name in (*phase.folders, *phase.search)}
        strange = sorted(named - set(self.folders))
        if strange:
            raise ValueError(f'a phase names the folder "{strange[0]}", which the run does not have')
        if any(phase.search and not phase.condition_weight for phase in self.phases):
            raise ValueError("a phase with search conditions contrasts prompts; set its condition_weight above 0")
        return self

    def counts(self, phase_index):
        """{folder: images per condition and epoch} of one phase."""
        return {**self.folders, **self.phases[phase_index].folders}

    def phase_at(self, epoch):
        """(the phase, the epoch within it) of an epoch of the run, all from 0; (number of phases, 0) at its end."""
        for index, phase in enumerate(self.phases):
            if epoch < phase.epochs:
                return index, epoch
            epoch -= phase.epochs
        return len(self.phases), 0

    @classmethod
    def tiny_changes(cls, data, source):
        """With phases of one epoch."""
        phases = [{**phase.model_dump(), "epochs": 1} for phase in validate(cls, data, source).phases]
        return {**TINY, "phases": phases}

    def completed(self, data, tiny, begun, say):
        """Without `start` if `tiny`: its weights do not fit a tiny model."""
        if tiny and self.start is not None and say:
            say("--tiny: the model is tiny and randomly initialized; the weights of `start` are not loaded")
        return {**data, "start": None} if tiny else data

    def require_model(self):
        """Raises ConfigError for a model that is not possible or that a loss does not fit, CheckpointError for a start
        that cannot be read."""
        if self.start is not None:
            read_metadata(checkpoint_file(self.start))  # whether it fits is seen when it is loaded
        model = model_config(self.model, self.preset, self.model_changes)
        self.loss.require_fit(model)
        for phase in self.phases:
            if phase.cone_weight and not model.cone_focus:
                raise ConfigError(
                    f"cone_weight of the phase {phase.name} needs a model that compares positions with cones; set "
                    "model_changes.cone_focus=true, or cone_weight to 0"
                )
            if phase.order_weight and model.hyperbolic == "none":
                raise ConfigError(
                    f"order_weight of the phase {phase.name} orders depths in hyperbolic space; set it to 0 with "
                    "hyperbolic: none"
                )

    def compared_with(self, theirs):
        """As of every RunConfig, without the phases that were added at the end since."""
        ours = super().compared_with(theirs)
        return {**ours, "phases": ours["phases"][: len(theirs["phases"])]}
