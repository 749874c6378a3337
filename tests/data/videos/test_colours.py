"""Frames as a player shows them: upright, with square pixels, in their colours."""

import av
import numpy as np
import pytest

from mindaam.data.videos.reading import film_info, read_frames
from tests.clips import make_clip, pictures


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_phone_held_otherwise_gives_upright_frames(tmp_path, angle):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 200  # bright at the top left
    path = make_clip(tmp_path / "r.mp4", [frame] * 3, rotation=angle)
    image = next(iter(read_frames(path))).image
    expected = np.rot90(frame, round(angle / 90))
    assert image.shape == expected.shape and np.abs(image.astype(int) - expected).mean() < 5
    assert film_info(path)[:2] == image.shape[1::-1]


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = 2

    path = make_clip(tmp_path / "wide.mp4", pictures(3), prepare=anamorphic)
    assert next(iter(read_frames(path))).image.shape == (48, 128, 3)


@pytest.mark.parametrize(("size", "matrix"), [((720, 1280), "ITU709"), ((480, 640), "ITU601")])
def test_colours_that_a_film_does_not_name_are_those_of_its_size(tmp_path, size, matrix):
    colour = np.full((*size, 3), (200, 30, 40), np.uint8)
    with av.open(str(tmp_path / "c.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        plain = av.VideoFrame.from_ndarray(colour, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
        untold = av.VideoFrame.from_ndarray(plain.to_ndarray(), format="yuv420p")
        container.mux(stream.encode(untold))
        container.mux(stream.encode(None))
    image = next(iter(read_frames(tmp_path / "c.mp4"))).image
    assert np.abs(image.astype(int) - (200, 30, 40)).max() <= 6
