"""The configuration of the task `corpus`; `configs/train/corpus.yaml` and its variants are values of it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.prompts.prompting import Granularity, Prompting, TwoGranularities
from mindaam.data.sampling.strata import SamplingConfig
from mindaam.models.registry import model_config
from mindaam.schema import (
    Beta,
    Count,
    CountOrNone,
    Few,
    Fraction,
    Positive,
    Schema,
    Share,
    merge,
)
from mindaam.training.config import TINY_MODEL, EmaConfig, LossConfig, RunConfig
from mindaam.training.feeding.negative_samples import Attack
from mindaam.training.optim.groups import GroupsConfig
from mindaam.training.optim.schedule import ScheduleConfig

# What `--tiny` lays over a configuration, beside images of few patches. Most of such a run is compilation.
TINY_PATCHES = 4  # a side
TINY_RUN = {
    "model_changes": {
        "head": {**TINY_MODEL["head"], "start_groups": 8},
        "lora": TINY_MODEL["lora"],
        "temporal": {"taps": [2, 3], "frames": 16, "heads": 2, "mlp_ratio": 1, "clip": 4},
    },
    "sampling": {"batch_size": 2, "clip": 4, "steps": 5, "audio_visual_after": 0, "strides": [1, 2]},
    "answered": 2,
    "part": None,
    "epochs": 1,
    "validation": {"images": 2, "videos": 1},
}  # fmt: skip


class Mix(Schema):
    """Further datasets against forgetting. data_root: their folder, null for $MINDAAM_GAZE if it is set and exists;
    sets: of it, null for all; share: of the steps that show them."""

    data_root: str | None = None
    sets: tuple[str, ...] | None = None
    share: Share = 0.5


class LossScale(Schema):
    """For float16, in which small gradients vanish: the loss is multiplied by `start`, which is halved after a step
    whose gradients overflow (the step is skipped), and doubled after `every` steps in a row without overflow."""

    start: Positive = 65536.0
    every: Count = 1000


class CorpusConfig(RunConfig):
    """A run on images and videos of many datasets.

    start: what to start from, the name of a bundled model, or the path of a checkpoint or of a run; null for the
    pretrained encoder alone. corpus: {dataset: weight}, how often it is drawn; null for all under data_root. unseen:
    datasets that are never trained on, for zero-shot tests; score_unseen: score them after each epoch, too, without
    effect on which model is best. exclude: datasets under data_root that the run does not use at all (it may change
    when a run is resumed, if the data stay the same). mix: further datasets against forgetting. granularity: of the
    prompts, G1 to G4, or none for no prompt; granularities: {dataset: one of these, or {trained, scored}}; none_prompt:
    the prompt that `none` stands for, null for that of `start`, else the first of G1; the resolved one is stored. seed:
    of initial values, dropout and all that is drawn (order, clips, prompts, the attack on audio) unless `sampling.seed`
    is a number. warm_start: epochs with free viewing only, in which the anchor settles. answered: frames of a clip that
    are decoded and compared per step. part: images that go through the model at once, null for all of a rank's; a
    larger batch is accumulated from several parts. workers: processes of each rank that decode data (threads where all
    data are packs), 0 for none, null for one per core of the rank, at least 2 and at most 16. scored_share: how often a
    sample has the prompt that it is scored with rather than a paraphrase. epochs, schedule, groups, betas, eps: of
    AdamW; clip_norm: maximal norm of the gradient, null for none; attack: Negative Sample Attack, null for none; ema:
    null for none. precision: of the backbone, all else is float32; recompute: recompute the backbone in the backward
    pass, a third slower with much less memory; shard_optimizer: distribute the optimizer state over the ranks, slower
    with less memory. rescale_positions: R of an encoder with rotary positions (DINOv3), in training only: in each step
    each block multiplies all coordinates by a factor of its own, log-uniform from 1/R to R; null for none. validation:
    numbers of images and videos per dataset that are scored after each epoch."""

    TASK: ClassVar = "corpus"
    TINY: ClassVar = TINY_RUN
    RANKS: ClassVar = True
    FREE: ClassVar = (*RunConfig.FREE, "shard_optimizer", "validation", "score_unseen", "exclude", "workers")

    model: str
    start: str | None = None
    preset: str = "paper"
    model_changes: dict = {}
    data_root: str | None = None
    corpus: dict[str, Positive] | None
    unseen: tuple[str, ...] = ()
    score_unseen: bool = False
    exclude: tuple[str, ...] = ()
    mix: Mix | None = None
    ground_truth: GroundTruth = GroundTruth()
    granularity: Granularity = "G4"
    granularities: dict[str, Granularity | TwoGranularities] = {}
    none_prompt: str | None = Field(default=None, min_length=1)
    sampling: SamplingConfig = Field(default=SamplingConfig(), validate_default=True)
    warm_start: CountOrNone = 0
    answered: Few = 4
    part: Few | None = None
    workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    scored_share: Fraction = 0.5
    epochs: Few
    schedule: ScheduleConfig
    groups: GroupsConfig = GroupsConfig()
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Positive = 1e-8
    loss: LossConfig = LossConfig()
    attack: Attack | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    loss_scale: LossScale = LossScale()
    recompute: bool = False
    shard_optimizer: bool = False
    rescale_positions: Annotated[Positive, Field(gt=1)] | None = None
    clip_norm: Positive | None = None
    ema: EmaConfig | None = None
    validation: dict[Literal["images", "videos"], CountOrNone] = {"images": 40, "videos": 4}

    @field_validator("sampling")
    @classmethod
    def _with_the_runs_seed(cls, sampling, info):
        if sampling.seed is not None or "seed" not in info.data:  # not there: it was refused
            return sampling
        return sampling.model_copy(update={"seed": info.data["seed"]})

    @field_validator("validation")
    @classmethod
    def _of_both_kinds(cls, validation):
        return {**cls.model_fields["validation"].default, **validation}

    @model_validator(mode="after")
    def _fits(self):
        if self.part and self.sampling.batch_size % self.part:
            raise ValueError(f"sampling.batch_size {self.sampling.batch_size} must be a multiple of part {self.part}")
        both = sorted({*(self.corpus or ())} & {*self.exclude})
        if both:
            raise ValueError(f"corpus and exclude both name {both[0]}; remove it from one of them")
        return self

    @property
    def prompting(self):
        """The Prompting of its granularities."""
        return Prompting(self.granularity, self.granularities, self.none_prompt)

    def completed(self, data, tiny, begun, say):
        """With the seed of a resumed run's data, which was 0 before it followed from `seed`, if the `seed` is the same
        and `sampling.seed` is not given. A tiny run starts from random weights, since the weights of `start` do not fit
        a tiny model, which is then of the same architecture."""
        model_config(self.model, self.preset)  # refuses an unknown name, even if `start` has another
        given = (data.get("sampling") or {}).get("seed")
        if begun and given is None and self.seed == begun["seed"]:
            data = merge(data, {"sampling": {"seed": begun["sampling"]["seed"]}})
        if not tiny:
            return data
        if self.start is not None:
            data = {**data, **_architecture_of(self.start), "start": None}
            if say:
                say("--tiny: the model is tiny and randomly initialized; the weights of `start` are not loaded")
        side = TINY_PATCHES * model_config(data["model"]).encoder.multiple
        return merge({"model_changes": {"image_size": [side, side]}}, data)

    def require_model(self):
        """Raises ConfigError for a model that is not possible; what `start` brings is checked when it is opened."""
        if self.start is None:
            model_config(self.model, self.preset, self.model_changes)

    def expected_kinds(self):
        """The kinds among {"images", "videos"} that the configuration expects in the data, before they are read: those
        of the datasets in `corpus`, or, without, videos if it has temporal blocks of its own."""
        if self.corpus is None:
            return {"videos"} if self.model_changes.get("temporal") else set()
        known = [catalogue()[name].modality for name in self.corpus if name in catalogue()]
        return {"images" if each == "image" else "videos" for each in known}

    def problem_with_ranks(self, ranks, *, images=True, videos=True):
        """A sentence if a step cannot be shared by so many ranks, else None; images, videos: whether there are any."""
        shared = [("batch_size", self.sampling.batch_size)] * images + [("clips", self.sampling.clips)] * videos
        for key, value in shared:
            if value % ranks:
                cure = "make it a multiple of that" + (", or train on one rank (train_1p.sh)" if value == 1 else "")
                return f"sampling.{key}: {value} cannot be shared evenly by {ranks} ranks; {cure}"
        share = self.sampling.batch_size // ranks
        if images and self.part and share % min(self.part, share):
            return f"part: {share} images per rank are not a multiple of {self.part}"
        return None


def _architecture_of(start):
    """{"model", "preset"} of a checkpoint, as far as its header names them; CheckpointError for an unusable one."""
    from mindaam.zoo.model_files import checkpoint_file
    from mindaam.zoo.weights import checkpoint_config

    name, config = checkpoint_config(checkpoint_file(start))
    known = {"model": name, "preset": (config or {}).get("preset")}
    return {key: value for key, value in known.items() if value is not None}
