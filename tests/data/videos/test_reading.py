"""Reading films: times, rotation, odd kinds of files, and damage."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from mindaam.data.videos.reading import Pick, VideoBroken, VideoInfo, checked_pick, frames_of, read_frames, video_info
from mindaam.errors import ConfigError, InputError
from tests.clips import level, make_clip, number_of, pictures


def seen(path, *pick):
    """[(number of the frame shown, its time)]."""
    return [(number_of(frame.image), round(frame.time, 3)) for frame in read_frames(path, Pick(*pick))]


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "clip.mp4", pictures(20), rate=10, tone=2.0)


def test_every_frame_comes_in_order_at_its_time(clip):
    assert seen(clip) == [(number, number / 10) for number in range(20)]
    info = video_info(clip)
    assert info[:3] == (64, 48, 10.0) and info.duration == pytest.approx(2.0, abs=0.1) and info.has_audio


@pytest.mark.parametrize(
    ("pick", "numbers"),
    [
        ((0.5, 1.2), range(5, 12)),
        ((0.55,), range(6, 20)),
        ((0.0, None, 3), range(0, 20, 3)),
        ((0.4, 1.4, 5), (4, 9)),
        ((0.0, None, 1, 5.0), range(0, 20, 2)),
        ((0.3, None, 1, 2.5), range(3, 20, 4)),
        ((0.0, None, 1, 1000.0), range(20)),
    ],
)
def test_picks(clip, pick, numbers):
    assert [number for number, _ in seen(clip, *pick)] == list(numbers)


def test_a_variable_rate_keeps_its_times(tmp_path):
    times = [0.0, 0.04, 0.5, 0.52, 1.7, 3.0]
    path = make_clip(tmp_path / "v.mp4", pictures(6), times=times)
    assert seen(path) == list(enumerate(times))
    assert [number for number, _ in seen(path, 0, None, 1, 2.0)] == [0, 2, 4, 5]


def test_seeking_finds_the_frame_of_a_long_group(tmp_path):
    path = make_clip(tmp_path / "g.mp4", pictures(25), options={"g": "250"})
    assert seen(path, 0.6)[0] == (15, 0.6)
    path = make_clip(tmp_path / "g.ts", pictures(25), form="mpegts", options={"g": "10"})
    assert [number for number, _ in seen(path, 0.6)] == list(range(15, 25))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("odd.mkv", "ffv1", "yuv444p", (47, 63)),
        ("deep.mkv", "ffv1", "yuv420p10le", (48, 64)),
        ("grey.mkv", "ffv1", "gray16le", (48, 64)),
        ("old.avi", "mpeg4", "yuv420p", (48, 64)),
        ("web.webm", "libvpx", "yuv420p", (48, 64)),
        ("alpha.mov", "qtrle", "argb", (48, 64)),
        ("dvd.mpg", "mpeg2video", "yuv420p", (48, 64)),
    ],
)
def test_kinds_of_films(tmp_path, name, codec, pix_fmt, size):
    path = make_clip(tmp_path / name, pictures(8, size), codec=codec, pix_fmt=pix_fmt)
    frames = list(read_frames(path))
    assert [number_of(frame.image) for frame in frames] == list(range(8))
    assert all(frame.image.shape == (*size, 3) and frame.image.dtype == np.uint8 for frame in frames)
    assert np.abs(frames[3].image.astype(int) - level(3)).max() <= 4
    np.testing.assert_allclose(np.diff([frame.time for frame in frames]), 0.04, atol=2e-3)


def test_one_frame_and_no_duration(tmp_path):
    path = make_clip(tmp_path / "one.mp4", pictures(1))
    assert seen(path) == [(0, 0.0)]
    path = make_clip(tmp_path / "live.mkv", pictures(5), container_options={"live": "1"})
    assert len(seen(path)) == 5 and video_info(path).duration is None


def test_a_film_whose_size_changes_is_brought_to_its_first_size(tmp_path):
    first = make_clip(tmp_path / "a.ts", pictures(6), form="mpegts").read_bytes()
    second = make_clip(tmp_path / "b.ts", pictures(6, (96, 80)), form="mpegts").read_bytes()
    path = tmp_path / "c.ts"
    path.write_bytes(first + second)
    try:
        frames = list(read_frames(path))
    except VideoBroken:
        pytest.fail("a change of size is no damage")
    assert len(frames) == 12 and all(frame.image.shape == (48, 64, 3) for frame in frames)
    assert (np.diff([frame.time for frame in frames]) > 0).all()


def test_a_film_cut_short_gives_what_decodes_and_says_where(tmp_path):
    whole = make_clip(tmp_path / "w.mkv", [np.random.default_rng(n).integers(0, 255, (48, 64, 3), np.uint8)
                                           for n in range(100)])  # fmt: skip
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames = []
    with pytest.raises(VideoBroken, match=r"cut.mkv is damaged or truncated at second [12]\.\d") as caught:
        for frame in read_frames(path):
            frames.append(frame)
    assert 30 < len(frames) < 60 and 1.0 < caught.value.time < 2.6


def damaged(path):
    """A film of two seconds with some packets in its middle overwritten; returns the path."""
    noise = [np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8) for number in range(50)]
    data = bytearray(make_clip(path, noise, options={"g": "5"}).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = np.random.default_rng(0).bytes(9000)
    path.write_bytes(data)
    return path


def test_damage_in_the_middle_is_passed_over_and_told(tmp_path):
    path = damaged(tmp_path / "d.mp4")
    frames = []
    with pytest.raises(VideoBroken, match="damaged"):
        for frame in read_frames(path):
            frames.append(frame)
    assert len(frames) > 40 and frames[-1].time > 1.8


@pytest.mark.parametrize(("times", "start", "left"), [(100.0 * np.arange(60), 4000.0, 20), (5 + np.arange(9), 0.0, 9)])
def test_a_long_film_and_one_that_begins_late_are_not_cut_short(tmp_path, times, start, left):
    path = make_clip(tmp_path / "a.mkv", pictures(len(times)), times=times, options={"g": "1"})
    assert len(list(read_frames(path, Pick(start=start)))) == left


def test_what_is_no_film_is_refused_in_a_sentence(tmp_path):
    text, empty, sound, none = (tmp_path / name for name in ("text.mp4", "empty.mp4", "sound.mp4", "none.mkv"))
    text.write_text("this is not a film\n" * 50)
    empty.touch()
    with av.open(str(sound), "w") as container:
        container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(container.streams[0].encode(frame))
        container.mux(container.streams[0].encode(None))
    make_clip(none, pictures(0), codec="ffv1")
    for path, said in (
        (text, "is not a video"),
        (empty, "is empty"),
        (sound, "audio only"),
        (none, "none.mkv"),
        (tmp_path / "gone.mp4", "does not exist"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(InputError, match=said):
            video_info(path)
        with pytest.raises(InputError, match=said):
            list(read_frames(path))


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (Pick(start=-1), "second 0 or later"),
        (Pick(start=float("nan")), "second 0 or later"),
        (Pick(start=2, end=2), "must come after"),
        (Pick(every=0), "--every must be 1 or more"),
        (Pick(fps=0), "more than 0"),
        (Pick(fps=float("inf")), "more than 0"),
    ],
)
def test_picks_that_cannot_be(pick, said, clip):
    with pytest.raises(ConfigError, match=said):
        checked_pick(pick)
    with pytest.raises(ConfigError, match=said):
        read_frames(clip, pick)


def test_a_start_after_the_end_says_where_the_end_is(clip):
    with pytest.raises(InputError, match="no frame at second 9 or later; the last one that was read is at 1.90"):
        list(read_frames(clip, Pick(start=9)))


def test_a_start_in_a_stream_whose_keyframes_are_rare_loses_nothing(tmp_path):
    # MPEG-TS cannot be wound back to its first keyframe by seeking
    path = make_clip(tmp_path / "n.ts", pictures(100), form="mpegts", options={"g": "50"}, tone=4.0)
    whole = seen(path)
    for start in (0.3, 1.0, 2.9):
        assert seen(path, start) == [each for each in whole if each[1] >= start - 1e-3]


def test_a_program_stream_has_the_same_times_from_any_start(tmp_path):
    path = make_clip(tmp_path / "p.mpg", pictures(60), codec="mpeg2video", options={"bf": "2"})
    whole = seen(path)
    assert seen(path, 1.5) == [each for each in whole if each[1] >= 1.5 - 1e-3]


def test_films_glued_together_go_on(tmp_path):
    part = make_clip(tmp_path / "p.ts", pictures(20), rate=10, form="mpegts").read_bytes()
    (path := tmp_path / "two.ts").write_bytes(part + part)
    times = [frame.time for frame in read_frames(path)]
    assert len(times) == 40 and times[-1] == pytest.approx(3.9, abs=0.1)
    np.testing.assert_allclose(np.diff(times), 0.1, atol=0.05)


@pytest.mark.parametrize("name", ["s.mkv", "s.mp4"])
def test_a_clock_that_starts_late_is_no_damage(tmp_path, name):
    path = make_clip(tmp_path / name, pictures(50), times=[10 + number / 25 for number in range(50)])
    assert [number for number, _ in seen(path)] == [number % 28 for number in range(50)]
    assert video_info(path).duration == pytest.approx(2.0, abs=0.1) or name == "s.mp4"


def test_a_part_without_frames_says_so_and_what_is_damaged_in_it(tmp_path, clip):
    with pytest.raises(InputError, match="no frame at second 0.51 to 0.55; the last one that was read is at 0.60"):
        list(read_frames(clip, Pick(0.51, 0.55)))
    noise = [np.random.default_rng(n).integers(0, 255, (48, 64, 3), np.uint8) for n in range(100)]
    whole = make_clip(tmp_path / "w.mkv", noise)
    (cut := tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="no frame at second 3 or later.* damaged or truncated at second 2") as caught:
        list(read_frames(cut, Pick(3)))
    assert not isinstance(caught.value, VideoBroken)


def test_damage_within_a_part_is_told(tmp_path):
    path = damaged(tmp_path / "d.mp4")
    with pytest.raises(VideoBroken, match="damaged"):
        list(read_frames(path, Pick(0, 1.8)))
    assert len(list(read_frames(path, Pick(0, 0.5)))) == 13


def test_a_cover_picture_is_no_film(tmp_path):
    tune = make_clip(tmp_path / "t.mp4", pictures(2), tone=1.0)
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(stream, "JPEG")
    with av.open(str(tune)) as source, av.open(str(tmp_path / "cover.mp4"), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 40
        cover.pix_fmt, cover.disposition = "yuvj420p", av.stream.Disposition.attached_pic
        packet = av.Packet(stream.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 25)
        target.mux(packet)
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)
    with pytest.raises(InputError, match="audio only"):
        video_info(tmp_path / "cover.mp4")


def test_the_size_may_be_given(clip):
    assert {frame.image.shape for frame in read_frames(clip, Pick(end=0.5), (24, 32))} == {(24, 32, 3)}


def test_starts_beyond_all_time_are_refused_in_a_sentence(clip):
    with pytest.raises(InputError, match="no frame at second 1e\\+13"):
        list(read_frames(clip, Pick(1e13)))
    with pytest.raises(ConfigError, match="must come after"):
        checked_pick(Pick(end=float("inf")))


@pytest.mark.parametrize(
    "pick", [Pick(), Pick(fps=4), Pick(every=3), Pick(every=2, fps=4), Pick(0.35, 1.2), Pick(0.5, fps=7), Pick(end=99)]
)
def test_the_number_of_picked_frames_is_estimated_by_the_header(tmp_path, pick):
    path = make_clip(tmp_path / "a.mp4", pictures(20), rate=10)
    assert abs(frames_of(video_info(path), pick) - len(list(read_frames(path, pick)))) <= 1


def test_the_number_of_frames_is_unknown_where_no_end_is_known():
    info = VideoInfo(64, 48, 10.0, None, 0)
    assert frames_of(info, Pick(1)) is None and frames_of(info, Pick(1, 3)) == 20
