"""Videos in containers without times of presentation: each frame once, in order, i / rate apart, from any start."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from mindaam.data.videos.reading import Pick, read_frames, video_info
from mindaam.data.videos.timeline import timeline
from tests.clips import make_clip, number_of, pictures

SHARP = {"b_strategy": "0", "g": "12", "qmin": "2", "qmax": "2"}
VOP, DIVX = b"\0\0\1\xb6", b"\0\0\1\xb2DivX503b1393p"
NOT_CODED = VOP + b"\x51\x00\x7f"


def plain(path, codec, b_frames, ticks=25, **options):
    """28 frames of a codec with some B-frames. ticks: of the container's clock in a second."""

    def prepare(stream):
        stream.codec_context.time_base = Fraction(1, ticks)

    sharp = {"bf": str(b_frames), **(SHARP if codec in ("mpeg4", "mpeg2video") else {"g": "12"})}
    return make_clip(path, pictures(28), codec=codec, options=sharp, prepare=prepare, **options)


def packed(path, source):
    """As old DivX and Xvid wrote B-frames: with the frame that is decoded before it in one packet, and an empty frame
    in the place that is left."""
    with av.open(str(source)) as film:
        stream = film.streams.video[0]
        units = [bytes(packet) for packet in film.demux(stream) if packet.size]
        types = [unit[unit.find(VOP) + 4] >> 6 for unit in units]  # 0: I, 1: P, 2: B
        chunks = []
        for place, (unit, kind) in enumerate(zip(units, types, strict=True)):
            if kind == 0:
                unit = unit.replace(VOP, DIVX + VOP, 1)
            after = units[place + 1] if kind != 2 and types[place + 1 : place + 2] == [2] else b""
            chunks.append((NOT_CODED if kind == 2 else unit + after, kind == 0))
        with av.open(str(path), "w") as target:
            copy = target.add_stream_from_template(stream)
            for number, (chunk, is_key) in enumerate(chunks):
                packet = av.Packet(chunk)
                packet.stream, packet.pts, packet.dts, packet.time_base = copy, number, number, Fraction(1, 25)
                packet.is_keyframe = is_key
                target.mux(packet)
    return path


def untimed(path, source, tag=None):
    """The packets of a video in another container, at the times of their decoding only. tag: in Matroska, a codec's tag
    of AVI, by which it holds the video as AVI does."""
    with av.open(str(source)) as film, av.open(str(path), "w") as target:
        stream = film.streams.video[0]
        copy = target.add_stream_from_template(stream)
        if tag:
            sizes = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, tag, 64 * 48 * 3, 0, 0, 0, 0)
            copy.codec_context.extradata = sizes + bytes(stream.codec_context.extradata or b"")
        for number, packet in enumerate(packet for packet in film.demux(stream) if packet.size):
            packet.stream, packet.pts, packet.dts, packet.time_base = copy, number, number, Fraction(1, 25)
            target.mux(packet)
    if tag:
        path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_MS/VFW/FOURCC"))
    return path


def copied(path, source):
    """The packets of a video in another container at the times that FFmpeg makes of them."""
    with av.open(str(source)) as film, av.open(str(path), "w") as target:
        stream = film.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return path


def check(path):
    """All 28 frames come once, in order, evenly; and the same ones from any start."""
    whole = [(number_of(frame.image), round(frame.time, 6)) for frame in read_frames(path)]
    assert whole == [(number, round(number / 25, 6)) for number in range(28)]
    for start in (0.04, 0.3, 0.5, 0.77, 1.07):
        part = [(number_of(frame.image), round(frame.time, 6)) for frame in read_frames(path, Pick(start))]
        assert part == [each for each in whole if each[1] >= start]
    found = timeline(path)
    np.testing.assert_allclose(found.times, np.arange(28) / 25, atol=1e-9)
    assert found.rate == pytest.approx(25, abs=1e-9) and found.end == pytest.approx(28 / 25)
    assert video_info(path).rate == 25


@pytest.mark.parametrize(
    ("name", "codec", "b_frames", "ticks"),
    [
        ("a.avi", "mpeg4", 0, 25),
        ("a.avi", "mpeg4", 1, 25),
        ("a.avi", "mpeg4", 2, 1000),
        ("a.avi", "mpeg4", 5, 25),
        ("a.avi", "libx264", 0, 1000),
        ("a.avi", "libx264", 3, 25),
        ("a.avi", "libx264", 3, 1000),
        ("a.avi", "libx264", 16, 25),
        ("a.avi", "mpeg2video", 2, 25),
        ("a.avi", "msmpeg4", 0, 25),
        ("a.avi", "h263p", 0, 1000),
        ("a.asf", "mpeg4", 2, 25),
        ("a.asf", "libx264", 3, 25),
        ("a.wmv", "wmv2", 0, 25),
    ],
)
def test_b_frames_come_in_order(tmp_path, name, codec, b_frames, ticks):
    check(plain(tmp_path / name, codec, b_frames, ticks))


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_b_frames_beside_audio_come_in_order(tmp_path, codec):
    check(plain(tmp_path / "a.avi", codec, 1, tone=1.1, tone_codec="pcm_s16le"))


def test_packed_b_frames_come_in_order(tmp_path):
    check(packed(tmp_path / "p.avi", plain(tmp_path / "a.avi", "mpeg4", 1)))


@pytest.mark.parametrize(("name", "tag"), [("a.mp4", None), ("a.mov", None), ("a.mkv", b"XVID")])
@pytest.mark.parametrize("b_frames", [0, 1, 2])
def test_what_was_copied_from_avi_comes_in_order(tmp_path, name, tag, b_frames):
    source = plain(tmp_path / "a.avi", "mpeg4", b_frames)
    check(untimed(tmp_path / name, source, tag))
    if b_frames == 1:
        check(untimed(tmp_path / ("p" + name), packed(tmp_path / "p.avi", source), tag))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize(("codec", "b_frames"), [("mpeg4", 1), ("mpeg4", 2), ("libx264", 0), ("libx264", 3)])
def test_what_ffmpeg_copied_from_avi_comes_in_order(tmp_path, name, codec, b_frames):
    source = plain(tmp_path / "a.avi", codec, b_frames)
    if (codec, b_frames) == ("mpeg4", 1):
        source = packed(tmp_path / "p.avi", source)
    check(copied(tmp_path / name, source))


def test_a_dropped_frame_leaves_the_others_at_their_times(tmp_path):
    # an encoder writes a frame that is not coded where nothing changes, or where it is told to drop one
    empty = VOP + b"\x55\xcf"  # of the time 11
    with av.open(str(plain(tmp_path / "a.avi", "mpeg4", 0))) as film, av.open(str(tmp_path / "d.avi"), "w") as target:
        stream = film.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in film.demux(stream) if packet.size):
            chunk = av.Packet(empty if number == 11 else bytes(packet))
            chunk.stream, chunk.pts, chunk.dts, chunk.time_base = copy, number, number, Fraction(1, 25)
            chunk.is_keyframe = packet.is_keyframe and number != 11
            target.mux(chunk)
    shown = {number_of(frame.image): round(frame.time * 25) for frame in read_frames(tmp_path / "d.avi")}
    assert all(shown[number] == number for number in range(28) if number != 11)
