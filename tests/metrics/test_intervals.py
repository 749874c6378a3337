"""Bootstrap intervals of means."""

import numpy as np
import pytest

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
