"""Differences over the same images, and the spread over prompts, against what NumPy computes of the same numbers."""

import math

import numpy as np
import pytest

from mindaam.evaluation.studies.paired import difference, mean_of, pooled, scores, spread
from mindaam.metrics.intervals import percentiles


def rows(values, role="right", condition="free_viewing", **more):
    """Rows of one role with the CC of images a, b, ..."""
    names = map(chr, range(97, 97 + len(values)))
    return [
        {"name": name, "condition": condition, "role": role, "CC": value, **more}
        for name, value in zip(names, values, strict=True)
    ]


def test_scores_are_those_of_a_role_without_nan():
    both = rows([0.1, math.nan, 0.3]) + rows([0.5], "generic")
    assert scores(both, "right", "CC") == {("a", "free_viewing"): 0.1, ("c", "free_viewing"): 0.3}
    assert scores(both, "right", "NSS") == {}


def test_a_difference_is_taken_within_pairs():
    first, second = rows([0.2, 0.9, 0.5]), rows([0.1, 0.7], "generic")
    found = difference(scores(first, "right", "CC"), scores(second, "generic", "CC"))
    assert found.mean == pytest.approx(0.15) and found.n == 2 and 0.1 <= found.low <= found.high < 0.2001


def test_an_interval_resamples_images_with_all_their_conditions():
    values = {(name, task): value for name, value in (("a", 0.0), ("b", 1.0)) for task in "xyz"}
    found = mean_of(values)
    assert (found.low, found.high, found.n) == (0, 1, 6)  # of two images there are three resamples
    assert math.isnan(mean_of({("a", "x"): 1.0, ("a", "y"): 0.0}).low) and math.isnan(mean_of({}).mean)


def test_a_pool_is_the_mean_over_its_prompts():
    found = pooled(rows([0.2, 0.4], "G4_1") + rows([0.4, math.nan], "G4_2") + rows([9.0, 9.0], "G4"), "G4_", "CC")
    assert found == {("a", "free_viewing"): pytest.approx(0.3), ("b", "free_viewing"): 0.4}


def test_the_spread_is_the_standard_deviation_of_the_means_of_the_prompts():
    draw = np.random.default_rng(1)
    one, other = draw.random((3, 20)), draw.random((2, 20))
    made = [row for number, values in enumerate(one) for row in rows(values, f"paraphrase_{number}")]
    made += [row for number, values in enumerate(other) for row in rows(values, f"paraphrase_{number}", "count")]
    found = spread(made, "paraphrase_", "CC")
    assert found.std.mean == pytest.approx((one.mean(1).std() + other.mean(1).std()) / 2)
    assert found.within == pytest.approx((one.std(0).mean() + other.std(0).mean()) / 2)
    means = [*one.mean(1), *other.mean(1)]
    assert (found.lowest, found.highest) == (pytest.approx(min(means)), pytest.approx(max(means)))
    assert found.prompts == 3 and found.std.n == 20 and 0 < found.std.low < found.std.high < 0.3


def test_prompts_that_score_alike_have_no_spread():
    found = spread(rows([0.2, 0.8], "G1_1") + rows([0.2, 0.8], "G1_2"), "G1_", "CC")
    assert found.std[:3] == (0, 0, 0) and found.lowest == found.highest == pytest.approx(0.5)
    assert spread(rows([0.2, 0.8], "G1_1"), "G1_", "CC") is None and spread([], "G1_", "CC") is None


def test_percentiles_of_a_mean_are_its_interval():
    values = np.random.default_rng(0).normal(size=200)
    low, high = percentiles(lambda drawn: values[drawn].mean(-1), 200)
    half = 1.96 * values.std() / np.sqrt(200)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert percentiles(lambda drawn: values[drawn].mean(-1), 200) == (low, high)
    assert all(map(math.isnan, percentiles(None, 1)))
