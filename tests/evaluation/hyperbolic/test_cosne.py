"""CO-SNE: its affinities and gradient are those of its loss."""

import numpy as np
import pytest

from mindaam.evaluation.hyperbolic import cosne, hyperboloid
from mindaam.evaluation.hyperbolic.trees import noisy_tree


def loss(flat, joint, radii, gamma):
    kernel = 1 / (1 + (hyperboloid.pairwise_distances(flat) / gamma) ** 2)
    np.fill_diagonal(kernel, 0)
    pairs = joint > 0
    divergence = (joint[pairs] * np.log(joint[pairs] / (kernel / kernel.sum())[pairs])).sum()
    return divergence + cosne.WEIGHT * np.mean(((hyperboloid.depths(flat) - radii) / gamma) ** 2)


def test_affinities_are_symmetric_and_have_the_perplexity():
    points = noisy_tree(0, depth=3, observations=2)
    joint = cosne.affinities(points)
    np.testing.assert_allclose(joint, joint.T)
    assert joint.sum() == pytest.approx(1) and np.diag(joint).max() == 0
    square = hyperboloid.pairwise_distances(points) ** 2
    np.fill_diagonal(square, np.inf)
    assert np.isfinite(cosne.entropy(square - square.min(1, keepdims=True), 1.0)).all()


def test_the_gradient_is_that_of_the_loss_along_each_direction():
    draw = np.random.default_rng(0)
    points, flat = noisy_tree(0, depth=2, observations=2), draw.standard_normal((14, 2))
    joint, radii = cosne.affinities(points), hyperboloid.depths(points)
    places = cosne.with_time(flat)
    slope = cosne.gradient(places, joint, radii, 0.8)
    for _ in range(5):
        step = 1e-5 * cosne.tangent(places, draw.standard_normal(places.shape))
        after, before = (cosne.moved(places, sign * step, 1.0)[:, 1:] for sign in (1, -1))
        found = 0.5 * (loss(after, joint, radii, 0.8) - loss(before, joint, radii, 0.8))
        assert found == pytest.approx(float(cosne.product(slope, step).sum()), rel=1e-4, abs=1e-9)


def test_the_unit_of_distances_does_not_matter():
    near = 1e-3 * np.random.default_rng(0).standard_normal((40, 6))
    first, second = (cosne.reduce(each, each[:, :2]) for each in (near, 0.1 * near))
    assert hyperboloid.neighbor_recall(near, first) > 0.4
    np.testing.assert_allclose(10 * second, first, rtol=0.05, atol=2e-4)


def test_recall_counts_the_neighbors_that_are_found_again():
    points = np.arange(6.0)[:, None] * np.array([[0.1, 0.0]])
    assert hyperboloid.neighbor_recall(points, points, 2) == 1
    moved = points.copy()
    moved[0] = 5.0
    assert hyperboloid.neighbor_recall(points, moved, 1) < 1
