"""The Euclidean decoder: no curvature affects it, and all that it trains has a finite gradient."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops

from mindaam.decoder.variant import PAPER
from mindaam.geometry import cells
from tests.decoder.small import CURVATURE, POINT_WIDTH, TEXT_WIDTH, normal, small_decoder, small_features

EUCLIDEAN = PAPER._replace(euclidean=True)
LORENTZ = tuple(each for name, each in vars(cells).items() if name.startswith("Lorentz"))


def inputs(curvature=CURVATURE):
    points = normal(2, 2, POINT_WIDTH, scale=0.4), normal(3, 2, POINT_WIDTH, scale=0.4)
    return small_features(2, 2, 3), normal(1, 2, TEXT_WIDTH), *points, curvature


def test_the_curvature_has_no_effect():
    first, other = (small_decoder(EUCLIDEAN)(*inputs(Tensor(each, ms.float32))).asnumpy() for each in (0.2, 7.0))
    np.testing.assert_array_equal(first, other)


def test_the_curvature_affects_the_hyperbolic_decoder():
    first, other = (small_decoder(PAPER)(*inputs(Tensor(each, ms.float32))).asnumpy() for each in (0.2, 7.0))
    assert np.abs(first - other).max() > 1e-4


def test_it_has_the_same_parameters():
    def shapes(variant):
        return {name: each.shape for name, each in small_decoder(variant).parameters_and_names()}

    assert shapes(EUCLIDEAN) == shapes(PAPER)


def test_it_contains_no_hyperbolic_function():
    found = [name for name, cell in small_decoder(EUCLIDEAN).cells_and_names() if isinstance(cell, LORENTZ)]
    assert not found


def test_prompt_and_points_affect_it():
    features, prompt, text, image, curvature = inputs()
    decoder = small_decoder(EUCLIDEAN)
    usual = decoder(features, prompt, text, image, curvature).asnumpy()
    for changed in ((-prompt, text, image), (prompt, -text, image), (prompt, text, -image)):
        assert np.abs(decoder(features, *changed, curvature).asnumpy() - usual).max() > 1e-5


def test_gradients_are_finite():
    decoder = small_decoder(EUCLIDEAN)
    weights = ms.ParameterTuple(decoder.trainable_params())
    gradients = ms.value_and_grad(lambda *given: ops.square(decoder(*given)).sum(), None, weights)(*inputs())[1]
    assert all(np.isfinite(each.asnumpy()).all() for each in gradients)
    moved = sum(bool(np.abs(each.asnumpy()).max() > 0) for each in gradients)
    assert moved > 0.9 * len(gradients)
