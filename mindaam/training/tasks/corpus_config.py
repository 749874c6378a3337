"""What a run on pictures and films does, as validated data; `configs/train/corpus.yaml` and its variants are values."""

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
    validate,
)
from mindaam.training.config import TINY_MODEL, LossConfig, RunConfig, read_data
from mindaam.training.feeding.negative_samples import Attack
from mindaam.training.optim.groups import GroupsConfig
from mindaam.training.optim.schedule import ScheduleConfig

# What `--tiny` lays over a configuration, beside pictures of few patches. Most of such a run is compilation.
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


class EmaConfig(Schema):
    """An exponential moving average of what is trained, which is scored and kept in its place; see `ema.Ema`."""

    decay: Share = 0.999
    warmup: CountOrNone = 10


class Mix(Schema):
    """Old data beside one's own, so that nothing is forgotten. data_root: its folder, null for $MINDAAM_GAZE where that
    is set and there; sets: of it, null for all that are there; share: of the steps, which show it."""

    data_root: str | None = None
    sets: tuple[str, ...] | None = None
    share: Share = 0.5


class LossScale(Schema):
    """Of float16, whose small gradients are lost: the loss is multiplied by `start`, which is halved after a step whose
    gradients overflow (it is left out), and doubled after `every` steps in a row that do not."""

    start: Positive = 65536.0
    every: Count = 1000


class CorpusConfig(RunConfig):
    """A run on pictures and films together.

    seed: of initial values and dropout, and of all that is drawn (order, clips, prompts, the attack on audio) unless
    `sampling.seed` is a number. corpus: {set: weight}, a weight multiplies how often a set is drawn; null for all sets
    under data_root. unseen: sets that are never trained on, to be tested zero-shot; score_unseen: after each epoch,
    too, without a say in which model is the best. mix: old data beside. start: what to start from, a bundled model's
    name, or the path of a checkpoint or of a run, null for the encoder alone. granularity: of the sentences, G1 to G4,
    or none for no prompt. granularities: {set: one of these, or {trained, scored}} where a set differs. none_prompt:
    the sentence that `none` means, null for what it means to `start`, else the first of G1; what it came to is written
    down. warm_start: epochs in which only sets of free viewing are drawn, so that the anchor finds its place. answered:
    frames of a clip that are decoded and compared a step. part: pictures that go through the model at once, null for
    all of a rank's; a batch of more is summed up from several parts. precision: of the backbone, everything behind it
    is float32. recompute: the backbone's values are computed again on the way back, which takes a third more time and
    much less memory. shard_optimizer: each of several ranks keeps the moments of a part of the parameters, which saves
    memory and costs time. rescale_positions: R of an encoder with rotary positions, DINOv3, in training alone: in each
    step each block multiplies all coordinates by a factor of its own, log-uniform from 1/R to R; null for none.
    clip_norm: longest that all gradients together may be, null for any. attack: Negative Sample Attack, null for none.
    epochs, schedule, groups, betas, eps: of AdamW. keep_last, keep_best: checkpoints that are kept. validation:
    images and videos per dataset that are scored after each epoch.
    """

    TASK: ClassVar = "corpus"
    RANKS: ClassVar = True
    FREE: ClassVar = (*RunConfig.FREE, "shard_optimizer", "validation", "score_unseen")

    model: str
    start: str | None = None
    preset: str = "paper"
    model_changes: dict = {}
    data_root: str | None = None
    corpus: dict[str, Positive] | None
    unseen: tuple[str, ...] = ()
    score_unseen: bool = False
    mix: Mix | None = None
    ground_truth: GroundTruth = GroundTruth()
    granularity: Granularity = "G4"
    granularities: dict[str, Granularity | TwoGranularities] = {}
    none_prompt: str | None = Field(default=None, min_length=1)
    sampling: SamplingConfig = Field(default=SamplingConfig(), validate_default=True)
    warm_start: CountOrNone = 0
    answered: Few = 4
    part: Few | None = None
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
        return self

    @property
    def prompting(self):
        """The Prompting of its granularities."""
        return Prompting(self.granularity, self.granularities, self.none_prompt)

    def kinds_asked_for(self):
        """Of {"pictures", "films"} what the configuration says will be trained on, whatever the data turn out to be:
        by the sets that it names, or, where it takes all that are there, by a branch for films of its own."""
        if self.corpus is None:
            return {"films"} if self.model_changes.get("temporal") else set()
        known = [catalogue()[name].modality for name in self.corpus if name in catalogue()]
        return {"pictures" if each == "image" else "films" for each in known}

    def require_ranks(self, ranks, *, pictures=True, films=True):
        """ConfigError-worthy text when a step cannot be shared by so many ranks, else None; pictures, films: whether
        the corpus has any."""
        shared = [("batch_size", self.sampling.batch_size)] * pictures + [("clips", self.sampling.clips)] * films
        for key, value in shared:
            if value % ranks:
                cure = "make it a multiple of that" + (", or train on one rank (train_1p.sh)" if value == 1 else "")
                return f"sampling.{key}: {value} cannot be shared evenly by {ranks} ranks; {cure}"
        share = self.sampling.batch_size // ranks
        if pictures and self.part and share % min(self.part, share):
            return f"part: {share} pictures a rank are no multiple of {self.part}"
        return None


def load_corpus_config(path, assignments=(), *, tiny=False, begun=None, say=None):
    """The CorpusConfig in a YAML file with `key=value` assignments over it; `tiny` shrinks it to a smoke run.

    A tiny run starts from nothing, since the weights of `start` do not fit a tiny model, which is then of the kind that
    `start` is; say: called with a line that says so. begun: of a run that goes on, its `begun_config`. Under the same
    `seed`, where no `sampling.seed` is given, the run's own stays: it was 0 before it followed from `seed`.
    Raises ConfigError for a missing file, an unknown key (naming the nearest), model or preset, or a value that does
    not fit, and for a model that cannot be, where none is to start from.
    """
    data = read_data(CorpusConfig, path, assignments, TINY_RUN if tiny else {}, say)
    sound = validate(CorpusConfig, data, str(path))  # what follows relies on sound values
    model_config(sound.model, sound.preset)  # a name that is of no model is a slip, even where `start` brings its own
    given = (data.get("sampling") or {}).get("seed") if begun else None
    if begun and given is None and data.get("seed", 0) == begun["seed"]:
        data = merge(data, {"sampling": {"seed": begun["sampling"]["seed"]}})
    if tiny and data.get("start") is not None:
        data |= {**_kind_of(data["start"]), "start": None}
        if say:
            say("--tiny: the model is tiny and starts from nothing; the weights to start from are not loaded")
    if tiny and "model" in data:
        side = TINY_PATCHES * model_config(data["model"]).encoder.patch
        data = merge({"model_changes": {"image_size": [side, side]}}, data)
    config = validate(CorpusConfig, data, str(path))
    if config.start is None:
        model_config(config.model, config.preset, config.model_changes)
    return config


def _kind_of(start):
    """{"model", "preset"} of a checkpoint, as far as its header names them; CheckpointError for an unusable one."""
    from mindaam.zoo.model_files import checkpoint_file
    from mindaam.zoo.weights import checkpoint_config

    name, config = checkpoint_config(checkpoint_file(start))
    known = {"model": name, "preset": (config or {}).get("preset")}
    return {key: value for key, value in known.items() if value is not None}
