"""NSS and the AUCs: the released values, values by hand, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mindaam.errors import ConfigError, InputError
from mindaam.metrics import MIT, RELEASED, auc_judd, auc_shuffled, nss, points_of
from tests.gold import compare
from tests.metrics.reference import GOLDEN, SIZES, case

STAIRS = np.linspace(0, 1, 50).reshape(5, 10)
STAIRS_SEEN = np.array([(3, 2), (9, 4), (0, 0)])

maps = arrays(np.float64, (6, 5), elements=st.integers(0, 40)).filter(lambda a: np.ptp(a) > 0)
points = st.lists(st.tuples(st.floats(0, 4.99), st.floats(0, 5.99)), min_size=1, max_size=8).map(np.array)
examples = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_released_gives_the_golden_values(index):
    prediction, _, masks = case(index)
    seen = [points_of(mask) for mask in masks]
    scores = [nss(p, f, **RELEASED.nss) for p, f in zip(prediction[:, 0], seen, strict=True)]
    compare(f"nss/{index}", np.mean(scores), GOLDEN[f"case{index}/nss"], 1e-6, 0)
    areas = [auc_judd(p, f, **RELEASED.auc_judd) for p, f in zip(prediction[:, 0], seen, strict=True)]
    compare(f"auc_judd/{index}", areas, GOLDEN[f"case{index}/auc_judd"], 1e-12, 1e-7)


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_released_resizes_the_map_to_the_fixations(index):
    prediction, _, masks = case(index)
    height, width = SIZES[index]
    halved = prediction.reshape(3, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    scores = [nss(p, points_of(m), (height, width), **RELEASED.nss) for p, m in zip(halved, masks, strict=True)]
    assert np.mean(scores) == pytest.approx(float(GOLDEN[f"case{index}/nss_resized"]), abs=1e-6)


@pytest.mark.parametrize("name", ["tie_free", "ties", "constant"])
def test_released_gives_the_golden_areas_with_ties(name):
    values = {"tie_free": STAIRS, "ties": np.round(STAIRS * 4) / 4, "constant": np.ones_like(STAIRS)}[name]
    assert auc_judd(values, STAIRS_SEEN, **RELEASED.auc_judd) == pytest.approx(float(GOLDEN[f"auc/{name}"]), abs=1e-12)


def test_nss_by_hand():
    values = np.array([[0.0, 1.0], [2.0, 5.0]])
    # mean 2, population variance 3.5, unbiased 14/3
    seen = np.array([(1.7, 1.2), (1.0, 1.9), (0.0, 1.0)])
    assert nss(values, seen) == pytest.approx((4 - 2) / np.sqrt(3.5))
    assert nss(values, seen, ddof=1) == pytest.approx((4 - 2) / np.sqrt(14 / 3))
    assert nss(values, seen, distinct=True) == pytest.approx((3.5 - 2) / np.sqrt(3.5))


def test_auc_by_hand():
    values = np.array([[0.0, 1.0], [2.0, 5.0]])
    assert auc_judd(values, [(1, 1)], jitter=0) == 1
    # only the fixated values are thresholds, so the curve of the lowest pixel is the diagonal
    assert auc_judd(values, [(0, 0)], jitter=0) == 0.5
    # thresholds 5 and 1: (0, 1/2), (1/2, 1), then (1, 1)
    assert auc_judd(values, [(1, 1), (1, 0)], jitter=0) == pytest.approx(0.875)
    assert auc_judd(np.ones((4, 4)), [(1, 1)], jitter=0) == 0.5
    assert auc_shuffled(values, [(0, 1)], [(0, 0), (1, 1), (0, 1)]) == pytest.approx((1 + 0 + 0.5) / 3)


def test_jitter_breaks_ties_the_same_way_at_each_call():
    flat, seen = np.ones((40, 50)), np.stack([np.arange(30) % 7, np.arange(30)], axis=1)
    first = auc_judd(flat, seen, **MIT.auc_judd)
    assert first == auc_judd(flat, seen, **MIT.auc_judd)
    assert first != auc_judd(flat, seen, jitter=1e-7, seed=1)
    assert 0.3 < first < 0.7


@examples
@given(values=maps, seen=points, gain=st.floats(0.1, 100), offset=st.floats(-10, 10))
def test_nss_ignores_gain_and_offset_and_turns_with_the_sign(values, seen, gain, offset):
    want = nss(values, seen)
    assert nss(gain * values + offset, seen) == pytest.approx(want, abs=1e-6)
    assert nss(-values, seen) == pytest.approx(-want, abs=1e-9)


@examples
@given(values=maps, seen=points, others=points)
def test_areas_depend_on_the_order_of_values_only(values, seen, others):
    stretched = np.exp(values / 10) - 3
    area = auc_judd(values, seen, jitter=0)
    assert 0 <= area <= 1
    assert auc_judd(stretched, seen, jitter=0) == pytest.approx(area, abs=1e-12)
    shuffled = auc_shuffled(values, seen, others)
    assert auc_shuffled(stretched, seen, others) == pytest.approx(shuffled, abs=1e-12)
    assert auc_shuffled(values, others, seen) == pytest.approx(1 - shuffled, abs=1e-12)


@examples
@given(values=maps, seen=points)
def test_a_repeated_fixation_moves_nss_but_not_the_area(values, seen):
    repeated = np.concatenate([seen, seen[:1], seen[:1]])
    assert auc_judd(values, repeated) == auc_judd(values, seen)
    assert nss(values, repeated, distinct=True) == nss(values, seen, distinct=True)
    total = nss(values, seen) * len(seen) + 2 * nss(values, seen[:1])
    assert nss(values, repeated) == pytest.approx(total / (len(seen) + 2), abs=1e-9)


def test_without_fixations():
    none = np.zeros((0, 2))
    assert np.isnan(nss(STAIRS, none, **MIT.nss))
    assert nss(STAIRS, none, **RELEASED.nss) == 0
    assert np.isnan(auc_judd(STAIRS, none))
    assert np.isnan(auc_shuffled(STAIRS, none, STAIRS_SEEN))
    assert np.isnan(auc_shuffled(STAIRS, STAIRS_SEEN, none))


def test_every_pixel_fixated_and_fixations_on_the_border():
    assert auc_judd(STAIRS, points_of(np.ones_like(STAIRS))) == 0.5
    assert nss(STAIRS, [(10.0, 5.0)]) == nss(STAIRS, [(9.0, 4.0)])


def test_constant_maps_tell_nothing():
    assert nss(np.full((4, 5), 0.3), [(1, 1), (2, 2)], **MIT.nss) == 0
    assert auc_shuffled(np.full((4, 5), 0.3), [(1, 1)], [(2, 2)]) == 0.5


def test_binary_maps_and_unknown_choices_are_explained():
    with pytest.raises(InputError, match="points_of"):
        nss(STAIRS, np.zeros((5, 10)) + 1)
    with pytest.raises(ConfigError, match='did you mean "ranked"'):
        auc_judd(STAIRS, STAIRS_SEEN, ties="rank")


@pytest.mark.parametrize("blink", [(np.nan, np.nan), (1.0, np.nan), (np.inf, 2.0), (1.0, -np.inf)])
@pytest.mark.parametrize(
    "metric",
    [
        lambda seen: nss(STAIRS, seen),
        lambda seen: nss(STAIRS, seen, **RELEASED.nss),
        lambda seen: auc_judd(STAIRS, seen),
        lambda seen: auc_shuffled(STAIRS, seen, [(1, 1)]),
        lambda seen: auc_shuffled(STAIRS, [(1, 1)], seen),
    ],
)
def test_a_fixation_that_is_not_finite_is_refused_and_not_counted_as_a_look_at_the_corner(metric, blink):
    with pytest.raises(InputError, match="1 of 2 fixations are not finite"):
        metric([(5.0, 3.0), blink])
