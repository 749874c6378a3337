"""Dropout whose masks follow from two numbers, so that a run resumed from a checkpoint draws what it would have
drawn: MindSpore's own draws from a stream that a checkpoint cannot contain.

A mask's entry is a hash of its row, its column, the layer's place and the step's two numbers: a few multiplications and
remainders, on every device alike. Entries behave as independent ones do, by their counts in rows, columns and
pairs of rows (tests/encoders/test_dropout.py).
"""

from weakref import WeakSet

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders.tables import add_table
from mindaam.kernels.broadcasting import spread

_moment = np.zeros(2, np.float32)  # what all masks of a step follow from, in [0, 1)
_layers = WeakSet()  # every Dropout: each has a table of its own, which a compiled graph reads


def set_dropout_step(*words):
    """Sets what masks follow from, from whole numbers such as the seed, the step and the rank."""
    _moment[:] = np.random.default_rng(words).random(2, np.float32)
    for layer in _layers:
        layer.moment.set_data(ms.Tensor(_moment))


class Dropout(nn.Cell):
    """x with entries set to 0 with probability p and the others divided by 1 - p, while training only.

    p: in [0, 1). place: a number of this layer's own, so that layers draw apart from each other.
    """

    def __init__(self, p, place=0):
        super().__init__()
        self.p, self.rows_from, self.columns_from = p, 0.317 * place, 0.731 * place
        object.__setattr__(self, "moment", add_table(self, "moment", _moment, beside=None))
        _layers.add(self)

    def construct(self, x):
        """[...,D] -> the same shape and type."""
        if not self.training or self.p == 0:
            return x
        flat = x.reshape((-1, x.shape[-1]))
        rows, columns = flat.shape
        first, second = ops.unstack(self.moment)
        i = ops.cast(ops.range(0, rows, 1), ms.float32).reshape((rows, 1))
        j = ops.cast(ops.range(0, columns, 1), ms.float32).reshape((1, columns))
        a, b = _rest(0.1031 * i + self.rows_from + first), _rest(0.1030 * j + self.columns_from + second)
        a, b = spread(a, flat.shape), spread(b, flat.shape)
        mixed = a * (b + 33.33) + b * (a + 33.33) + 33.33 * a
        kept = _rest((a + b + 2 * mixed) * (a + mixed)) >= self.p
        return (flat * (ops.cast(kept, x.dtype) / (1 - self.p))).reshape(x.shape)


def _rest(x):
    """What is left of x above the next whole number below."""
    return x - ops.floor(x)
