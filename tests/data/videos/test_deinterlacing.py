"""Interlaced video is made progressive."""

import numpy as np

from mindaam.data.videos.reading import read_frames
from tests.clips import make_clip


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
