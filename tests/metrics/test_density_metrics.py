"""CC, SIM and KLD: the released values, hand-made values, and what must hold for any maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mindaam.errors import ConfigError, InputError
from mindaam.metrics import MIT, NTIRE26, PAPER, RELEASED, cc, kld, sim
from mindaam.metrics.maps import fit
from tests.gold import compare
from tests.metrics.reference import GOLDEN, SIZES, case, degenerate

NAMES = {"kldiv": (kld, RELEASED.kld), "cc": (cc, RELEASED.cc), "similarity": (sim, RELEASED.sim)}
VARIANTS = pytest.mark.parametrize(
    "variant", [MIT, PAPER, RELEASED, NTIRE26], ids=["mit", "paper", "released", "ntire26"]
)

densities = arrays(np.float64, (5, 7), elements=st.floats(0, 1, width=32)).filter(lambda a: a.sum() > 0.1)
examples = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("index", range(len(SIZES)))
def test_released_gives_the_golden_values(name, index):
    prediction, truth, _ = case(index)
    metric, choices = NAMES[name]
    got = np.mean([metric(p, q, **choices) for p, q in zip(prediction[:, 0], truth[:, 0], strict=True)])
    compare(f"{name}/{index}", got, GOLDEN[f"case{index}/{name}"], 1e-6, 0)


@pytest.mark.parametrize("name", ["pred_zero", "gt_zero", "both_const", "pred_const"])
def test_released_gives_the_golden_degenerate_values(name):
    prediction, truth = (array[0, 0] for array in degenerate()[name])
    want = GOLDEN[f"degenerate/{name}"].copy()
    want[1] = 0  # theirs is the correlation of float32 rounding errors, up to 0.06
    got = [metric(prediction, truth, **choices) for metric, choices in NAMES.values()]
    np.testing.assert_allclose(got, want, atol=1e-6, rtol=1e-6)


def test_values_by_hand():
    p, q = np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    assert cc(p, q) == pytest.approx(0.5)
    # p in range 0..1 is 0, 1, .5, .5 -> 0, .5, .25, .25; q is .25, .5, 0, .25
    assert sim(p, q, normalize="range") == pytest.approx(0.75)
    # without: p is .125, .375, .25, .25
    assert sim(p, q, normalize="sum") == pytest.approx(0.125 + 0.375 + 0.25)
    want = 0.25 * np.log(0.25 / 0.125) + 0.5 * np.log(0.5 / 0.375) + 0.25 * np.log(1)
    assert kld(p, q, form="ratio") == pytest.approx(want)
    assert kld(p, q, form="difference") == pytest.approx(want)


def test_range_and_sum_differ_by_a_pedestal():
    q = np.arange(12.0).reshape(3, 4)
    assert sim(q + 100, q, normalize="range") == pytest.approx(1)
    assert sim(q + 100, q, normalize="sum") < 0.8


@examples
@given(p=densities, q=densities, gain=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_cc_ignores_gain_and_offset(p, q, gain, offset):
    assert cc(gain * p + offset, q) == pytest.approx(cc(p, q), abs=1e-6)
    assert cc(-p, q) == pytest.approx(-cc(p, q), abs=1e-9)
    assert cc(p, q) == pytest.approx(cc(q, p), abs=1e-12)
    assert -1 - 1e-12 <= cc(p, q) <= 1 + 1e-12


@VARIANTS
@examples
@given(p=densities, q=densities, gain=st.floats(0.1, 1000))
def test_sim_and_kld_have_their_ranges_and_ignore_the_mass(variant, p, q, gain):
    similarity, divergence = sim(p, q, **variant.sim), kld(p, q, **variant.kld)
    assert -1e-12 <= similarity <= 1 + 1e-12
    assert divergence >= -1e-9
    assert sim(gain * p, q, **variant.sim) == pytest.approx(similarity, abs=1e-9)
    assert kld(gain * p, q, **variant.kld) == pytest.approx(divergence, abs=1e-9)


@VARIANTS
@examples
@given(q=densities.filter(lambda a: np.ptp(a) > 1e-3))
def test_the_truth_itself_is_the_best_prediction(variant, q):
    assert cc(q, q, **variant.cc) == pytest.approx(1)
    assert sim(q, q, **variant.sim) == pytest.approx(1)
    assert kld(q, q, **variant.kld) == pytest.approx(0, abs=1e-9)


@VARIANTS
def test_a_constant_map_is_the_uniform_density(variant):
    q = np.arange(20.0).reshape(4, 5)
    # 0.3 has a mean that is not exactly 0.3: no rounding may be taken for a correlation
    constant = np.full((4, 5), 0.3)
    assert cc(constant, q, **variant.cc) == 0
    if variant is NTIRE26:  # a constant map scaled to 0..1 is 0
        assert sim(constant, q, **variant.sim) == 0
        return
    assert sim(constant, q, **variant.sim) == pytest.approx(np.minimum(1 / 20, q / q.sum()).sum())


def test_the_challenge_scales_the_prediction_before_it_is_resized():
    random = np.random.default_rng(0)
    p, q = 5 + random.random((12, 9)), random.random((7, 5)) * 1e-6
    scaled, truth = fit((p - p.min()) / np.ptp(p), q.shape), (q - q.min()) / np.ptp(q)
    a, b = ((each - each.mean()) / (each.std() + 1e-7) for each in (scaled, truth))
    want = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-7)
    assert cc(p, q, **NTIRE26.cc) == pytest.approx(want, abs=1e-12)
    want = np.minimum(scaled / scaled.sum(), truth / truth.sum()).sum()
    assert sim(p, q, **NTIRE26.sim) == pytest.approx(want, abs=1e-12)


@VARIANTS
def test_empty_maps_and_one_pixel(variant):
    none, some, one = np.zeros((4, 5)), np.arange(20.0).reshape(4, 5), np.full((1, 1), 0.7)
    assert cc(none, some, **variant.cc) == cc(some, none, **variant.cc) == cc(one, one, **variant.cc) == 0
    assert kld(some, none, **variant.kld) == pytest.approx(0, abs=1e-9) == kld(one, one, **variant.kld)
    assert kld(none, some, **variant.kld) > 20
    empty = 1 / 20 if variant is MIT else 0  # stretched to ones, the uniform density
    assert sim(none, np.eye(4, 5)[:1].repeat(4, 0), **variant.sim) == pytest.approx(4 * empty, abs=1e-9)
    assert sim(one, one, **variant.sim) == (0 if variant is NTIRE26 else 1)


def test_a_smaller_prediction_is_resized_or_refused():
    q = np.add.outer(np.arange(8.0), np.arange(12.0))
    halved = q.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    assert cc(halved, q, **MIT.cc) > 0.99
    with pytest.raises(InputError, match="differ in size"):
        cc(halved, q, **RELEASED.cc)


@pytest.mark.parametrize(
    "prediction, says",
    [
        (np.ones((1, 4, 5)), "one map"),
        (np.zeros((0, 5)), "one map"),
        (np.full((4, 5), np.nan), "not finite"),
        (np.array([[np.inf, 1], [1, 1]]), "1 values that are not finite"),
    ],
)
def test_unusable_maps_are_named(prediction, says):
    with pytest.raises(InputError, match=says):
        cc(prediction, np.ones((4, 5)))


def test_negative_densities_and_unknown_choices_are_named():
    q = np.ones((4, 5))
    with pytest.raises(InputError, match="negative"):
        kld(-q, q)
    with pytest.raises(ConfigError, match='did you mean "range"'):
        sim(q, q, normalize="ranged")
    with pytest.raises(ConfigError, match='did you mean "ratio"'):
        kld(q, q, form="ration")
    with pytest.raises(ConfigError, match="bilinear"):
        cc(np.ones((2, 2)), q, resize="bicubic")
