"""Which frames, at which times, how long: as they are read."""

import numpy as np
import pytest

from mindaam.data.videos.reading import Pick, VideoBroken, read_frames
from mindaam.data.videos.timeline import timeline
from mindaam.errors import InputError
from tests.clips import make_clip, number_of, pictures, read_audio


def test_even_times_keep_the_rate_of_the_file(tmp_path):
    found = timeline(make_clip(tmp_path / "a.mp4", pictures(9), rate=10, tone=2.0))
    np.testing.assert_allclose(found.times, np.arange(9) / 10)
    assert found.times.dtype == np.float64 and found.rate == 10.0 and found.end == pytest.approx(0.9)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_uneven_times_are_those_that_are_read(tmp_path, name):
    path = make_clip(tmp_path / name, pictures(6), times=[0.0, 0.04, 0.5, 0.52, 1.7, 3.0])
    found = timeline(path)
    assert found.times.tolist() == [frame.time for frame in read_frames(path)]
    assert found.rate == pytest.approx(5 / 3) and found.end > 3.0


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a film\n" * 50)
    with pytest.raises(InputError, match="is not a video"):
        timeline(tmp_path / "text.mp4")
    make_clip(tmp_path / "none.mkv", pictures(0), codec="ffv1")
    with pytest.raises(InputError, match="none.mkv"):
        timeline(tmp_path / "none.mkv")


def agree(path, starts=(0.3, 0.5, 1.0, 2.05)):
    """The timeline of a video, after comparing it with the frames that are read, from several seconds on."""
    found = timeline(path)
    for start in (0.0, *starts):
        times = [frame.time for frame in read_frames(path, Pick(start))]
        np.testing.assert_allclose(times, found.times[found.times >= start - 1e-4], atol=1e-9)
    return found


RECORDED = [0.0, 0.034, 0.084, 0.484, 0.5, 0.516, 0.916, 1.316, 1.349, 1.382, 1.782, 1.816, 1.849, 2.249, 2.282, 2.316]


def recorded(path, codec, offset=0.0, **options):
    """As browsers and screen recorders write: frames when something changed, no duration, no index, no default rate."""
    times = [time + offset for time in RECORDED]
    live = {"movflags": "frag_keyframe+empty_moov"} if path.suffix == ".mp4" else {"live": "1"}
    made = {"codec": codec, "container_options": live, "options": {"g": "6"}, **options}
    make_clip(path, pictures(len(times)), times=times, **made)
    data = bytearray(path.read_bytes())
    place = data.find(b"\x23\xe3\x83\x84")  # Matroska's default duration becomes a void
    if place > 0:
        data[place : place + 8] = b"\xec\x86\0\0\0\0\0\0"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.webm", "libvpx"), ("a.webm", "libvpx-vp9"), ("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.mkv", "mjpeg")],
)
def test_recordings_have_the_frames_and_times_that_they_hold(tmp_path, name, codec):
    path = recorded(tmp_path / name, codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p")
    found = agree(path)
    np.testing.assert_allclose(found.times, RECORDED, atol=1e-3)
    assert found.rate == pytest.approx(15 / 2.316, abs=0.01) and 2.316 < found.end < 2.8


def test_recordings_that_were_joined_go_on(tmp_path):
    data = recorded(tmp_path / "a.webm", "libvpx").read_bytes()
    (tmp_path / "two.webm").write_bytes(data + data)
    found = agree(tmp_path / "two.webm", (0.5, 1.9, 3.0, 4.5))
    assert len(found.times) == 32 and found.times[31] == pytest.approx(2.316 * 2, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libvpx"), ("a.mkv", "libx264")])
def test_video_that_begins_after_its_audio_begins_later(tmp_path, name, codec):
    path = recorded(tmp_path / name, codec, 2.0, tone=5.0, tone_codec="libopus", tone_rate=48000)
    found = agree(path, (1.0, 2.05, 3.5))
    np.testing.assert_allclose(found.times, 2 + np.array(RECORDED), atol=0.01)
    sound = read_audio(path, 16000)
    assert np.abs(sound[1600:16000]).max() > 0.2  # of the same second 0


def edited(path, first, length, **options):
    """100 frames at 25 a second, trimmed without loss to `length` seconds from second `first` on, by an edit list."""
    data = bytearray(make_clip(path, pictures(100), **options).read_bytes())
    place, clock = data.index(b"elst") + 12, data.index(b"mdhd") + 16
    ticks = int.from_bytes(data[clock : clock + 4], "big")
    begin = int.from_bytes(data[place + 4 : place + 8], "big") + round(first * ticks)
    data[place : place + 8] = round(1000 * length).to_bytes(4, "big") + begin.to_bytes(4, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("first", "length"), [(1.32, 1.4), (2.52, 0.48)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"options": {"bf": "2", "b_strategy": "0", "g": "20"}}),
        ("a.mov", {"options": {"bf": "0", "g": "30"}}),
        ("a.mp4", {"options": {"g": "25"}, "tone": 4.0}),
        ("a.mp4", {"codec": "mpeg4", "options": {"bf": "2", "b_strategy": "0", "g": "24"}}),
    ],
)
def test_an_edit_list_leaves_the_frames_within_it(tmp_path, name, options, first, length):
    path = edited(tmp_path / name, first, length, **options)
    found = agree(path, (0.3, 0.44))
    np.testing.assert_allclose(found.times, np.arange(round(length * 25)) / 25, atol=1e-9)
    assert found.rate == 25.0 and found.end == pytest.approx(length)
    assert number_of(next(iter(read_frames(path))).image) == pytest.approx(round(first * 25) % 28, abs=1)


@pytest.mark.parametrize("bf", ["0", "2"])
def test_what_an_edit_list_puts_before_or_says_too_much_is_not_shown_at_the_end(tmp_path, bf):
    options = {"options": {"bf": bf, "b_strategy": "0", "g": "20"}}
    long = timeline(edited(tmp_path / "long.mp4", 2.0, 9.0, **options))  # only two seconds are left from there on
    assert len(long.times) == 50 and long.end == pytest.approx(2.0)

    data = bytearray(edited(tmp_path / "late.mp4", 0.0, 2.0, **options).read_bytes())
    place = data.index(b"elst")
    empty = (500).to_bytes(4, "big") + b"\xff" * 4 + b"\0\1\0\0"  # half a second of nothing first
    data[place + 8 : place + 12] = (2).to_bytes(4, "big")  # entries
    data[place + 12 : place + 12] = empty
    for box in (b"elst", b"edts", b"trak", b"moov"):
        size = data.index(box) - 4
        data[size : size + 4] = (int.from_bytes(data[size : size + 4], "big") + len(empty)).to_bytes(4, "big")
    (tmp_path / "late.mp4").write_bytes(data)
    late = timeline(tmp_path / "late.mp4")
    assert len(late.times) == 50 and late.end - late.times[-1] == pytest.approx(0.04)


def test_what_decodes_of_a_damaged_video_counts(tmp_path):
    noise = [np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8) for number in range(60)]
    path = make_clip(tmp_path / "a.mkv", noise, options={"g": "10"})
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 3000] = bytes(3000)
    path.write_bytes(data[: 4 * len(data) // 5])
    frames = []
    with pytest.raises(VideoBroken):
        for frame in read_frames(path):
            frames.append(frame.time)
    assert timeline(path).times.tolist() == frames and 20 < len(frames) < 60


def test_a_clock_that_ticks_forever_costs_little(tmp_path):
    path = make_clip(tmp_path / "a.avi", pictures(12), codec="mpeg4")
    data = bytearray(path.read_bytes())
    place = data.index(b"strh") + 28  # the scale of the video's clock
    data[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(data)
    found = agree(path, (0.2,))
    assert len(found.times) == 12 and (np.diff(found.times) > 0).all()
