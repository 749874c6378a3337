"""One step of training as one Cell: forward and backward pass, gradients averaged over ranks and clipped, update.

The same for all tasks; what differs is the objective, a Cell `objective(scale, *arrays)` that returns the loss times
`scale` [] and the step's terms [n], the loss without `scale` first. A step may come in several parts, whose gradients
are summed; ranks add theirs. Where kinds of steps move different parameters, each such group has an optimizer and a
count of steps of its own: a step in which a parameter has no part must not decay it or fade its optimizer state.
"""

from functools import partial

import mindspore as ms
from mindspore import nn, ops

from mindaam.geometry.cells import BoundedScalar
from mindaam.kernels.device import cpu_form
from mindaam.models.weights import begin_training

AT_ONCE = 32  # inputs of an operator

# Loops over hundreds of parameters are unrolled call in call and exceed MindSpore's depth; these are not.
_times = ops.MultitypeFuncGraph("times")
_square_sum = ops.MultitypeFuncGraph("square_sum")
_add_to = ops.MultitypeFuncGraph("add_to")
_empty = ops.MultitypeFuncGraph("empty")


@_times.register("Tensor", "Tensor")
def _times_one(factor, gradient):
    return gradient * factor


@_square_sum.register("Tensor")
def _square_sum_one(gradient):
    return ops.square(gradient).sum()


@_add_to.register("Tensor", "Tensor", "Tensor")
def _add_to_one(share, total, gradient):
    return ops.assign_add(total, gradient * share)


@_empty.register("Tensor", "Tensor")
def _empty_one(done, total):
    return ops.assign(total, ops.depend(ops.zeros_like(total), done))


def total(scalars):
    """The sum [] of a tuple of scalars, hundreds of them. Off a CPU no operator takes more than AT_ONCE: MindSpore's
    documentation of AddN gives no limit for Ascend, and none needs to be tried."""
    if cpu_form():
        return ops.addn(scalars)
    sums = ()
    for first in range(0, len(scalars), AT_ONCE):
        sums = sums + (ops.addn(scalars[first : first + AT_ONCE]),)
    return ops.addn(sums)


class TrainStep(nn.Cell):
    """terms, norm = step(settings, scale, last, *arrays): with the last of its parts, what takes part moves once.

    model: the Cell whose bounded scalars return to their ranges after each step; objective: as the module describes it;
    optimizers: list of n AdamW, all of whose parameters take part; parts: how many calls make a step; reduce: a Cell
    that averages gradients over ranks, or None; clip_norm: longest that all gradients together may be, or None;
    guarded: leave everything as it is when a gradient is not finite, as a loss scale needs.
    """

    def __init__(self, model, objective, optimizers, *, parts=1, reduce=None, clip_norm=None, guarded=False):
        super().__init__(auto_prefix=False)
        begin_training()
        self.objective = objective
        self.optimizers = nn.CellList(optimizers, auto_prefix=False)  # the parameters keep their names
        self.counts = [len(optimizer.parameters) for optimizer in optimizers]
        bounded = [cell for _, cell in model.cells_and_names() if isinstance(cell, BoundedScalar)]
        self.bounded, self.bounds = nn.CellList(bounded, auto_prefix=False), len(bounded)
        together = ms.ParameterTuple([p for optimizer in optimizers for p in optimizer.parameters])
        self.parts, self.clip_norm, self.guarded = parts, clip_norm, guarded
        self.reduce = reduce
        self.sums = together.clone(prefix="sum", init="zeros") if parts > 1 else ()
        self.map = ops.HyperMap()
        self.gradient = ms.value_and_grad(objective, None, together, has_aux=True)

    def construct(self, settings, scale, last, *arrays):
        """settings [n,3]: the optimizers', in their order, as one tensor: a tuple would be compiled in as a constant,
        again at every step. scale [] on the loss; last: whether this part is the step's last; arrays: as the objective
        takes them. Returns the terms of this part [n], and the length [] of all gradients together, 0 before the
        last."""
        (loss, terms), gradients = self.gradient(scale, *arrays)
        share, norm = 1.0 / (scale * self.parts), ops.zeros_like(loss)
        if self.parts == 1:
            return terms, self._update(self.map(partial(_times, share), gradients), settings)
        summed = self.map(partial(_add_to, share), self.sums, gradients)
        terms = ops.depend(terms, summed)
        if last:
            norm = self._update(summed, settings)
            norm = ops.depend(norm, self.map(partial(_empty, norm), self.sums))
        return terms, norm

    def _update(self, gradients, settings):
        if self.reduce is not None:
            gradients = self.reduce(gradients)
        norm = ops.sqrt(total(self.map(_square_sum, gradients)))
        if self.clip_norm is not None:
            factor = ops.minimum(self.clip_norm / (norm + 1e-6), ops.ones_like(norm))
            gradients = self.map(partial(_times, factor), gradients)
        if not self.guarded:
            return self._move(gradients, settings, norm)
        if ops.isfinite(norm):
            norm = self._move(gradients, settings, norm)
        return norm

    def _move(self, gradients, settings, norm):
        first = 0
        for i in range(len(self.counts)):
            mine = gradients[first : first + self.counts[i]]
            norm = ops.depend(norm, self.optimizers[i](mine, settings[i]))
            first = first + self.counts[i]
        for i in range(self.bounds):
            norm = ops.depend(norm, self.bounded[i].project())
        return norm
