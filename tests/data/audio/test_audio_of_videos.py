"""Sound of films: samples by the film's time."""

import numpy as np
import pytest

from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import InputError
from tests.clips import make_clip, pictures, read_audio


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "a.mkv", pictures(75), tone=2.0, tone_codec="pcm_s16le", tone_rate=16000)


def test_samples_are_the_films(clip):
    wave = read_audio(clip, 16000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    assert wave.dtype == np.float32 and len(wave) == pytest.approx(32000, abs=1)
    np.testing.assert_allclose(wave[:31999], expected[:31999], atol=1e-4)


def test_a_part_is_the_same_samples_and_silence_beyond(clip):
    whole = read_audio(clip, 16000)
    part = read_audio(clip, 16000, 0.5, 1.25)
    np.testing.assert_allclose(part, whole[8000:20000], atol=1e-4)
    beyond = read_audio(clip, 16000, 1.5, 3.0)
    assert beyond.shape == (24000,) and np.std(beyond[:7900]) > 0.2 and not beyond[8100:].any()


def test_another_rate_keeps_the_tone(clip):
    wave = read_audio(clip, 48000, 0.2, 1.2)
    assert wave.shape == (48000,) and np.abs(np.fft.rfft(wave)).argmax() == 440


def test_no_sound_and_no_film(tmp_path):
    assert read_audio(make_clip(tmp_path / "s.mp4", pictures(3)), 16000) is None
    with pytest.raises(InputError, match="does not exist"):
        read_audio(tmp_path / "none.mp4", 16000)


def test_the_sound_of_films_glued_together_goes_on(tmp_path):
    part = make_clip(tmp_path / "p.ts", pictures(50), tone=2.0, form="mpegts").read_bytes()
    (path := tmp_path / "two.ts").write_bytes(part + part)
    frames = list(read_frames(path))
    with VideoWriter(tmp_path / "x.mp4", (48, 64), 25, audio=path, end=4.0) as writer:
        for frame in frames:
            writer.write(frame.image, frame.time)
    for sound in (read_audio(tmp_path / "x.mp4", 16000), read_audio(path, 16000)):
        assert len(sound) / 16000 == pytest.approx(4.1, abs=0.2)  # AAC adds a little to each
        assert min(np.std(sound[16000:24000]), np.std(sound[44000:56000])) > 0.2
