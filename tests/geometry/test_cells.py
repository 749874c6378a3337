"""Bounded scalars and the map to the hyperboloid, operator by operator and compiled."""

import math

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindaam import runtime
from mindaam.geometry import lorentz
from mindaam.geometry.cells import BoundedScalar, LorentzMap
from mindaam.geometry.lorentz import RELEASED


@pytest.fixture(params=["pynative", "graph"])
def mode(request):
    runtime.configure(mode=request.param)
    yield request.param
    runtime.configure(mode="pynative")


def gradients(cell, *inputs):
    """Value of sum(cell(inputs)) and its gradients by parameter name."""

    def total(*inputs):
        return cell(*inputs).sum()

    value, found = ms.value_and_grad(total, None, cell.trainable_params())(*inputs)
    return float(value), dict(zip([p.name for p in cell.trainable_params()], found, strict=True))


@pytest.mark.parametrize("initial, used", [(-5.0, -2.0), (0.5, 0.5), (7.0, 3.0)])
def test_bounded_scalar_clamps_but_lets_the_gradient_through(initial, used):
    scalar = BoundedScalar(initial, -2.0, 3.0).set_train()  # outside training Ascend clamps it alone
    value, found = gradients(scalar)
    assert value == pytest.approx(used, abs=1e-6) and float(found["value"]) == 1.0
    assert float(scalar.value) == initial
    scalar.project()
    assert float(scalar.value) == used


def test_bounded_scalar_may_be_open_on_one_side():
    scalar = BoundedScalar(-1e6, high=0.0)
    assert float(scalar()) == -1e6
    scalar.project()
    assert float(scalar.value) == -1e6


def test_a_scalar_outside_its_range_comes_back_by_training():
    scalar = BoundedScalar(0.2, high=0.0).set_train()
    step = nn.SGD(scalar.trainable_params(), learning_rate=0.5)
    _, found = gradients(scalar)
    step((found["value"],))
    assert float(scalar()) == pytest.approx(-0.3, abs=1e-6)


def test_map_scales_bounds_and_exponentiates(mode):
    v = np.random.default_rng(0).normal(size=(2, 16, 3, 3)).astype(np.float32)
    v[0, :, 0, 0] = 0.0
    v[1, :, 1, 1] *= 1e4
    cell = LorentzMap(math.log(0.25), curvature=2.0, norm_bound=8.0, axis=1, eps=RELEASED)
    scaled = 0.25 * v.astype(np.float64)
    length = np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
    scaled *= np.minimum(length, 8.0) / length
    radius = np.sqrt(2.0) * np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)
    expected = np.sinh(np.minimum(radius, lorentz.MAX_RADIUS)) / radius * scaled
    np.testing.assert_allclose(cell(Tensor(v)).asnumpy(), expected, rtol=1e-5)
    assert float(cell.curvature()) == pytest.approx(2.0, rel=1e-6)
    value, found = gradients(cell, Tensor(v))
    assert np.isfinite(value) and set(found) == {"alpha.value", "curv.value"}
    assert all(np.isfinite(float(g)) and float(g) != 0 for g in found.values())


def test_map_takes_the_callers_curvature_and_undoes_its_scale(mode):
    v = Tensor(np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32))
    cell, c = LorentzMap(-0.7), Tensor(0.5, ms.float32)
    assert [p.name for p in cell.trainable_params()] == ["alpha.value"]
    point = cell(v, c)
    np.testing.assert_allclose(point.asnumpy(), lorentz.exp0(v * math.exp(-0.7), c).asnumpy(), rtol=1e-5)
    back = cell.unscale(lorentz.log0(point, c))
    np.testing.assert_allclose(back.asnumpy(), v.asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("start, used", [(0.3, 0.3), (1e-3, 0.1 * 2), (1e3, 10.0 * 2)])
def test_curvature_stays_within_ten_times_its_initial_value(start, used):
    cell = LorentzMap(0.5, curvature=2.0)
    cell.curv.value.set_data(Tensor(math.log(start), ms.float32))
    assert float(cell.curvature()) == pytest.approx(used, rel=1e-5)
    cell.project()
    assert math.exp(float(cell.curv.value)) == pytest.approx(used, rel=1e-5)
    assert float(cell.alpha.value) == 0.0


def test_map_bounds_float16_vectors_in_float32():
    v = Tensor(np.full((2, 128), 1000.0, np.float16))
    point = LorentzMap(0.0, norm_bound=8.0)(v, Tensor(1.0, ms.float32))
    assert point.dtype == ms.float16
    np.testing.assert_allclose(np.linalg.norm(point.asnumpy().astype(np.float64), axis=-1), np.sinh(8.0), rtol=1e-3)
