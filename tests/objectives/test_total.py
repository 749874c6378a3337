"""The whole loss: golden task and hyperbolic terms put together, their weights, and its compilation with gradients."""

import pathlib

import mindspore as ms
import numpy as np
import pytest

from mindaam.geometry.lorentz import PAPER, RELEASED
from mindaam.objectives import total
from tests.gold import compare
from tests.metrics.reference import GOLDEN, case

POINTS = np.load(pathlib.Path(__file__).parent / "goldens" / "points.npz", allow_pickle=False)


def inputs():
    prediction, truth, _ = case(0)
    arrays = (prediction, truth, POINTS["z_img"], POINTS["z_txt"], POINTS["z_anc"], POINTS["curvature"])
    return [ms.Tensor(array) for array in arrays]


def test_total_is_the_released_sum():
    want = GOLDEN["case0/combined"] + POINTS["entail"] + 0.4 * POINTS["contrast"]
    assert float(total.weighted(total.LossTerms(RELEASED)(*inputs()))) == pytest.approx(float(want), abs=1e-5)


def test_terms_are_the_released_ones():
    terms = total.LossTerms(RELEASED)(*inputs())
    want = [GOLDEN["case0/kldiv"], GOLDEN["case0/cc"], GOLDEN["case0/similarity"], POINTS["entail"], POINTS["contrast"]]
    compare("terms/", [float(term) for term in terms], want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", total.Weights._fields)
def test_each_weight_counts_its_own_term(name):
    terms = total.LossTerms()(*inputs())
    sign = -1 if name in ("cc", "similarity") else 1
    alone = total.Weights(0, 0, 0, 0, 0)._replace(**{name: 3.0})
    term = dict(zip(total.TERMS, terms, strict=True))[name]
    assert float(total.weighted(terms, alone)) == pytest.approx(3 * sign * float(term), abs=1e-6)


@pytest.mark.parametrize("eps", [PAPER, RELEASED], ids=["paper", "released"])
def test_gradients_compile_and_are_finite(eps):
    terms, (prediction, truth, image, text, anchor, curvature) = total.LossTerms(eps), inputs()

    def loss(prediction, image, text, anchor, curvature):
        return total.weighted(terms(prediction, truth, image, text, anchor, curvature))

    step = ms.value_and_grad(loss, (0, 1, 2, 3, 4))
    eager_value, eager = step(prediction, image, text, anchor, curvature)
    value, compiled = ms.jit(step)(prediction, image, text, anchor, curvature)
    assert float(value) == pytest.approx(float(eager_value), abs=1e-5)
    for ours, theirs in zip(compiled, eager, strict=True):
        assert np.isfinite(ours.asnumpy()).all()
        assert np.abs(ours.asnumpy()).max() > 0
        np.testing.assert_allclose(ours.asnumpy(), theirs.asnumpy(), atol=1e-5, rtol=1e-4)
