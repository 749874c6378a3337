"""The step's arithmetic on a model of one matrix: parts add up, an overflow leaves everything as it is."""

import math

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from mindaam.geometry.cells import BoundedScalar
from mindaam.training.optim.adamw import AdamW
from mindaam.training.step import TrainStep, total
from mindaam.training.tasks.corpus_objective import TERMS

START = np.arange(6, dtype=np.float32).reshape(2, 3)
pytestmark = pytest.mark.usefixtures("graph")


class Product(nn.Cell):
    """The sum of weight times x, whose gradient is x, beside scalars whose gradient is 0."""

    def __init__(self):
        super().__init__()
        self.weight = ms.Parameter(ms.Tensor(START), name="weight")
        self.above, self.below = BoundedScalar(0.7, high=0.1), BoundedScalar(-3.0, -1.3, math.inf)
        self.inside = BoundedScalar(0.3, 0.1, 0.5)

    def construct(self, scale, x):
        loss = (self.weight * x).sum()
        return loss * scale, ops.ones((len(TERMS),), ms.float32) * loss


def made(**options):
    model = Product()
    optimizer = AdamW([([model.weight], 0.0, 1.0)])
    return TrainStep(model, model, [optimizer], **options), optimizer


def scalars(cell):
    return [float(each.value.asnumpy()) for each in (cell.objective.above, cell.objective.below, cell.objective.inside)]


def step(cell, x, scale=1.0, last=True, number=0):
    settings = ms.Tensor(cell.optimizers[0].settings(number, 0.1).asnumpy()[None])
    _, norm = cell(settings, ms.Tensor(scale, ms.float32), last, ms.Tensor(x))
    return float(norm.asnumpy())


def state(optimizer):
    return [each.asnumpy().copy() for each in (*optimizer.parameters, *optimizer.first, *optimizer.second)]


def test_gradients_that_overflow_leave_weights_and_moments_as_they_are():
    cell, optimizer = made(guarded=True)
    assert np.isfinite(step(cell, np.ones((2, 3), np.float32)))
    before = state(optimizer)
    assert not np.array_equal(before[0], START)
    # the loss is finite (a weight times a large number), its gradient times the scale is not
    assert not np.isfinite(step(cell, np.full((2, 3), 1e30, np.float32), scale=65536.0 * 1e6, number=1))
    assert all(np.array_equal(now, then) for now, then in zip(state(optimizer), before, strict=True))
    assert np.isfinite(step(cell, np.ones((2, 3), np.float32), scale=65536.0, number=1))
    assert not np.array_equal(state(optimizer)[0], before[0])


def test_the_loss_scale_is_gone_from_the_gradients():
    x = np.random.default_rng(0).random((2, 3), np.float32)
    plain, scaled = made(), made(guarded=True)
    norms = step(plain[0], x), step(scaled[0], x, scale=1024.0)
    assert norms[0] == pytest.approx(np.linalg.norm(x), rel=1e-6) and norms[1] == pytest.approx(norms[0], rel=1e-6)
    for one, other in zip(state(plain[1]), state(scaled[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_two_parts_are_one_step_with_their_mean_and_the_sums_start_anew():
    first, second = np.random.default_rng(1).random((2, 2, 3), np.float32)
    whole, parted = made(), made(parts=2)
    for number in range(2):
        step(whole[0], (first + second) / 2, number=number)
        assert step(parted[0], first, last=False, number=number) == 0
        step(parted[0], second, number=number)
    for one, other in zip(state(whole[1]), state(parted[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_step_returns_bounded_scalars_to_their_ranges_and_one_that_is_skipped_does_not():
    inside = [float(np.float32(value)) for value in (0.1, -1.3, 0.3)]
    cell, _ = made(parts=2)
    before = scalars(cell)
    step(cell, np.ones((2, 3), np.float32), last=False)
    assert scalars(cell) == before
    step(cell, np.ones((2, 3), np.float32))
    assert scalars(cell) == inside
    cell, _ = made(guarded=True)
    step(cell, np.full((2, 3), np.inf, np.float32))
    assert scalars(cell) == before
    step(cell, np.ones((2, 3), np.float32), number=1)
    assert scalars(cell) == inside


def test_a_scalar_that_moves_is_returned_after_it_moved():
    model = Product()
    optimizer = AdamW([([model.weight, model.above.value], 0.0, 1.0)])
    cell = TrainStep(model, model, [optimizer])
    step(cell, np.ones((2, 3), np.float32))
    assert scalars(cell)[0] == float(np.float32(0.1))


@pytest.mark.parametrize("count", [1, 32, 33, 300])
def test_hundreds_of_scalars_are_added_a_few_at_a_time_off_a_cpu(count, monkeypatch):
    values = np.random.default_rng(0).random(count, np.float32)
    most, add = [], ops.addn

    def counted(scalars):
        most.append(len(scalars))
        return add(scalars)

    monkeypatch.setattr(ops, "addn", counted)
    for form, wanted in (("cpu", count), ("ascend", min(count, 32))):
        monkeypatch.setenv("MINDAAM_KERNELS", form)
        most.clear()
        found = total(tuple(ms.Tensor(value) for value in values))
        assert float(found.asnumpy()) == pytest.approx(values.sum(), rel=1e-6) and max(most) == wanted


def test_both_forms_take_the_same_step(monkeypatch):
    x, norms, states = np.random.default_rng(2).random((2, 3), np.float32), [], []
    for form in ("cpu", "ascend"):
        monkeypatch.setenv("MINDAAM_KERNELS", form)
        cell, optimizer = made(clip_norm=0.5)
        norms.append(step(cell, x))
        states.append(state(optimizer))
    assert norms[0] == pytest.approx(norms[1], rel=1e-6)
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
