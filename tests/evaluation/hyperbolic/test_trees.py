"""Both reductions keep noisy trees of depth 5: HoroPCA the distances, CO-SNE the neighbors."""

import numpy as np
import pytest

from mindaam.evaluation.hyperbolic import hyperboloid
from mindaam.evaluation.hyperbolic.trees import noisy_tree, qualities


def test_a_tree_has_its_root_at_the_origin_and_grows_outwards():
    points = noisy_tree(0, depth=3, observations=4)
    depths = hyperboloid.depths(points).reshape(-1, 4).mean(1)
    assert len(points) == 4 * 15 and depths[0] < 0.5
    levels = [depths[2**level - 1 : 2 ** (level + 1) - 1].mean() for level in range(4)]
    assert (np.diff(levels) > 0.4).all()


def test_a_small_tree_is_kept():
    (correlation, _), (_, recall) = qualities(noisy_tree(0, depth=3)).values()
    assert correlation >= 0.9 and recall >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("branches", "observations"), [(2, 11), (3, 1)])
def test_a_noisy_tree_of_depth_5_is_kept(branches, observations, seed):
    points = noisy_tree(seed, branches=branches, observations=observations)
    assert len(points) <= 2000
    (correlation, _), (_, recall) = qualities(points, seed).values()
    assert correlation >= 0.9 and recall >= 0.8
