"""What tasks of one epoch, one kind of step and one optimizer share: its rate rises, then falls along half a cosine."""

from mindaam.data.sampling.plan import SamplerState
from mindaam.schema import Count, CountOrNone, Rate, RateOrNone
from mindaam.training.config import OptimizerConfig, RunConfig
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.schedule import cosine
from mindaam.training.step import TrainStep
from mindaam.training.tasks.task import Part, Task


class OneEpochConfig(RunConfig):
    """steps: of the run; learning_rate: after `warmup_steps`; final_rate: at the end."""

    steps: Count
    learning_rate: Rate
    final_rate: RateOrNone
    warmup_steps: CountOrNone
    optimizer: OptimizerConfig


class OneEpochTask(Task):
    """name: of the optimizer and of the steps' kind; trained: the Cell whose trainable Parameters move. A task adds
    `batch(number)`, which draws a step (from 0): its arrays, the number of its frames, their names."""

    def __init__(self, config, name, trained, objective):
        self.config, self.total, self._name = config, config.steps, name
        parameters, settings = trained.trainable_params(), config.optimizer
        groups = [
            ([each for each in parameters if each.ndim > 1], settings.weight_decay, 1.0),
            ([each for each in parameters if each.ndim <= 1], 0.0, 1.0),
        ]
        self.optimizers = {name: AdamW(groups, settings.betas, settings.eps)}
        self._step = TrainStep(trained, objective, [self.optimizers[name]])

    def step(self, kind):
        """The one TrainStep."""
        return self._step, (self._name,)

    def parts(self, place):
        """One Part per step."""
        while place.epoch == 0:
            arrays, frames, names = self.batch(place.step)
            yield Part(place, self._name, 0, True, arrays, {}, frames, names)
            place = self.following(place)

    def following(self, place):
        """The next step's place."""
        return SamplerState(0, place.step + 1) if place.step + 1 < self.total else SamplerState(1, 0)

    def rate(self, number, place):
        """A warmup, then half a cosine."""
        config = self.config
        return cosine(number, config.steps, config.learning_rate, config.final_rate, config.warmup_steps)
