"""Frames as a player shows them: upright, with square pixels, in their colours."""

from fractions import Fraction

import av
import numpy as np
import pytest

from mindaam.data.images.tone_mapping import tone_mapped
from mindaam.data.videos.decoding.colors import upright_rgb
from mindaam.data.videos.reading import Pick, read_frames, video_info
from tests.clips import make_clip, pictures


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_phone_held_otherwise_gives_upright_frames(tmp_path, angle):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 200  # bright at the top left
    path = make_clip(tmp_path / "r.mp4", [frame] * 3, rotation=angle)
    image = next(iter(read_frames(path))).image
    expected = np.rot90(frame, round(angle / 90))
    assert image.shape == expected.shape and np.abs(image.astype(int) - expected).mean() < 5
    assert video_info(path)[:2] == image.shape[1::-1]


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = 2

    path = make_clip(tmp_path / "wide.mp4", pictures(3), prepare=anamorphic)
    assert next(iter(read_frames(path))).image.shape == (48, 128, 3)


@pytest.mark.parametrize(("size", "matrix"), [((720, 1280), "ITU709"), ((480, 640), "ITU601")])
def test_colours_that_a_film_does_not_name_are_those_of_its_size(tmp_path, size, matrix):
    color = np.full((*size, 3), (200, 30, 40), np.uint8)
    with av.open(str(tmp_path / "c.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        plain = av.VideoFrame.from_ndarray(color, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
        untold = av.VideoFrame.from_ndarray(plain.to_ndarray(), format="yuv420p")
        container.mux(stream.encode(untold))
        container.mux(stream.encode(None))
    image = next(iter(read_frames(tmp_path / "c.mp4"))).image
    assert np.abs(image.astype(int) - (200, 30, 40)).max() <= 6


def written(path, frame, codec, pix_fmt, count=3, options=None, prepare=None):
    """A video of one PyAV frame, `count` times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = frame.height, frame.width, pix_fmt
        if prepare:
            prepare(stream.codec_context)
        for number in range(count):
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def see_through(pix_fmt):
    """Red, opaque on the left, half transparent in the middle, not to be seen on the right: PyAV's frame of 96 x 64."""
    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[..., 0], rgba[:, :32, 3], rgba[:, 32:64, 3] = 200, 255, 128
    return av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("vp9.webm", "libvpx-vp9", "yuva420p", {"lossless": "1", "cpu-used": "8"}),
        ("vp8.webm", "libvpx", "yuva420p", {"auto-alt-ref": "0", "b": "2M"}),
        ("vp9.mkv", "libvpx-vp9", "yuva420p", {"lossless": "1", "cpu-used": "8"}),
        ("animation.mov", "qtrle", "argb", None),
        ("png.mov", "png", "rgba", None),
        ("prores.mov", "prores_ks", "yuva444p10le", None),
        ("ffv1.mkv", "ffv1", "bgra", None),
        ("utvideo.avi", "utvideo", "gbrap", None),
    ],
)
def test_what_is_transparent_is_white(tmp_path, name, codec, pix_fmt, options):
    path = written(tmp_path / name, see_through(pix_fmt), codec, pix_fmt, options=options)
    frames = list(read_frames(path))
    assert len(frames) == 3
    for frame in frames:
        left, middle, right = (frame.image[32, column].astype(int) for column in (10, 48, 85))
        assert np.abs(left - (200, 0, 0)).max() < 6 and np.abs(middle - (227, 127, 127)).max() < 6
        assert (right >= 253).all()
    (later,) = read_frames(path, Pick(start=0.08))
    np.testing.assert_array_equal(later.image, frames[2].image)


def test_transparency_follows_what_moves(tmp_path):
    path = tmp_path / "moves.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25, options={"cpu-used": "8"})
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = 64, 96, "yuva420p", 20
        for number in range(40):
            rgba = np.zeros((64, 96, 4), np.uint8)
            rgba[:, number : number + 30, 3] = 255
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for start in (0, 1.0):
        for frame in read_frames(path, Pick(start=start)):
            dark = np.flatnonzero(frame.image[32, :, 0] < 128)
            assert (dark[0], len(dark)) == (round(25 * frame.time), 30)


def test_alpha_that_was_never_set_hides_nothing(tmp_path):
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:24, :, 1] = 200  # some recorders of screens leave the fourth byte at 0
    path = written(tmp_path / "screen.avi", av.VideoFrame.from_ndarray(rgba, format="bgra"), "rawvideo", "bgra")
    np.testing.assert_array_equal(next(iter(read_frames(path))).image, rgba[..., 2::-1])
    rgba[..., :] = 0
    path = written(tmp_path / "empty.mov", av.VideoFrame.from_ndarray(rgba, format="argb"), "qtrle", "argb")
    assert (next(iter(read_frames(path))).image == 255).all()


def test_an_opaque_video_with_alpha_is_read_as_one_without(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    opaque = np.dstack([image, np.full((48, 64), 255, np.uint8)])
    path = written(tmp_path / "o.mov", av.VideoFrame.from_ndarray(opaque, format="rgba"), "png", "rgba")
    np.testing.assert_array_equal(next(iter(read_frames(path))).image, image)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("hevc.mp4", "libx265", {"x265-params": "lossless=1:log-level=none"}),
        ("ffv1.mkv", "ffv1", None),  # named by the container only
    ],
)
@pytest.mark.parametrize(("number", "transfer"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_tone_mapped(tmp_path, name, codec, options, number, transfer):
    codes = np.zeros((64, 96, 3), np.uint16)
    codes[:, :32], codes[:, 32:64], codes[:, 64:] = (38050, 38050, 38050), (40000, 20000, 9000), (60000, 60000, 60000)
    pix_fmt, matrix = "yuv420p10le", 9  # BT.2020

    def named(context):
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = number, 9, matrix, 1

    frame = av.VideoFrame.from_ndarray(codes, format="rgb48le").reformat(format=pix_fmt, dst_colorspace=matrix)
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = number, 9, matrix, 1
    path = written(tmp_path / name, frame, codec, pix_fmt, options=options, prepare=named)
    assert video_info(path).dynamic_range == transfer
    image, wanted = next(iter(read_frames(path))).image.astype(int), tone_mapped(codes, transfer)
    assert np.abs(image[32, [10, 48, 85]] - wanted[32, [10, 48, 85]]).max() <= 3  # of 10 bits
    assert video_info(make_clip(tmp_path / "sdr.mp4", pictures(3))).dynamic_range is None


@pytest.mark.parametrize("number", [3, 18, 255])
def test_colours_of_a_number_that_there_is_not_are_as_if_untold(number):
    def stored():
        return av.VideoFrame.from_ndarray(pictures(8, (48, 64))[7], format="rgb24").reformat(format="yuv420p")

    damaged = stored()
    damaged.colorspace = number
    np.testing.assert_array_equal(upright_rgb(damaged, (48, 64)), upright_rgb(stored(), (48, 64)))
