"""NSS and the AUCs: the released values, values by hand, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mindaam.errors import ConfigError, InputError
from mindaam.metrics import MIT, NTIRE26, PAPER, RELEASED, auc_borji, auc_judd, auc_shuffled, nss, points_of
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
@given(values=maps, seen=points, others=points, seed=st.integers(0, 99))
def test_areas_of_draws_depend_on_the_order_of_values_only(values, seen, others, seed):
    stretched = np.exp(values / 10) - 3
    for area in (
        lambda each: auc_borji(each, seen, splits=5, seed=seed),
        lambda each: auc_shuffled(each, seen, others, splits=5, seed=seed),
    ):
        assert 0 <= area(values) <= 1
        assert area(stretched) == pytest.approx(area(values), abs=1e-12)
        assert area(-values) == pytest.approx(1 - area(values), abs=1e-12)


@examples
@given(values=maps, seen=points, others=points, step=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_thresholds_at_a_step_are_the_curve_of_each_draw(values, seen, others, step):
    """The mean area of the draws, computed one by one, threshold by threshold, on the map scaled to 0..1."""
    scaled = (values - values.min()) / np.ptp(values)
    at = [scaled[tuple(np.floor(each).astype(int).T[::-1])] for each in (seen, others)]
    random, areas = np.random.RandomState(3), []
    for _ in range(4):
        drawn = random.permutation(at[1])[: len(seen)]
        rates = [(0, 0)]
        for threshold in np.arange(int(1 / step + 1e-9), -1, -1) * step:
            rates.append(((drawn >= threshold).mean(), (at[0] >= threshold).mean()))
        areas.append(np.trapz(*np.array([*rates, (1, 1)]).T[::-1]))
    got = auc_shuffled(values, seen, others, splits=4, seed=3, step=step)
    assert got == pytest.approx(np.mean(areas), abs=1e-12)


def test_random_pixels_and_all_pixels_are_the_same_negatives_in_the_long_run():
    random = np.random.default_rng(0)
    values, seen = random.random((20, 30)), random.random((40, 2)) * (30, 20)
    everywhere = points_of(np.ones_like(values))
    assert auc_borji(values, seen, splits=5000) == pytest.approx(auc_shuffled(values, seen, everywhere), abs=2e-3)
    assert auc_borji(values, seen, seed=1) != auc_borji(values, seen, seed=2)
    shuffled = auc_shuffled(values, seen, everywhere, splits=2000)
    assert shuffled == pytest.approx(auc_shuffled(values, seen, everywhere), abs=2e-3)


def test_draws_of_more_negatives_than_there_are_take_all_of_them():
    seen, others = points_of(np.ones_like(STAIRS))[::3], STAIRS_SEEN
    assert auc_shuffled(STAIRS, seen, others, splits=3) == pytest.approx(auc_shuffled(STAIRS, seen, others), abs=1e-15)


def looped(values, seen, rest, ranked):
    """AUC-Judd threshold by threshold, as its definition has it."""
    rates = [(0, 0)]
    for rank, threshold in enumerate(np.sort(seen)[::-1], 1):
        hits = rank if ranked else (seen >= threshold).sum()
        others = (values >= threshold).sum() - rank if ranked else (rest >= threshold).sum()
        rates.append((others / len(rest), hits / len(seen)))
    return np.trapz(*np.array([*rates, (1, 1)]).T[::-1])


@pytest.mark.parametrize("count", [1, 7, 300])
@pytest.mark.parametrize(
    "change",
    [
        lambda v: v,
        lambda v: v**60,
        lambda v: np.round(v, 1),
        lambda v: v * 1e-300,
        lambda v: np.where(v > 0.999, 1e6, v),
    ],
    ids=["noise", "peaked", "ties", "tiny", "outliers"],
)
def test_counting_in_buckets_is_counting_at_each_threshold(change, count):
    random = np.random.default_rng(count)
    values, mask = change(random.random((60, 80))), np.zeros((60, 80), bool)
    mask.ravel()[random.permutation(mask.size)[:count]] = True
    want = looped(values, values[mask], values[~mask], False)
    assert auc_judd(values, points_of(mask), jitter=0) == pytest.approx(want, abs=1e-12)
    want = looped(values, values[mask], values[~mask], True)
    assert auc_judd(values, points_of(mask), jitter=0, ties="ranked") == pytest.approx(want, abs=1e-12)


def test_the_challenge_counts_repeated_fixations_repeatedly():
    random = np.random.default_rng(0)
    values, seen = np.round(random.random((9, 8)), 1), random.integers(0, 8, (30, 2))
    at, negatives = values[seen[:, 1], seen[:, 0]], np.empty(values.size - len(seen))
    want = looped(values, at, negatives, True)  # of the negatives only the number counts: pixels less fixations
    assert auc_judd(values, seen, **NTIRE26.auc_judd) == pytest.approx(want, abs=1e-12)
    assert auc_judd(values, seen, **NTIRE26.auc_judd) != auc_judd(values, seen, jitter=0, ties="ranked")
    scaled = (values - values.min()) / np.ptp(values)
    want = np.mean((scaled[seen[:, 1], seen[:, 0]] - scaled.mean()) / (scaled.std() + 1e-7))
    assert nss(values * 1e-6, seen, **NTIRE26.nss) == pytest.approx(want, abs=1e-12)


def test_more_fixations_than_pixels_leave_no_negatives():
    assert auc_judd(np.eye(2), [(0, 0)] * 5, ties="ranked", distinct=False) == 0.5


@pytest.mark.parametrize("settings", [MIT, PAPER, RELEASED, NTIRE26], ids=["mit", "paper", "released", "ntire26"])
def test_one_pixel(settings):
    one, here = np.full((1, 1), 0.7), [(0, 0), (0.5, 0.5)]
    assert nss(one, here, **settings.nss) == 0
    assert auc_judd(one, here, **settings.auc_judd) == 0.5
    assert auc_borji(one, here, **settings.auc_borji) == 0.5
    assert auc_shuffled(one, here, here, **settings.auc_shuffled) == 0.5


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
    assert np.isnan(auc_borji(STAIRS, none))
    assert np.isnan(auc_shuffled(STAIRS, none, STAIRS_SEEN))
    assert np.isnan(auc_shuffled(STAIRS, STAIRS_SEEN, none))


def test_every_pixel_fixated_and_fixations_on_the_border():
    assert auc_judd(STAIRS, points_of(np.ones_like(STAIRS))) == 0.5
    assert nss(STAIRS, [(10.0, 5.0)]) == nss(STAIRS, [(9.0, 4.0)])


def test_constant_maps_are_at_chance_level():
    assert auc_judd(np.full((4, 5), 0.3), [(1, 1), (2, 2)], jitter=0) == 0.5
    assert nss(np.full((4, 5), 0.3), [(1, 1), (2, 2)], **MIT.nss) == 0
    for step in (None, 0.1):
        assert auc_shuffled(np.full((4, 5), 0.3), [(1, 1)], [(2, 2)], step=step) == 0.5
        assert auc_borji(np.full((4, 5), 0.3), [(1, 1)], step=step) == 0.5


def test_binary_maps_and_unknown_choices_are_explained():
    with pytest.raises(InputError, match="points_of"):
        nss(STAIRS, np.zeros((5, 10)) + 1)
    with pytest.raises(ConfigError, match='did you mean "ranked"'):
        auc_judd(STAIRS, STAIRS_SEEN, ties="rank")
    with pytest.raises(ConfigError, match="splits must be 1 or more, got 0"):
        auc_borji(STAIRS, STAIRS_SEEN, splits=0)
    with pytest.raises(ConfigError, match="at most 1, got 2"):
        auc_shuffled(STAIRS, STAIRS_SEEN, STAIRS_SEEN, step=2)
    with pytest.raises(ConfigError, match='did you mean "range"'):
        nss(STAIRS, STAIRS_SEEN, scale="rang")


@pytest.mark.parametrize("blink", [(np.nan, np.nan), (1.0, np.nan), (np.inf, 2.0), (1.0, -np.inf)])
@pytest.mark.parametrize(
    "metric",
    [
        lambda seen: nss(STAIRS, seen),
        lambda seen: nss(STAIRS, seen, **RELEASED.nss),
        lambda seen: auc_judd(STAIRS, seen),
        lambda seen: auc_borji(STAIRS, seen),
        lambda seen: auc_shuffled(STAIRS, seen, [(1, 1)]),
        lambda seen: auc_shuffled(STAIRS, [(1, 1)], seen),
    ],
)
def test_a_fixation_that_is_not_finite_is_refused_and_not_counted_as_a_look_at_the_corner(metric, blink):
    with pytest.raises(InputError, match="1 of 2 fixations are not finite"):
        metric([(5.0, 3.0), blink])
