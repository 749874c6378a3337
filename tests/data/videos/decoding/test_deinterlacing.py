"""Interlaced video is made progressive."""

import av
import numpy as np
import pytest

from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.timeline import timeline
from tests.clips import make_clip, number_of, pictures


def test_interlaced_frames_are_woven_without_combs(tmp_path):
    frames = []
    for number in range(12):  # a bar that moves between the two fields of each frame
        frame = np.full((64, 96, 3), 40, np.uint8)
        frame[0::2, 6 * number : 6 * number + 20] = 220
        frame[1::2, 6 * number + 10 : 6 * number + 30] = 220
        frames.append(frame)
    path = make_clip(tmp_path / "i.mp4", frames, options={"x264-params": "tff=1", "crf": "10"})
    got = [frame.image.astype(int) for frame in read_frames(path)]

    def combs(image):
        return np.abs(image[1:-1:2] - (image[:-2:2] + image[2::2]) / 2).mean()

    assert len(got) == 12 and combs(frames[5].astype(int)) > 30 and combs(got[5]) < 10


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mkv", "libx264", {"x264-params": "tff=1"}),
        ("a.avi", "libx264", {"x264-params": "tff=1"}),
        ("a.mpg", "mpeg2video", {"flags": "+ildct+ilme", "bf": "2"}),
    ],
)
def test_interlaced_video_has_the_times_that_are_read(tmp_path, name, codec, options):
    path = make_clip(tmp_path / name, pictures(28), codec=codec, options=options)
    found = timeline(path)
    assert found.times.tolist() == [frame.time for frame in read_frames(path)]
    np.testing.assert_allclose(found.times, np.arange(28) / 25, atol=1e-3)


def test_frames_that_cannot_be_made_progressive_pass_as_they_are(tmp_path, monkeypatch):
    path = make_clip(tmp_path / "a.mkv", pictures(5), options={"x264-params": "tff=1"})
    monkeypatch.setattr(av.filter, "Graph", Unfit)
    assert [number_of(frame.image) for frame in read_frames(path)] == list(range(5))


class Unfit:
    def add_buffer(self, **options):
        raise ValueError("not for this format")
