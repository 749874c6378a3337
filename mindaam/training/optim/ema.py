"""An exponential moving average of trained weights, moved in the graph of the training step."""

from contextlib import contextmanager

import mindspore as ms
import numpy as np
from mindspore import ParameterTuple, nn, ops


def decay_at(update, decay, warmup):
    """How much of the average the `update`-th update (from 0) keeps: (1 + update) / (warmup + update), up to `decay`.

    So an average that started from untrained weights forgets them soon. warmup 1 or less: always `decay`.
    """
    return min(decay, (1.0 + update) / max(warmup + update, 1.0))


class Ema(nn.Cell):
    """average <- average + (1 - d) (weight - average), for each of `parameters`, in float32.

    parameters: list of Parameter; their averages, named "ema." and their name, start as their values are now.
    decay: d in [0, 1), in the long run; warmup: as in `decay_at`.
    Use: `ema(ema.setting(update))` within the step's graph, behind the optimizer's update; `with ema.applied():` around
    a validation or the writing of a model. The number of updates done is the caller's to count and keep.
    """

    def __init__(self, parameters, decay=0.999, warmup=10):
        super().__init__(auto_prefix=False)
        self.parameters = ParameterTuple(parameters)
        self.averages = self.parameters.clone(prefix="ema", init="same")
        for average in self.averages:
            average.requires_grad = False
        self.decay, self.warmup = decay, warmup

    def setting(self, update):
        """What `construct` needs at `update` (from 0): the share 1 - d, a float32 Tensor []."""
        return ms.Tensor(np.float32(1.0 - decay_at(update, self.decay, self.warmup)))

    def construct(self, share):
        """Moves every average once towards its weight; returns True when all updates are part of the graph."""
        done = True
        for i in range(len(self.parameters)):
            average = self.averages[i]
            moved = average + share * (self.parameters[i] - average)
            done = ops.depend(done, ops.assign(average, moved))
        return done

    def state(self):
        """{name: Parameter} of the averages, for a checkpoint to write and to restore."""
        return {average.name: average for average in self.averages}

    @contextmanager
    def applied(self):
        """The weights are their averages inside the `with`, and bit for bit what they were after it, come what may."""
        kept = [parameter.asnumpy().copy() for parameter in self.parameters]
        try:
            _set(self.parameters, [average.asnumpy().copy() for average in self.averages])
            yield
        finally:
            _set(self.parameters, kept)


def _set(parameters, arrays):
    # in place: `set_data` moves a weight to other memory, for which the graphs that read it are compiled again
    for parameter, array in zip(parameters, arrays, strict=True):
        ops.assign(parameter, ms.Tensor(array, parameter.dtype))
