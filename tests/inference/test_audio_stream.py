"""Hearing a film in passing: which windows of sound a frame has, and that each is encoded once."""

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.audio.cutting import GRID
from mindaam.errors import CheckpointError, ConfigError, InputError
from mindaam.inference.audio_stream import AudioStream, open_audio_stream
from mindaam.models.config import SoundConfig
from mindaam.models.registry import model_config
from tests.clips import make_clip, pictures
from tests.fakes import FakeAudioEncoder

PAPER, RELEASED = (model_config("aam_dinov3_vits16", preset).sound for preset in ("paper", "released"))


class Ramp:
    """A track whose sample at second t is t, from 0 to 100 s."""

    def __init__(self, rate=16_000):
        self.rate, self.problem, self.closed = rate, None, False

    def samples(self, first, count):
        index = np.arange(first, first + count)
        return np.where((index >= 0) & (index < 100 * self.rate), index / self.rate, 0).astype(np.float32)

    def close(self):
        self.closed = True


def test_a_frame_hears_several_windows_in_the_order_of_time():
    with AudioStream(Ramp(), FakeAudioEncoder(), PAPER, 25.0) as audio_stream:
        notes = [audio_stream.note(time) for time in (10.0, 10.04)]
        heard = audio_stream.embeddings(notes)
    assert audio_stream.track.closed
    assert heard.shape == (2, 5, 3) and heard.dtype == np.float32
    np.testing.assert_allclose(heard[0, :, 1], [9.0, 9.5, 10.0, 10.5, 11.0], atol=1e-4)
    assert np.abs(heard[1, :, 1] - heard[0, :, 1] - 0.04).max() <= 0.5 / GRID + 1e-4
    np.testing.assert_allclose(heard[..., 2], 2.0)


@pytest.mark.parametrize("sound", [PAPER, RELEASED])
def test_over_clips_that_overlap_a_window_is_encoded_once_if_it_can_be_and_memory_stays(sound):
    audio_stream, clip = AudioStream(Ramp(1000), ears := FakeAudioEncoder(), sound, 25.0), deque(maxlen=16)
    for number in range(400):
        clip.append(audio_stream.note(10 + number / 25))
        if number % 12 == 3 and number > 16:
            heard = audio_stream.embeddings(list(clip))
            assert heard.shape[0] == 16 and len(audio_stream._known) <= 16 * sound.tokens
            assert len(audio_stream._waves) <= 16 * sound.tokens
    if sound is PAPER:
        assert sum(ears.given) <= GRID * (400 / 25 + 2) + 2  # and a second before and after
        before = sum(ears.given)
        np.testing.assert_array_equal(audio_stream.embeddings(list(clip)), heard)
        assert sum(ears.given) == before


def test_released_sound_is_one_window_a_frame_normalised_with_its_clip():
    audio_stream = AudioStream(Ramp(1000), ears := FakeAudioEncoder(), RELEASED, 10.0)
    notes = [audio_stream.note(number / 10) for number in (20, 21, 22)]
    assert ears.given == []  # nothing is encoded before the clip is whole
    wave = audio_stream._waves[notes[0][0]]
    assert wave.shape == (32_000,) and np.median(wave) == pytest.approx(2.0 * RELEASED.scale, rel=0.01)
    heard = audio_stream.embeddings(notes)
    assert ears.given == [3] and heard.shape == (3, 3)
    np.testing.assert_allclose(heard[:, 2], 2.0)


def test_switches_of_sound_may_be_mixed():
    mixed = SoundConfig(**PAPER.model_dump() | {"normalise": "batch", "tokens": 3, "resampling": "sinc"})
    audio_stream = AudioStream(Ramp(8000), ears := FakeAudioEncoder(), mixed, 25.0)
    heard = audio_stream.embeddings([audio_stream.note(time) for time in (10.0, 11.0)])
    assert ears.given == [5] and heard.shape == (2, 3, 3)
    np.testing.assert_allclose(heard[:, :, 1], [[9.5, 10.0, 10.5], [10.5, 11.0, 11.5]], atol=1e-3)


def config(audio=True, sound=PAPER):
    return SimpleNamespace(name="small", audio=audio and SimpleNamespace(name="wav2clip", width=3), sound=sound)


def test_what_cannot_be_heard_is_refused(tmp_path):
    film = make_clip(tmp_path / "a.mp4", pictures(10), tone=0.4)
    with pytest.raises(ConfigError, match="small has no audio branch"):
        open_audio_stream(config(audio=None), film, 25.0)
    with pytest.raises(CheckpointError, match="zoo fetch wav2clip"):
        open_audio_stream(config(), film, 25.0)
    silent = make_clip(tmp_path / "b.mp4", pictures(10))
    with pytest.raises(InputError, match="b.mp4"):
        open_audio_stream(config(), silent, 25.0, encoder=FakeAudioEncoder())


@pytest.mark.parametrize(("sound", "rate"), [(PAPER, 16_000), (RELEASED, 44_100)])
def test_a_real_film_is_heard(tmp_path, sound, rate):
    film = make_clip(tmp_path / "a.mkv", pictures(100), tone=4.0, tone_codec="pcm_s16le", tone_rate=44_100)
    with open_audio_stream(config(sound=sound), film, 25.0, encoder=FakeAudioEncoder()) as audio_stream:
        assert audio_stream.track.rate == rate
        heard = audio_stream.embeddings([audio_stream.note(2.0)])
    loudness = heard[0, sound.tokens // 2, 0] if sound.fusion == "paper" else heard[0, 0]
    assert loudness == pytest.approx(0.5 / np.sqrt(2) * sound.scale, rel=0.02)
