"""The Euclidean Cells are the limit of the Lorentz Cells for small curvatures, and differentiable everywhere."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam.geometry import cells, euclidean

FLAT = Tensor(1e-6, ms.float32)
POINTS = [Tensor(np.random.default_rng(seed).normal(size=(4, 6)).astype(np.float32)) for seed in (0, 1)]
PAIRS = {
    "distance": (euclidean.EuclideanDistance, cells.LorentzDistance, 2),
    "pairs": (euclidean.EuclideanPairwiseDistance, cells.LorentzPairwiseDistance, 2),
    "depth": (euclidean.EuclideanDistanceToOrigin, cells.LorentzDistanceToOrigin, 1),
    "log0": (euclidean.EuclideanLog0, cells.LorentzLog0, 1),
    "aperture": (euclidean.RightAngle, cells.LorentzHalfAperture, 1),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_limit_of_small_curvatures(name):
    flat, curved, count = PAIRS[name]
    ours, limit = flat()(*POINTS[:count], FLAT), curved()(*POINTS[:count], FLAT)
    assert ours.shape == limit.shape
    np.testing.assert_allclose(ours.asnumpy(), limit.asnumpy(), rtol=2e-3, atol=2e-3)


def test_the_map_is_the_limit_too():
    ours, limit = euclidean.ScaledMap(-0.3), cells.LorentzMap(-0.3)
    np.testing.assert_allclose(ours(POINTS[0]).asnumpy(), limit(POINTS[0], FLAT).asnumpy(), rtol=1e-4)


@pytest.mark.parametrize("name", ["distance", "depth"])
def test_gradients_are_finite_where_points_coincide(name):
    flat, _, count = PAIRS[name]
    origin = [Tensor(np.zeros((2, 6), np.float32))] * count
    gradient = ms.grad(lambda x, *rest: flat()(x, *rest, FLAT).sum())(*origin)
    assert np.isfinite(gradient.asnumpy()).all()
