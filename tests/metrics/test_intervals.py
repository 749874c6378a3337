"""Bootstrap intervals of means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.metrics.intervals import interval


def test_the_interval_covers_the_true_mean_as_often_as_it_states():
    random = np.random.default_rng(0)
    covered = sum(low <= 0.5 <= high for low, high in (interval(random.random(60)) for _ in range(200)))
    assert 0.9 < covered / 200 <= 0.99


def test_it_is_as_wide_as_the_normal_approximation_and_the_same_at_each_call():
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = interval(values)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert interval(values) == (low, high) != interval(values, seed=1)


def test_undefined_scores_are_skipped_and_too_few_have_no_interval():
    values = [0.1, 0.4, 0.2, 0.9]
    assert interval([*values, np.nan]) == interval(values)
    for few in ([], [0.5], [0.5, np.nan]):
        assert np.isnan(interval(few)).all()
    assert interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


@given(st.floats(0, 1), st.integers(2, 40))
def test_the_ends_are_in_order_for_equal_scores_too(value, count):
    low, high = interval([value] * count)
    assert value - 1e-12 <= low <= high <= value + 1e-12


def test_scores_of_one_image_are_resampled_together():
    values = np.random.default_rng(2).normal(3, 2, 100)
    four = np.repeat(values, 4)  # the same image under four conditions adds nothing
    assert interval(four, np.repeat(np.arange(100), 4)) == pytest.approx(interval(values), abs=1e-12)
    low, high = interval(values)
    apart = interval(four)
    assert apart[1] - apart[0] < 0.6 * (high - low)
    assert interval(values, [f"image {n}" for n in range(100)]) == interval(values)


def test_groups_of_different_sizes_weigh_by_their_scores_and_one_group_has_no_interval():
    low, high = interval([1.0, 1.0, 1.0, 5.0], ["a", "a", "a", "b"])
    assert (low, high) == (1, 5)
    assert np.isnan(interval([1.0, 2.0, np.nan], ["a", "a", "b"])).all()
    with pytest.raises(ValueError):
        interval([1.0, 2.0], ["a"])
