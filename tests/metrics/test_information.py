"""Information gain over a baseline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mindaam.errors import InputError
from mindaam.metrics import MIT, PAPER, information_gain

VARIANTS = pytest.mark.parametrize("variant", [MIT.information_gain, PAPER.information_gain], ids=["mit", "paper"])
densities = arrays(np.float64, (6, 5), elements=st.floats(0.01, 1)).filter(lambda a: np.ptp(a) > 0.1)
points = st.lists(st.tuples(st.floats(0, 4.99), st.floats(0, 5.99)), min_size=1, max_size=8).map(np.array)
examples = settings(max_examples=40, deadline=None)


def test_bits_by_hand():
    p, b = np.array([[1.0, 3.0], [2.0, 2.0]]), np.ones((2, 2))
    # densities 3/8 and 2/8 against 1/4
    assert information_gain(p, [(1, 0), (0, 1)], b, eps=0) == pytest.approx(np.log2(1.5) / 2)
    # stretched, 0 1 .5 .5 become 0 .5 .25 .25
    assert information_gain(p, [(1, 0), (0, 1)], b, normalize="range", eps=0) == pytest.approx(0.5)
    assert information_gain(p, [(0, 0)], b, normalize="range", eps=0) == -np.inf
    assert information_gain(p, [(0, 0)], b, normalize="range", eps=2.0**-40) == pytest.approx(-38)


@VARIANTS
@examples
# a power of two: another factor rounds, and where a range starts the logarithm of eps sees that
@given(p=densities, b=densities, seen=points, gain=st.integers(-4, 7).map(lambda power: 2.0**power))
def test_the_baseline_gains_nothing_and_gains_are_differences(variant, p, b, seen, gain):
    assert information_gain(b, seen, b, **variant) == 0
    forth, back = information_gain(p, seen, b, **variant), information_gain(b, seen, p, **variant)
    assert forth == pytest.approx(-back, abs=1e-9)
    assert information_gain(gain * p, seen, b, **variant) == pytest.approx(forth, abs=1e-6)


def test_the_fixations_density_gains_the_most():
    random = np.random.default_rng(0)
    counts, baseline = random.integers(1, 5, (6, 5)), random.random((6, 5)) + 0.1
    seen = np.array([(x, y) for y in range(6) for x in range(5) for _ in range(counts[y, x])])
    best = information_gain(counts, seen, baseline)
    assert best > 0
    for _ in range(5):
        assert information_gain(counts * (1 + 0.2 * random.random((6, 5))), seen, baseline) < best


@VARIANTS
def test_constant_and_empty_maps_one_pixel_and_no_fixations(variant):
    some, none, one = np.arange(1.0, 21).reshape(4, 5), np.zeros((4, 5)), np.full((1, 1), 0.7)
    assert information_gain(none, [(1, 1)], some, **variant) == information_gain(none + 3, [(1, 1)], some, **variant)
    assert information_gain(none, [(1, 1)], none + 3, **variant) == 0
    assert information_gain(one, [(0, 0)], one, **variant) == 0
    assert np.isnan(information_gain(some, np.zeros((0, 2)), some, **variant))


def test_a_baseline_of_another_size_is_resized():
    some, baseline = np.ones((8, 12)), np.ones((2, 3))
    assert information_gain(some, [(5, 5)], baseline) == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="differ in size"):
        information_gain(some, [(5, 5)], baseline, resize=None)


def test_negative_values_and_fixations_that_are_not_finite_are_refused():
    some = np.ones((4, 5))
    with pytest.raises(InputError, match="the baseline holds negative values"):
        information_gain(some, [(1, 1)], -some)
    with pytest.raises(InputError, match="1 of 1 fixations are not finite"):
        information_gain(some, [(np.nan, 1)], some)
