"""The condition term: a hinge on how much better the right sentence's map fits."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam.objectives.condition import condition_margin
from mindaam.objectives.task import cc

RNG = np.random.default_rng(0)
TRUTH = Tensor(RNG.random((3, 1, 8, 9)).astype(np.float32))
OTHER = Tensor(RNG.random((3, 1, 8, 9)).astype(np.float32))


def test_a_perfect_map_against_an_unrelated_one_costs_nothing():
    assert float(condition_margin(TRUTH, OTHER, TRUTH)) == 0


def test_equal_maps_cost_the_margin():
    assert float(condition_margin(OTHER, OTHER, TRUTH, margin=0.3)) == pytest.approx(0.3, abs=1e-6)


def test_the_wrong_way_round_costs_the_difference_and_the_margin():
    expected = 0.1 + 1 - float(cc(OTHER, TRUTH))
    assert float(condition_margin(OTHER, TRUTH, TRUTH, margin=0.1)) == pytest.approx(expected, abs=1e-5)


def test_the_gradient_pulls_the_right_map_to_the_truth_and_pushes_the_other_away():
    step = ms.grad(lambda right, swapped: condition_margin(right, swapped, TRUTH), (0, 1))
    right, swapped = step(OTHER, OTHER.copy())  # a copy: MindSpore adds up the gradients of one and the same tensor
    assert float(cc(OTHER - 3.0 * right, TRUTH)) > float(cc(OTHER, TRUTH))
    assert float(cc(OTHER - 3.0 * swapped, TRUTH)) < float(cc(OTHER, TRUTH))
