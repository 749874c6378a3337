"""AdamW against the reference's optimizer and against its formula; the rates of the schedule."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.schedule import cosine
from tests.gold import compare, tensor

GOLDEN = Path(__file__).parents[1] / "goldens" / "optim.npz"


@pytest.fixture(params=["pynative", "graph"])
def either_mode(request):
    runtime.configure(mode=request.param)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture
def golden():
    return dict(np.load(GOLDEN, allow_pickle=False))


def parameter(name, values):
    return ms.Parameter(ms.Tensor(np.asarray(values, np.float32)), name=name)


def test_twelve_steps_equal_the_reference(either_mode, golden):
    p, q = parameter("p", tensor("L/p", (5, 7))), parameter("q", tensor("L/q", (4,)))
    optimizer = AdamW([([p, q], 5e-3, 1.0)])
    for k, rate in enumerate(golden["rates"][:12]):
        gradients = ms.Tensor(tensor(f"L/gp{k}", (5, 7))), ms.Tensor(tensor(f"L/gq{k}", (4,)))
        optimizer(gradients, optimizer.settings(k, float(rate)))
    compare("adamw/p", p.asnumpy(), golden["p"], 1e-6, 0)
    compare("adamw/q", q.asnumpy(), golden["q"], 1e-6, 0)
    moved = np.abs(golden["p"] - tensor("L/p", (5, 7)))
    assert moved.max() > 1e-3  # a thousand times the tolerance


def test_rates_equal_the_reference_on_and_beyond_the_half_period(golden):
    rates = [cosine(epoch, 10, 3e-4, 1e-5) for epoch in range(45)]
    compare("rates/", rates, golden["rates"], 0, 1e-6)


def test_decay_and_rate_factor_are_each_groups_own():
    values = np.float32([1.0, -2.0])
    names = ("plain", "decayed", "decayed_slowly")
    plain, decayed, slow = (parameter(name, values) for name in names)
    optimizer = AdamW([([plain], 0.0, 1.0), ([decayed], 0.1, 1.0), ([slow], 0.1, 0.5)])
    nothing = ms.Tensor(np.zeros(2, np.float32))
    optimizer((nothing, nothing, nothing), optimizer.settings(0, 0.2))
    np.testing.assert_array_equal(plain.asnumpy(), values)
    np.testing.assert_allclose(decayed.asnumpy(), values * (1 - 0.2 * 0.1), rtol=1e-6)
    np.testing.assert_allclose(slow.asnumpy(), values * (1 - 0.2 * 0.5 * 0.1), rtol=1e-6)


def test_the_first_step_is_the_rate_times_the_factor():
    fast, slow = parameter("fast", [1.0]), parameter("slow", [1.0])
    optimizer = AdamW([([fast], 0.0, 1.0), ([slow], 0.0, 0.25)])
    gradient = ms.Tensor(np.float32([3.0]))
    optimizer((gradient, gradient), optimizer.settings(0, 0.1))
    np.testing.assert_allclose([fast.asnumpy()[0], slow.asnumpy()[0]], [0.9, 0.975], rtol=1e-6)


def test_epsilon_counts_after_the_bias_correction():
    tiny = parameter("tiny", [0.0])
    optimizer = AdamW([([tiny], 0.0, 1.0)], eps=1e-8)
    optimizer((ms.Tensor(np.float32([1e-8])),), optimizer.settings(0, 1.0))
    np.testing.assert_allclose(tiny.asnumpy(), [-0.5], rtol=1e-4)


def test_cosine_rises_evenly_then_falls_from_start_to_end():
    rates = [cosine(step, 100, 1e-2, 1e-4, warmup=10) for step in range(101)]
    np.testing.assert_allclose(rates[:10], 1e-2 * np.arange(1, 11) / 10)
    assert rates[10] == pytest.approx(1e-2) and rates[100] == pytest.approx(1e-4)
    assert rates[55] == pytest.approx((1e-2 + 1e-4) / 2)
    assert all(later < earlier for earlier, later in zip(rates[10:], rates[11:], strict=False))


def test_a_run_shorter_than_its_warmup_only_rises():
    assert [cosine(step, 2, 1.0, 0.0, warmup=4) for step in range(3)] == [0.25, 0.5, 0.75]
