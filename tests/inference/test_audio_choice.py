"""Which audio is used, in notebooks as on the command line, and the reason where none is."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PIL import Image

from mindaam.data.videos.reading import video_info
from mindaam.errors import CheckpointError, ConfigError, InputError
from mindaam.inference.audio_choice import AudioChoice, choose_audio, unused_because
from mindaam.inference.audio_request import OFF, AudioRequest, checked_request, require_videos
from mindaam.models.registry import model_config
from tests.clips import make_clip, pictures
from tests.fakes import FakeAudioEncoder

SOUND = model_config("aam_dinov3_vits16", "paper").sound


def config(audio=True):
    return SimpleNamespace(name="small", audio=audio and SimpleNamespace(name="wav2clip", width=3), sound=SOUND)


@pytest.fixture
def video(tmp_path):
    return make_clip(tmp_path / "a.mp4", pictures(10), tone=0.4)


@pytest.fixture
def encoder(monkeypatch):
    monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: True)
    monkeypatch.setattr("mindaam.zoo.audio_encoder", lambda name, normalise: FakeAudioEncoder(), raising=False)


def chosen(video, request=AudioRequest(), model=None):  # noqa: B008 - an immutable tuple
    return choose_audio(video, video_info(video), model or config(), request)


def test_a_request_is_checked(video):
    assert checked_request("auto", 2, 0) == AudioRequest("auto", 2) and checked_request(OFF, 0, 5) == AudioRequest(OFF)
    assert checked_request(str(video), 0, 1) == AudioRequest(Path(video))
    with pytest.raises(ConfigError, match="--audio-track -1 does not exist"):
        checked_request("auto", -1, 1)
    with pytest.raises(ConfigError, match="needs exactly one video, and the inputs have 2"):
        checked_request(str(video), 0, 2)
    with pytest.raises(InputError, match="the audio file none.wav does not exist"):
        checked_request("none.wav", 0, 1)


def test_what_cannot_be_audio_is_refused_before_the_model_is_loaded(tmp_path):
    Image.fromarray(pictures(1)[0]).save(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match="--audio .*photo.jpg is an image; give an audio file"):
        checked_request(str(tmp_path / "photo.jpg"), 0, 1)
    require_videos(0, False)
    for given, option in (((2, False), "--audio-track"), ((0, True), "--plot-gate")):
        with pytest.raises(ConfigError, match=f"{option} is for videos, and the inputs have none"):
            require_videos(*given)


def test_the_reasons_to_use_no_audio(video, tmp_path):
    assert unused_because(config(audio=None), 1) == "the model small has no audio branch"
    assert unused_because(config(), 0) == "the video has no audio"
    assert "zoo fetch wav2clip" in unused_because(config(), 1)
    assert chosen(video) == AudioChoice(note=f"not used: {unused_because(config(), 1)}")
    assert chosen(video, AudioRequest(OFF)) == AudioChoice(note="not used, as requested")
    silent = make_clip(tmp_path / "silent.mp4", pictures(3))
    assert chosen(silent).note == "not used: the video has no audio"


def test_a_track_that_does_not_exist_is_a_problem_of_the_choice(video, encoder):
    choice = chosen(video, AudioRequest(track=1))
    assert choice.stream is None and choice.track == 0 and "track 1 does not exist" in str(choice.problem)


def test_the_audio_of_the_video_is_used(video, encoder):
    choice = chosen(video)
    with choice.stream as stream:
        assert stream.embeddings([stream.note(0.2)]).shape == (1, 5, 3)
    assert (choice.file, choice.track, choice.problem) == (None, 0, None)
    assert choice.note == "used, encoded by wav2clip"


def test_an_audio_file_is_used_and_kept_instead(video, encoder, tmp_path):
    soundfile.write(tmp_path / "b.wav", np.zeros(16_000), 16_000)
    choice = chosen(video, AudioRequest(tmp_path / "b.wav"))
    choice.stream.close()
    assert choice.file == tmp_path / "b.wav" and choice.note == f"used, encoded by wav2clip, from {choice.file}"
    (tmp_path / "c.wav").write_text("text\n" * 50)
    choice = chosen(video, AudioRequest(tmp_path / "c.wav"))
    assert choice.stream is None and choice.file is None and "c.wav" in str(choice.problem)


def test_an_audio_file_for_a_model_that_cannot_use_it_is_refused(video):
    with pytest.raises(ConfigError, match="small has no audio branch"):
        chosen(video, AudioRequest(video), config(audio=None))
    with pytest.raises(CheckpointError, match="zoo fetch wav2clip"):
        chosen(video, AudioRequest(video))
