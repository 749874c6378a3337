"""Windows of audio about the frames of a clip: as released, and as the paper's models take them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.audio.audio_track import AudioTrack
from mindaam.data.audio.cutting import (
    GRID,
    SAMPLES,
    Cut,
    clip_audio,
    cut_of,
    cut_window,
    released_window,
    track_rate,
    window_positions,
    window_times,
)
from mindaam.data.audio.stored import KEPT, StoredTrack
from mindaam.encoders.spectrogram import resample
from mindaam.errors import InputError
from mindaam.models.registry import model_config
from tests import gold
from tests.clips import make_clip

GOLDEN = np.load(__file__.replace("test_cutting.py", "goldens/sound.npz"))
SLICES = [(48000, 30.0, 6, 0, 5.0), (16000, 25.0, 5, 60, 4.0), (44100, 29.97, 4, 10, 3.0), (48000, 24.0, 4, 70, 2.5)]
PAPER, RELEASED = (cut_of(model_config("aam_dinov3_vits16", preset).sound) for preset in ("paper", "released"))


class Wave:
    """A track in memory."""

    def __init__(self, wave, rate):
        self.wave, self.rate = np.asarray(wave, np.float32), rate

    def samples(self, first, count):
        out = np.zeros(count, np.float32)
        low, high = max(first, 0), min(first + count, len(self.wave))
        if low < high:
            out[low - first : high - first] = self.wave[low:high]
        return out


@pytest.mark.parametrize(("rate", "fps", "frames", "start", "seconds"), SLICES)
def test_as_the_reference_cuts_it(rate, fps, frames, start, seconds):
    track = Wave(gold.waveform(f"I/slice/{rate}", 1, int(rate * seconds), rate)[0], rate)
    windows = np.stack([released_window(track, 1.0, start + number, fps) for number in range(frames)])
    key = f"slice/sr{rate}_fps{fps}_n{frames}_s{start}_d{seconds}"
    gold.check(GOLDEN, key, windows[:, None], atol=3e-7, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 200), st.floats(5, 60), st.integers(1, 100_000))
def test_a_window_is_the_two_seconds_about_its_frame(number, fps, samples):
    wave = np.arange(1, samples + 1, dtype=np.float32)  # each sample tells where it is from
    window = released_window(Wave(wave, 48_000), 1.0, number, fps)
    first = int(number / fps * 48_000) - 48_000
    heard = np.flatnonzero(window)
    expected = range(max(first, 0), max(min(first + 96_000, samples), 0))
    assert len(heard) == len(expected)
    if len(heard):
        assert window[heard[0]] == expected[0] + 1 and window[heard[-1]] == expected[-1] + 1
        assert heard[0] == expected[0] - first


def test_windows_lie_about_the_frame():
    assert window_times(3.0, 5, 0.5) == [2.0, 2.5, 3.0, 3.5, 4.0] and window_times(3.0, 1, 0.5) == [3.0]
    assert window_positions(PAPER, 3.01, 24.0) == [32, 40, 48, 56, 64]  # sixteenths of a second
    assert window_positions(RELEASED, 3.01, 24.0) == [72]  # frames


def test_a_clip_has_each_window_once_and_each_frame_its_own():
    track = Wave(np.arange(16_000 * 20) / 16_000, 16_000)  # the sample at second t is t
    times = [5.0, 5.01, 5.5, 5.0]
    audio = clip_audio(track, PAPER, times, 100.0)
    assert audio.windows.shape == (6, SAMPLES) and audio.windows.dtype == np.float32
    middles = audio.windows[:, SAMPLES // 2]
    np.testing.assert_allclose(middles, [4.0, 4.5, 5.0, 5.5, 6.0, 6.5])
    np.testing.assert_allclose(audio.by_frame(middles)[[0, 1, 3]], [[4.0, 4.5, 5.0, 5.5, 6.0]] * 3)
    np.testing.assert_allclose(audio.by_frame(middles)[2], [4.5, 5.0, 5.5, 6.0, 6.5])
    assert audio.by_frame(audio.windows).shape == (4, 5, SAMPLES)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_a_window_is_what_the_encoder_takes_at_any_rate_and_scaled(rate):
    mixed = PAPER._replace(resampling="sinc", scale=0.25)
    assert track_rate(PAPER) == 16_000 and track_rate(mixed) is None and track_rate(RELEASED) is None
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * rate) / rate)
    for cut, place in ((mixed, 2 * GRID), (RELEASED, 50)):
        window = cut_window(Wave(wave, rate), cut, place, 25.0)
        assert window.shape == (SAMPLES,) and window.dtype == np.float32
        times = 1 + np.arange(SAMPLES) / 16_000
        middle = slice(1000, -1000)  # the filters see silence beyond a window's ends
        sine = cut.scale * 0.5 * np.sin(2 * np.pi * 440 * times)
        np.testing.assert_allclose(window[middle], sine[middle], atol=0.02 * cut.scale)


def test_beyond_the_ends_is_silence():
    track = Wave(np.ones(16_000), 16_000)
    window = cut_window(track, PAPER, 0, 25.0)
    assert not window[:16_000].any() and window[16_000:].all()
    assert not cut_window(track, PAPER, -20 * GRID, 25.0).any() and not cut_window(track, PAPER, 99 * GRID, 25.0).any()


def test_the_released_scale_multiplies():
    track = Wave(gold.waveform("sound", 1, 9600, 48_000)[0], 48_000)
    plain, scaled = (released_window(track, scale, 1, 25.0) for scale in (1.0, RELEASED.scale))
    np.testing.assert_array_equal(scaled * np.float32(2**23), plain)
    assert scaled.any()


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match="for 1 frame or more.*got 0 frames"):
        clip_audio(Wave(np.zeros(100), 16_000), PAPER, [], 25.0)
    with pytest.raises(InputError, match="a track at 16000 samples per second.*and 44100"):
        clip_audio(Wave(np.zeros(100), 44_100), PAPER, [1.0], 25.0)


@pytest.mark.parametrize("cut", [PAPER, RELEASED])
@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_a_stored_track_gives_what_the_file_gives(tmp_path, cut, rate):
    wave = (0.1 * np.random.default_rng(0).normal(size=(1, 5 * rate + 123))).astype(np.float32)
    path = make_clip(tmp_path / "a.mkv", [], tone=wave, tone_codec="pcm_f32le", tone_rate=rate, form="matroska")
    stored = StoredTrack(Wave(wave[0], rate).samples, wave.shape[1], rate, track_rate(cut))
    times = [0.0, 0.3, 2.0, 4.9, 5.2, 9.0]
    with AudioTrack(path, track_rate(cut)) as track:
        one, other = (clip_audio(each, cut, times, 25.0) for each in (track, stored))
    assert stored.rate == track.rate
    np.testing.assert_array_equal(one.of_frame, other.of_frame)
    np.testing.assert_allclose(one.windows, other.windows, rtol=0, atol=1e-6 * cut.scale)
    assert one.windows.std() > 0.03 * cut.scale


def test_a_stored_track_caches_the_latest_seconds_only():
    rate, asked = 8000, []
    wave = np.random.default_rng(0).normal(size=60 * rate).astype(np.float32)

    def read(first, count):
        asked.append(first)
        return Wave(wave, rate).samples(first, count)

    track = StoredTrack(read, len(wave), rate, 16_000)
    pieces = [track.samples(second * 16_000, 16_000) for second in range(60)]
    assert len(asked) == 60 and len(track._seconds) == KEPT
    np.testing.assert_array_equal(track.samples(59 * 16_000, 16_000), pieces[59])
    assert len(asked) == 60
    np.testing.assert_array_equal(track.samples(0, 60 * 16_000), np.concatenate(pieces))
    assert len(track._seconds) == KEPT


def test_windows_of_a_track_at_another_rate_are_resampled_once():
    track = Wave(np.random.default_rng(0).normal(size=96_000), 48_000)
    window = cut_window(track, PAPER._replace(resampling="sinc"), GRID, 25.0)
    np.testing.assert_array_equal(window, resample(track.wave, 48_000, 16_000))


def test_a_cut_is_a_plain_value():
    assert Cut(5, 0.5, "times", "polyphase", 1.0) == PAPER
    assert Cut(1, 0.5, "frames", "sinc", 2.0**-23) == RELEASED
