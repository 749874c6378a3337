"""Negative Sample Attack: which samples hear noise, how loud it is, and how its strength goes with the steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.errors import ConfigError
from mindaam.schema import validate
from mindaam.training.feeding.negative_samples import (
    SILENT_LEVEL,
    Attack,
    Schedule,
    attacked,
    mean_gates,
    noise_like,
    swapped,
)


def draw(seed=0):
    return np.random.default_rng(seed)


def sounds(count=6, samples=4000):
    """Tones, each twice as loud as the one before."""
    tone = np.sin(np.arange(samples) * 0.2) * np.sqrt(2)
    return (0.01 * 2.0 ** np.arange(count)[:, None] * tone).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.floats(0, 1))
def test_some_are_replaced_and_the_others_stay_to_the_bit(seed, p):
    waves = sounds()
    before = waves.copy()
    heard, chosen = attacked(draw(seed), waves, p)
    assert heard.dtype == np.float32 and heard.shape == waves.shape and chosen.shape == (6,)
    np.testing.assert_array_equal(waves, before)
    np.testing.assert_array_equal(heard[~chosen], waves[~chosen])
    assert all(np.abs(np.corrcoef(a, b)[0, 1]) < 0.1 for a, b in zip(heard[chosen], waves[chosen], strict=True))
    again = attacked(draw(seed), waves, p)
    np.testing.assert_array_equal(heard, again[0])
    np.testing.assert_array_equal(chosen, again[1])


def test_p_is_how_often():
    waves = np.ones((4000, 2), np.float32)
    assert not attacked(draw(), waves, 0.0)[1].any() and attacked(draw(), waves, 1.0)[1].all()
    assert attacked(draw(), waves, 0.2)[1].mean() == pytest.approx(0.2, abs=0.02)


def test_noise_is_gaussian_and_as_loud_as_the_sound_in_its_place():
    waves = sounds(samples=40_000)
    noise = noise_like(draw(), waves)
    np.testing.assert_allclose(noise.std(1) / waves.std(1), 1.0, atol=0.02)
    scaled = noise / noise.std(1, keepdims=True)
    np.testing.assert_allclose((scaled**3).mean(1), 0, atol=0.06)
    np.testing.assert_allclose((scaled**4).mean(1), 3, atol=0.15)
    assert np.abs(np.corrcoef(noise) - np.eye(6)).max() < 0.03  # each its own


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_in_place_of_silence_noise_has_the_stated_level(level):
    noise = noise_like(draw(), np.float32(level) * sounds(2, 40_000) / 0.02)
    np.testing.assert_allclose(noise.std(1), SILENT_LEVEL, rtol=0.02)


def test_swapped_sounds_are_others():
    waves = sounds()
    np.testing.assert_array_equal(swapped(waves), waves[[5, 0, 1, 2, 3, 4]])


def test_mean_gates_ask_with_each_kind_of_sound():
    waves, asked = sounds(), []

    def gate(heard):
        asked.append(heard)
        return np.full((len(heard), 3), 0.1 * len(asked))

    assert mean_gates(gate, draw(), waves) == pytest.approx({"true": 0.1, "swapped": 0.2, "noise": 0.3})
    np.testing.assert_array_equal(asked[0], waves)
    np.testing.assert_array_equal(asked[1], swapped(waves))
    np.testing.assert_array_equal(asked[2], noise_like(draw(), waves))


def test_the_defaults_are_the_papers():
    attack = Attack()
    assert [attack.p.at(step) for step in (0, 1000)] == [0.2, 0.2]
    assert [attack.weight.at(step) for step in (0, 1000)] == [0.1, 0.1]


def test_a_schedule_is_a_number_or_goes_from_step_to_step():
    attack = validate(Attack, {"p": 0, "weight": {"start": 0, "end": 0.1, "first": 100, "last": 200}}, "test")
    assert attack.p.at(0) == attack.p.at(7) == 0
    assert [attack.weight.at(step) for step in (0, 100, 150, 200, 999)] == pytest.approx([0, 0, 0.05, 0.1, 0.1])
    assert [Schedule(start=1, end=0.5, last=4).at(step) for step in range(6)] == [1, 0.875, 0.75, 0.625, 0.5, 0.5]
    assert Attack(**attack.model_dump()) == attack


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ({"p": 1.5}, "p must stay within 0 and 1"),
        ({"p": {"start": 0, "end": 2, "last": 5}}, "p must stay within 0 and 1"),
        ({"weight": -1}, "weight must not be negative"),
        ({"weight": {"start": 0.1, "end": -0.1, "last": 5}}, "weight must not be negative"),
        ({"p": {"start": 0, "end": 1, "first": 5, "last": 5}}, "must come after"),
        ({"p": {"start": 0, "last": 5}}, "p.end"),
        ({"p": "often"}, "p.start"),
        ({"q": 0.2}, "q"),
    ],
)
def test_what_is_no_schedule_is_refused(attack, said):
    with pytest.raises(ConfigError, match=said):
        validate(Attack, attack, "test")
