"""A film's sound, frame by frame, as the released loader cuts it."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.sound import RATE, RELEASED_SCALE, frame_window, frame_windows
from mindaam.data.sound_track import SoundTrack
from mindaam.errors import InputError
from tests import gold

GOLDEN = np.load(__file__.replace("test_sound.py", "goldens/sound.npz"))
SLICES = [(48000, 30.0, 6, 0, 5.0), (16000, 25.0, 5, 60, 4.0), (44100, 29.97, 4, 10, 3.0), (48000, 24.0, 4, 70, 2.5)]


@pytest.mark.parametrize(("rate", "fps", "frames", "start", "seconds"), SLICES)
def test_as_the_reference_cuts_it(rate, fps, frames, start, seconds):
    wave = gold.waveform(f"I/slice/{rate}", 1, int(rate * seconds), rate)[0]
    windows = frame_windows(wave, rate, fps, frames, start)
    key = f"slice/sr{rate}_fps{fps}_n{frames}_s{start}_d{seconds}"
    gold.check(GOLDEN, key, windows[:, None], atol=3e-7, rtol=0)


def test_a_film_without_sound_is_silent():
    np.testing.assert_array_equal(frame_windows(None, 48000, 25, 3), np.zeros((3, 96000), np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 200), st.floats(5, 60), st.integers(1, 4), st.integers(1, 100_000))
def test_a_window_is_the_two_seconds_about_its_frame(start, fps, frames, samples):
    wave = np.arange(1, samples + 1, dtype=np.float32)  # each sample tells where it is from
    for i, window in enumerate(frame_windows(wave, RATE, fps, frames, start)):
        centre = int((start + i) / fps * RATE)
        heard = np.flatnonzero(window)
        assert set(window[heard] - 1 - (centre - RATE)) <= set(heard.astype(np.float32)) if len(heard) else True
        expected = range(max(centre - RATE, 0), max(min(centre + RATE, samples), 0))
        assert len(heard) == len(expected)
        if len(heard):
            assert window[heard[0]] == expected[0] + 1 and window[heard[-1]] == expected[-1] + 1


@pytest.mark.parametrize(("rate", "fps"), [(44_100, 29.97), (48_000, 24.0), (16_000, 25.0)])
def test_a_window_from_a_stream_is_the_row(tmp_path, rate, fps):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).normal(size=4 * rate), rate, subtype="FLOAT")
    wave = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    rows = frame_windows(wave, rate, fps, 140, scale=RELEASED_SCALE)
    with SoundTrack(tmp_path / "a.wav", rate=None) as track:
        for number in (0, 3, 50, 75, 139, 20):
            window = frame_window(track, fps, number, scale=RELEASED_SCALE)
            assert window.dtype == np.float32
            np.testing.assert_allclose(window, rows[number], atol=1e-6 * RELEASED_SCALE)


def test_the_scale_multiplies():
    wave = gold.waveform("sound", 1, 9600, 48000)[0]
    plain, scaled = frame_windows(wave, RATE, 25, 2), frame_windows(wave, RATE, 25, 2, scale=RELEASED_SCALE)
    np.testing.assert_array_equal(scaled * np.float32(8388608), plain)  # 2 to the 23rd
    assert scaled.any()


@pytest.mark.parametrize(
    ("wave", "rate", "fps", "frames", "message"),
    [
        (np.zeros((2, 100)), 48000, 25, 1, "mono"),
        (np.zeros(100), 48000, 0, 1, "a frame rate"),
        (np.zeros(100), 0, 25, 1, "a sample rate"),
        (np.zeros(100), 48000, 25, 0, "needs frames"),
        (np.zeros(100), 48000, float("nan"), 1, "a frame rate"),
        (np.zeros(100), 44100.5, 25, 1, "sample rate is whole"),
    ],
)
def test_what_is_no_clip_is_refused(wave, rate, fps, frames, message):
    with pytest.raises(InputError, match=message):
        frame_windows(wave, rate, fps, frames)


def test_a_clip_does_not_start_before_its_film():
    with pytest.raises(InputError, match="frame 0 or later"):
        frame_windows(np.zeros(100), 48000, 25, 1, start=-1)
