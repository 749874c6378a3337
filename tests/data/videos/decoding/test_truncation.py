"""Files that were cut off, and whole ones of which the header says more than they hold."""

import numpy as np
import pytest

from mindaam.data.videos.decoding.truncation import is_cut
from mindaam.data.videos.reading import Pick, VideoBroken, read_frames
from tests.clips import make_clip, pictures

FIRST = {"movflags": "faststart"}
KINDS = [
    ("a.mp4", "mov", {"codec": "mpeg4", "container_options": FIRST}),
    ("a.mov", "mov", {"codec": "qtrle", "pix_fmt": "rgb24"}),
    ("a.mkv", "matroska", {}),
    ("a.webm", "matroska", {"codec": "libvpx"}),
    ("a.avi", "avi", {"codec": "mpeg4"}),
    ("a.flv", "flv", {"codec": "flv"}),
    ("a.wmv", "asf", {"codec": "wmv2"}),
]


@pytest.mark.parametrize(("name", "kind", "options"), KINDS)
def test_a_whole_file_and_a_cut_one(tmp_path, name, kind, options):
    path = make_clip(tmp_path / name, pictures(30), **options)
    assert is_cut(path, kind) is False
    data = path.read_bytes()
    for rest in (0.5, 0.9):
        path.write_bytes(data[: int(rest * len(data))])
        assert is_cut(path, kind) is True


@pytest.mark.parametrize("kind", ["mov", "matroska", "avi", "flv", "asf", "mpegts"])
@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"\xff" * 40, b"\0\0\0\1moov", b"\x1a\x45\xdf\xa3"])
def test_what_does_not_say_is_unknown(tmp_path, kind, data):
    (path := tmp_path / "x").write_bytes(data)
    assert is_cut(path, kind) in (None, True, False)


@pytest.mark.parametrize("start", [0, 30, 60, 60.5])
def test_few_frames_far_apart_are_not_cut_short(tmp_path, start):
    path = make_clip(tmp_path / "a.mp4", pictures(3), times=[0, 60, 61], options={"bf": "2", "b_strategy": "0"})
    assert [frame.time for frame in read_frames(path, Pick(start))] == [time for time in (0, 60, 61) if time >= start]


def test_a_header_that_says_more_than_the_file_holds_is_not_a_cut(tmp_path):
    path = make_clip(tmp_path / "a.mp4", pictures(10), tone=0.4)
    data = bytearray(path.read_bytes())
    place = data.index(b"mvhd") + 20  # the movie's duration, as an editor may leave it
    data[place : place + 4] = (60_000).to_bytes(4, "big")
    path.write_bytes(data)
    assert len(list(read_frames(path))) == 10
    path = make_clip(tmp_path / "a.mkv", pictures(10))
    data = bytearray(path.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # a recorder's duration, of which the end showed nothing new
    data[place : place + 8] = np.array([60_000.0], ">f8").tobytes()
    path.write_bytes(data)
    assert len(list(read_frames(path))) == 10


def test_a_cut_file_is_still_said_to_be_one(tmp_path):
    noise = [np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8) for number in range(75)]
    for name in ("a.mkv", "a.mov"):
        path = make_clip(tmp_path / name, noise, codec="mpeg4", container_options=FIRST if name == "a.mov" else None)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(VideoBroken):
            list(read_frames(path))
