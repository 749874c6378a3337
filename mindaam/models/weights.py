"""Noticing that the weights of a model changed, for whoever keeps what was computed with them."""

import numpy as np

from mindaam.kernels.device import on_cpu

SAMPLE = 8  # numbers of each weight: a step of training, or a swap of averages, changes them all
_training = False  # whether weights change in place in this process


def begin_training():
    """From now on weights change in place in this process."""
    global _training
    _training = True


class WeightWatch:
    """The weights of a model: watched for replacement and, by their first numbers, for changes in place; from another
    device than a CPU the trained ones alone are read for the latter, in a process that trains."""

    def __init__(self, weights, trained):
        self._weights, self._trained = tuple(weights), tuple(trained)
        self._places, self._samples = None, ()

    def state(self):
        """What differs once a weight was replaced, as by `set_data`, or a training step or an average changed them."""
        places = tuple(weight.data_ptr() for weight in self._weights)
        if places != self._places or not on_cpu():  # on a CPU an array shares the memory of its weight
            self._places, read = places, self._weights if on_cpu() else self._trained if _training else ()
            self._samples = [weight.asnumpy().reshape(-1)[:SAMPLE].astype(np.float32, copy=False) for weight in read]
        return places, np.concatenate(self._samples).tobytes() if self._samples else b""
