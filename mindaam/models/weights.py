"""Noticing that the weights of a model changed, for whoever keeps what was computed with them."""

import numpy as np

from mindaam.kernels.device import on_cpu

SAMPLE = 8  # numbers of each trained weight: a step of training, or a swap of averages, changes them all


class WeightWatch:
    """The weights of a model: all of them are watched for replacement, the trained ones for changes in place, too."""

    def __init__(self, weights, trained):
        self._weights, self._trained = tuple(weights), tuple(trained)
        self._places, self._samples = None, ()

    def state(self):
        """What differs once a weight was replaced, as by `set_data`, or a training step or an average changed them."""
        places = tuple(weight.data_ptr() for weight in self._weights)
        if places != self._places or not on_cpu():  # on a CPU an array shares the memory of its weight
            self._places = places
            self._samples = [weight.asnumpy().reshape(-1)[:SAMPLE] for weight in self._trained]
        return places, np.concatenate(self._samples).tobytes()
