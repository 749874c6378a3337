"""The average of the weights: its formula bit for bit, in the step's graph, and its being worn for an evaluation."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from mindaam import runtime
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.ema import Ema, decay_at

F = np.float32


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    runtime.configure(mode="graph", seed=0)
    yield
    runtime.configure(mode="pynative")


def parameters():
    rng = np.random.default_rng(0)
    shapes = {"matrix": (5, 7), "scalar": ()}
    return [ms.Parameter(ms.Tensor(F(rng.standard_normal(shape))), name=name) for name, shape in shapes.items()]


class Step(nn.Cell):
    """AdamW, then the average, as one graph."""

    def __init__(self, parameters, ema):
        super().__init__(auto_prefix=False)
        self.optimizer, self.ema = AdamW([(parameters, 5e-3, 1.0)]), ema

    def construct(self, gradients, settings, share):
        done = self.optimizer(gradients, settings)
        return ops.depend(share, self.ema(ops.depend(share, done)))


class Reader(nn.Cell):
    """The sum of all weights."""

    def __init__(self, parameters):
        super().__init__(auto_prefix=False)
        self.parameters = ms.ParameterTuple(parameters)

    def construct(self):
        return ops.sum(self.parameters[0]) + self.parameters[1]


def averaged(average, weight, decay):
    share = F(1 - decay)
    return F(average + F(share * F(weight - average)))


def test_in_one_graph_with_the_optimizer_it_follows_the_formula_bit_for_bit():
    weights = parameters()
    ema = Ema(weights, decay=0.9, warmup=10)
    step, expected = Step(weights, ema), [p.asnumpy().copy() for p in weights]
    rng = np.random.default_rng(1)
    for k in range(12):
        gradients = tuple(ms.Tensor(F(rng.standard_normal(p.shape))) for p in weights)
        step(gradients, step.optimizer.settings(k, 0.1), ema.setting(k))
        decay = min(0.9, (1 + k) / (10 + k))
        expected = [averaged(a, p.asnumpy(), decay) for a, p in zip(expected, weights, strict=True)]
        for average, wanted in zip(ema.averages, expected, strict=True):
            np.testing.assert_array_equal(average.asnumpy(), wanted)
    assert np.abs(expected[0] - weights[0].asnumpy()).max() > 0.05  # it lags behind


def test_the_decay_rises_to_its_value():
    assert [decay_at(k, 0.9, 10) for k in (0, 8, 80, 81, 10**6)] == [0.1, 0.5, 0.9, 0.9, 0.9]
    assert [decay_at(k, 0.99, warmup) for k in (0, 5) for warmup in (0, 1)] == [0.99] * 4


def test_applied_swaps_the_averages_in_and_the_weights_back_bit_for_bit():
    weights = parameters()
    ema = Ema(weights)
    for average in ema.averages:
        average.set_data(average + 1.0)
    before, averages = [p.asnumpy().copy() for p in weights], [a.asnumpy().copy() for a in ema.averages]
    reader = Reader(weights)
    outside = float(reader().asnumpy())
    with ema.applied():
        inside = float(reader().asnumpy())  # a graph compiled before sees them
        for parameter, average in zip(weights, averages, strict=True):
            np.testing.assert_array_equal(parameter.asnumpy(), average)
    assert inside == pytest.approx(outside + 36, rel=1e-5) and float(reader().asnumpy()) == outside
    for parameter, kept in zip(weights, before, strict=True):
        np.testing.assert_array_equal(parameter.asnumpy(), kept)
    for average, kept in zip(ema.averages, averages, strict=True):
        np.testing.assert_array_equal(average.asnumpy(), kept)


def test_a_failing_evaluation_gives_the_weights_back():
    weights = parameters()
    ema = Ema(weights)
    ema.averages[0].set_data(ema.averages[0] * 0.0)
    before = weights[0].asnumpy().copy()
    with pytest.raises(ZeroDivisionError), ema.applied():
        raise ZeroDivisionError
    np.testing.assert_array_equal(weights[0].asnumpy(), before)


def test_its_state_goes_into_a_checkpoint_and_comes_back():
    weights = parameters()
    ema = Ema(weights, decay=0.5, warmup=0)
    state = ema.state()
    assert list(state) == ["ema.matrix", "ema.scalar"] and not any(p.requires_grad for p in state.values())
    stored = {name: average.asnumpy() + F(2) for name, average in state.items()}
    fresh = Ema(weights, decay=0.5, warmup=0)
    for name, average in fresh.state().items():
        average.set_data(ms.Tensor(stored[name]))
    fresh(fresh.setting(0))
    expected = averaged(stored["ema.matrix"], weights[0].asnumpy(), 0.5)
    np.testing.assert_array_equal(fresh.averages[0].asnumpy(), expected)


def test_averages_start_as_the_weights_and_leave_them_alone():
    weights = parameters()
    before = [p.asnumpy().copy() for p in weights]
    ema = Ema(weights)
    ema(ema.setting(3))
    for parameter, average, kept in zip(weights, ema.averages, before, strict=True):
        np.testing.assert_array_equal(parameter.asnumpy(), kept)
        np.testing.assert_array_equal(average.asnumpy(), kept)
