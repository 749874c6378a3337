"""Wav2CLIP's front end against the reference's, and what no golden can say of it."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.encoders import spectrogram
from tests import gold
from tests.encoders.encoder_files import golden

GOLDEN = golden("wav2clip.npz")
W48 = gold.waveform("I/w48", 3, 96000, 48000)
SCALED = np.float32(2.0**-23)


def logarithm(power):
    return np.log(power + np.float32(1e-7))


def test_resampling_as_the_reference():
    gold.check(GOLDEN, "w48/resampled", spectrogram.resample(W48, 48000, 16000), atol=3e-7, rtol=0)


def test_each_step_as_the_reference():
    power = spectrogram.spectrogram(spectrogram.resample(W48, 48000, 16000))
    assert power.shape == (3, 257, 91) and power.dtype == np.float32
    largest = float(power.max())  # the reference's own float32 transform is off by its rounding
    gold.check(GOLDEN, "w48/spec", power[:, None], atol=1e-6 * largest, rtol=1e-5)
    gold.check(GOLDEN, "w48/log_spec", logarithm(power)[:, None], atol=1e-3)
    gold.check(GOLDEN, "w48/norm_spec", spectrogram.features(W48, 48000, "batch"), atol=6e-4)


def test_sound_at_the_encoders_rate():
    waves = gold.waveform("I/w16", 3, 32000, 16000)
    gold.check(GOLDEN, "w16/norm_spec", spectrogram.features(waves, 16000, "batch"), atol=6e-4)
    for over in ("batch", "window"):  # the same for one alone
        gold.check(GOLDEN, "w16_row0/norm_spec", spectrogram.features(waves[:1], 16000, over), atol=6e-4)


def test_the_released_loaders_whisper():
    power = spectrogram.spectrogram(spectrogram.resample(W48 * SCALED, 48000, 16000))
    gold.check(GOLDEN, "w48_scaled_2^-23/spec", power[:, None], atol=1e-6 * float(power.max()), rtol=1e-5)
    # what is left of it in the logarithm is a few steps of float32 about ln(1e-7)
    gold.check(GOLDEN, "w48_scaled_2^-23/log_spec", logarithm(power)[:, None], atol=2 * 1.9073486e-06, rtol=0)


def test_a_window_of_its_own_knows_nothing_of_the_others():
    waves = gold.waveform("spectrogram", 2, 8000, 16000)
    louder = waves * np.float32([[1], [3]])
    own = [spectrogram.features(each, 16000, "window") for each in (waves, louder)]
    together = [spectrogram.features(each, 16000, "batch") for each in (waves, louder)]
    np.testing.assert_array_equal(own[0][0], own[1][0])
    assert np.abs(together[0][0] - together[1][0]).max() > 0.1
    for rows in own:
        np.testing.assert_allclose(rows.mean((1, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(rows.std((1, 2, 3), ddof=1), 1, atol=1e-4)


def test_the_spread_is_the_unbiased_one():
    got = spectrogram.standardize(np.float32([[[-1, 1]]]), "batch")
    np.testing.assert_allclose(got, [[[-(2**-0.5), 2**-0.5]]], rtol=1e-6)


def test_silence_is_finite():
    np.testing.assert_array_equal(spectrogram.features(np.zeros((2, 4000), np.float32), 16000, "window"), 0)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(ValueError, match="more than 256 samples"):
        spectrogram.spectrogram(np.zeros((1, 256), np.float32))
    with pytest.raises(ValueError, match="'clip'"):
        spectrogram.standardize(np.zeros((1, 257, 3), np.float32), "clip")


@pytest.mark.parametrize("tone", [60.0, 440.0, 6000.0])
@pytest.mark.parametrize(("rate", "new_rate"), [(48000, 16000), (44100, 16000), (16000, 48000), (22050, 48000)])
def test_a_tone_stays_the_same_tone(tone, rate, new_rate):
    def sung(at):
        return np.sin(2 * np.pi * tone * np.arange(at // 5) / at).astype(np.float32)[None]

    got = spectrogram.resample(sung(rate), rate, new_rate)
    assert got.shape == (1, new_rate // 5)
    middle = slice(new_rate // 50, -new_rate // 50)  # away from the ends, beyond which there is silence
    np.testing.assert_allclose(got[0, middle], sung(new_rate)[0, middle], atol=0.02)


def test_tones_beyond_the_new_band_go():
    tone = np.sin(2 * np.pi * 12000 * np.arange(9600) / 48000).astype(np.float32)[None]
    assert np.abs(spectrogram.resample(tone, 48000, 16000)[0, 100:-100]).max() < 0.01


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.integers(1, 60), st.integers(1, 60))
def test_resampling_is_the_windowed_sinc_at_any_rates(samples, rate, new_rate):
    wave = np.random.default_rng(samples).standard_normal(samples)
    got = spectrogram.resample(wave.astype(np.float32)[None], rate, new_rate)
    assert got.shape == (1, -(-samples * new_rate // rate)) and got.dtype == np.float32
    if rate != new_rate:
        band = 0.99 * min(1, new_rate / rate)
        t = (np.arange(got.shape[1])[:, None] * rate / new_rate - np.arange(samples)) * band
        kernel = np.where(abs(t) < 6, np.sinc(t) * np.cos(np.pi * t / 12) ** 2 * band, 0)
        np.testing.assert_allclose(got[0], kernel @ wave, atol=3e-6)


def test_an_odd_rate_costs_little():
    tracemalloc.start()
    got = spectrogram.resample(np.ones((2, 4001), np.float32), 44099, 48000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6  # a filter as long as a period of the two rates would take 17 GB
    np.testing.assert_allclose(got[:, 50:-50], 1, atol=0.01)
