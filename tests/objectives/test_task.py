"""The task loss against the released code's values and gradients, in PyNative and as a graph."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.objectives import task
from tests.gold import check
from tests.metrics.reference import GOLDEN, SIZES, case, degenerate

LOSSES = {"kldiv": task.kld, "cc": task.cc, "similarity": task.similarity, "combined": task.task_loss}


@pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("index", range(len(SIZES)))
def test_values_and_gradients_are_the_released_ones(name, index, graph):
    prediction, truth, _ = case(index)
    value_and_gradient = ms.value_and_grad(LOSSES[name], 0)
    if graph:
        value_and_gradient = ms.jit(value_and_gradient)
    value, gradient = value_and_gradient(ms.Tensor(prediction), ms.Tensor(truth))
    check(GOLDEN, f"case{index}/{name}", value.asnumpy(), atol=1e-6, rtol=1e-6)
    check(GOLDEN, f"case{index}/{name}/ds", gradient.asnumpy(), atol=1e-9, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_maps_without_a_channel_axis_give_the_same(name):
    prediction, truth, _ = (ms.Tensor(array) for array in case(0))
    with_channel = LOSSES[name](prediction, truth)
    without = LOSSES[name](prediction.reshape(3, 48, 64), truth.reshape(3, 48, 64))
    assert float(with_channel) == pytest.approx(float(without), abs=1e-7)


@pytest.mark.parametrize("name", ["pred_zero", "gt_zero", "both_const", "pred_const"])
def test_degenerate_maps_stay_finite(name):
    prediction, truth = (ms.Tensor(array) for array in degenerate()[name])
    losses = (task.kld, task.cc, task.similarity)
    got = np.array([float(loss(prediction, truth)) for loss in losses])
    want = GOLDEN[f"degenerate/{name}"].copy()
    np.testing.assert_allclose(got[[0, 2]], want[[0, 2]], atol=1e-5, rtol=1e-5)
    # without variation there is only the correlation of rounding errors, for theirs up to 0.057
    assert abs(got[1]) <= 0.06
    for loss in losses:
        assert np.isfinite(ms.grad(loss, 0)(prediction, truth).asnumpy()).all()


def test_each_map_counts_the_same_whatever_its_mass():
    prediction, truth, _ = case(0)
    heavy = prediction * np.array([1.0, 50.0, 1e-3], np.float32).reshape(3, 1, 1, 1)
    want = float(task.task_loss(ms.Tensor(prediction), ms.Tensor(truth)))
    assert float(task.task_loss(ms.Tensor(heavy), ms.Tensor(truth))) == pytest.approx(want, abs=1e-5)
    per_map = task.kld_per_map(ms.Tensor(heavy), ms.Tensor(truth))
    assert per_map.shape == (3,)
    assert float(per_map.mean()) == pytest.approx(float(GOLDEN["case0/kldiv"]), abs=1e-5)


def test_a_perfect_prediction_costs_minus_two():
    truth = ms.Tensor(case(0)[1])
    assert float(task.task_loss(truth, truth)) == pytest.approx(-2, abs=1e-5)


def test_half_precision_maps_are_summed_in_float32():
    prediction, truth, _ = case(0)
    # 448 x 448 ones exceed float16's range when summed
    large = ms.Tensor(np.ones((1, 1, 448, 448), np.float16))
    assert float(task.similarity(large, large)) == pytest.approx(1, abs=1e-4)
    half = task.task_loss(ms.Tensor(prediction.astype(np.float16)), ms.Tensor(truth))
    assert half.dtype == ms.float32
    assert float(half) == pytest.approx(float(GOLDEN["case0/combined"]), abs=2e-3)


@pytest.mark.parametrize("shape", [(3, 1, 24, 32), (3, 64)])
def test_maps_of_different_shape_are_refused(shape):
    with pytest.raises(ValueError, match="one shape"):
        task.kld(ms.Tensor(np.ones(shape, np.float32)), ms.Tensor(np.ones((3, 1, 48, 64), np.float32)))
