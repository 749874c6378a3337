"""Resampling block by block: against the whole at once, and against what the new samples are."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from mindaam.data.audio.resampling import Polyphase
from mindaam.encoders.spectrogram import resample

RATES = (8000, 44_100, 48_000, 192_000)
NEW = 16_000
# Largest errors on a sine of amplitude 1, a tenth of a second away from the ends, measured at these rates and doubled:
# SciPy's filter ripples by a thousandth but holds that to three quarters of the band, the released one is the more
# exact where speech has its pitch, and falls off earlier.
TOLERANCES = {  # Hz: (polyphase, released)
    440: (3e-3, 1e-3),
    1000: (2.2e-3, 8e-4),
    3000: (4e-3, 4e-2),  # at 8 kHz; 1.4e-4 and 1.1e-3 at the other rates
    6000: (1.5e-3, 3e-2),
}


def blockwise(wave, rate, cuts=()):
    polyphase = Polyphase(rate, NEW)
    padded = np.concatenate([np.zeros(polyphase.margin, np.float32), wave])
    return list(polyphase.blocks(np.split(padded, cuts)))


@pytest.mark.parametrize("rate", [*RATES, 11_025, 44_101])
def test_blocks_are_the_whole(rate):
    draw = np.random.default_rng(rate)
    wave = draw.normal(size=int(3.3 * rate)).astype(np.float32)
    blocks = blockwise(wave, rate, np.sort(draw.integers(0, len(wave), 20)))
    step = np.gcd(rate, NEW)
    whole = resample_poly(wave, NEW // step, rate // step)
    assert [len(block) for block in blocks[:2]] == [NEW, NEW] and blocks[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


@pytest.mark.parametrize("length", [0, 1, 400, 44_100, 44_101])
def test_short_sound(length):
    blocks = blockwise(np.ones(length, np.float32), 44_100)
    assert sum(len(block) for block in blocks) == np.ceil(length * NEW / 44_100)


def test_the_same_rate_changes_nothing():
    wave = np.arange(40_000, dtype=np.float32)
    np.testing.assert_array_equal(np.concatenate(blockwise(wave, NEW, [5, 30_000])), wave)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", TOLERANCES)
def test_a_sine_stays_one(rate, frequency):
    if 2 * frequency >= rate:
        pytest.skip("beyond the band")
    wave = np.sin(2 * np.pi * frequency * np.arange(2 * rate) / rate).astype(np.float32)
    exact = np.sin(2 * np.pi * frequency * np.arange(2 * NEW) / NEW)
    inside = slice(NEW // 10, -NEW // 10)
    for new, tolerance in zip(
        (np.concatenate(blockwise(wave, rate)), resample(wave, rate, NEW)), TOLERANCES[frequency], strict=True
    ):
        assert np.abs(new - exact)[inside].max() < tolerance
