"""What every run's configuration has, and how a configuration is read."""

from typing import ClassVar

from mindaam.schema import Beta, Count, CountOrNone, Positive, Schema, Seed, Weight, validate


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


class RunConfig(Schema):
    """What the configurations of all tasks have.

    seed: of all that is drawn. checkpoint_every: steps between two checkpoints within an epoch; keep_last, keep_best:
    checkpoints that are kept, of the last and of those with the best scores.
    """

    TASK: ClassVar = ""  # the task's name in checkpoints
    FREE: ClassVar = ("data_root", "checkpoint_every", "keep_last", "keep_best")  # keys that a resume may change

    seed: Seed = 0
    checkpoint_every: Count = 100
    keep_last: Count = 3
    keep_best: CountOrNone = 1

    @classmethod
    def read(cls, data, source):
        """The configuration in a dictionary; ConfigError, which names `source`, where one is wrong."""
        return validate(cls, data, source)

    def compared_with(self, theirs):
        """Itself as plain values, to be compared with those of a run's checkpoint, `theirs`."""
        return self.model_dump(mode="json")
