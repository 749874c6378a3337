"""Streams that begin after a file was opened: nothing that was decoded is lost, and late video and audio are found."""

import numpy as np
import pytest

from mindaam.data.videos.decoding.containers import open_video, packets
from mindaam.data.videos.reading import Pick, read_frames, video_info
from mindaam.data.videos.timeline import timeline
from tests.clips import read_audio
from tests.data.videos.late_streams import AUDIO, VIDEO, flv, glued


def test_video_before_late_audio_is_whole(tmp_path):
    path = flv(tmp_path / "a.flv", VIDEO, AUDIO, after=9.0)
    times = [frame.time for frame in read_frames(path)]
    np.testing.assert_allclose(times, np.arange(225) / 25, atol=1e-3)
    assert timeline(path).times.tolist() == times
    assert video_info(path).has_audio
    sound = read_audio(path, 16000)
    assert not sound[: 8 * 16000].any() and np.abs(sound[round(9.5 * 16000) :]).max() > 0.2


def test_late_video_is_found(tmp_path):
    path = flv(tmp_path / "v.flv", AUDIO, VIDEO, after=10.0)
    times = [frame.time for frame in read_frames(path)]
    np.testing.assert_allclose(times, 10 + np.arange(50) / 25, atol=0.03)  # the encoder of the audio needs some time
    assert len(list(read_frames(path, Pick(11.0)))) == 25


@pytest.mark.parametrize(("name", "form"), [("a.ts", "mpegts"), ("a.mpg", "mpeg"), ("a.vob", "vob")])
def test_streams_glued_to_video_alone_lose_nothing(tmp_path, name, form):
    path = glued(tmp_path / name, form, "video")
    frames = [frame.time for frame in read_frames(path)]
    assert len(frames) == 300 and (np.diff(frames) > 0).all() and frames[-1] == pytest.approx(12, abs=0.2)
    assert timeline(path).times.tolist() == frames and video_info(path).has_audio
    part = [frame.time for frame in read_frames(path, Pick(11.0))]
    np.testing.assert_allclose(part, [time for time in frames if time >= 11.0], atol=1e-6)


@pytest.mark.parametrize(("name", "form"), [("a.mpg", "mpeg"), ("a.vob", "vob")])
def test_video_after_audio_alone_is_found(tmp_path, name, form):
    path = glued(tmp_path / name, form, "audio")
    info = video_info(path)
    assert (info.width, info.height, info.rate) == (64, 48, 25.0) and len(list(read_frames(path))) == 50


class Flushing:
    """A container of which PyAV fails at its last packets, as it does for a stream that was not there at first."""

    def __init__(self, container):
        self._container = container

    def demux(self, *streams):
        yield from self._container.demux(*streams)
        raise IndexError("list index out of range")


def test_a_stream_that_no_look_finds_ends_nothing(tmp_path):
    path = flv(tmp_path / "a.flv", VIDEO, AUDIO, after=9.0)
    with open_video(path) as container:
        count = sum(len(packet.decode()) for packet in packets(Flushing(container), container.streams.video[0]))
    assert count == 225
