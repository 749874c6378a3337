"""What a run on the corpus does, as validated data; `configs/train/corpus.yaml` is its values."""

from typing import Literal

from pydantic import Field, model_validator

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.strata import SamplingConfig
from mindaam.schema import Schema
from mindaam.training.config import LossConfig, OptimizerConfig


class CorpusConfig(Schema):
    """A run on pictures and films together.

    corpus: {set: weight}, a weight multiplies how often a set is drawn; null for all sets under data_root. unseen: sets
    that are never trained on, to be tested zero-shot. start: a bundled model or a .safetensors checkpoint to start
    from, null for the encoder alone. granularity: of the sentences, G1 to G4. answered: frames of a clip that are
    decoded and compared a step. scored_share: how often a step has the sentence that its set is scored with, rather
    than a paraphrase. validation: pictures and films a set that are scored after each epoch.
    """

    model: str
    start: str | None = None
    preset: str = "paper"
    model_changes: dict = {}
    seed: int = Field(default=0, ge=0)
    data_root: str | None = None
    corpus: dict[str, float] | None
    unseen: tuple[str, ...] = ()
    ground_truth: GroundTruth = GroundTruth()
    granularity: Literal["G1", "G2", "G3", "G4"] = "G4"
    sampling: SamplingConfig = SamplingConfig()
    answered: int = Field(default=4, ge=1)
    scored_share: float = Field(default=0.5, ge=0, le=1)
    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    final_rate: float = Field(ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    optimizer: OptimizerConfig
    loss: LossConfig = LossConfig()
    checkpoint_every: int = Field(default=100, gt=0)
    validation: dict[Literal["pictures", "films"], int] = {"pictures": 40, "films": 4}

    @model_validator(mode="after")
    def _one_clip(self):
        if self.sampling.clips != 1:
            raise ValueError("sampling.clips: a step on one device takes one clip; leave the key out")
        return self
