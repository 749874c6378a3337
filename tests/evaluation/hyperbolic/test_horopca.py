"""HoroPCA: the projection keeps horospheres, the gradient is that of the variance."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from mindaam.evaluation.hyperbolic import horopca, hyperboloid
from mindaam.evaluation.hyperbolic.trees import noisy_tree


@pytest.fixture
def points():
    return noisy_tree(0, depth=3, observations=2)


def plane(theta=0.7, n=10):
    axes = np.linalg.qr(np.random.default_rng(3).standard_normal((n, 2)))[0].T
    return horopca.Plane(axes, theta)


def busemann(points, directions):
    return np.log(hyperboloid.times(points)[:, None] - points @ directions.T)


@pytest.mark.parametrize("theta", [0.01, 0.7, 1.5])
def test_a_projection_keeps_the_horospheres_of_both_ideal_points(points, theta):
    flat = horopca.project(points, plane(theta))
    two = horopca.Plane(np.eye(2), theta).ideal_points()
    np.testing.assert_allclose(busemann(flat, two), busemann(points, plane(theta).ideal_points()), atol=1e-9)


def test_points_of_the_plane_on_the_origins_side_stay(points):
    flat = hyperboloid.depths(points)[:, None] * np.array([[-0.6, 0.2]])
    np.testing.assert_allclose(horopca.project(flat @ plane().axes, plane()), flat, atol=1e-9)
    assert np.abs(horopca.project(np.zeros((1, 10)), plane())).max() == 0


def test_distances_never_grow(points):
    before, after = (hyperboloid.pairwise_distances(each) for each in (points, horopca.project(points, plane())))
    assert (after <= before + 1e-9).all()


def test_the_gradient_is_that_of_the_variance(points):
    parameters = horopca._start(np.random.default_rng(1), np.eye(10)[:2], 0)
    _, *gradient = horopca.variance(points, horopca._plane(parameters, 10))
    found = np.concatenate([*horopca._through_axes(parameters, 10, *gradient[:2]), gradient[2:]])
    wanted = approx_fprime(parameters, lambda each: horopca.variance(points, horopca._plane(each, 10))[0], 1e-6)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_plane_has_more_variance_than_others_and_follows_from_the_seed(points):
    fitted = horopca.fit(points, seed=1)
    assert horopca.variance(points, fitted)[0] > horopca.variance(points, plane())[0]
    np.testing.assert_array_equal(fitted.axes, horopca.fit(points, seed=1).axes)
