"""Writing films: what is written comes back, with its times and its sound; whole, playable, or not at all."""

import resource
import subprocess
import sys

import av
import numpy as np
import pytest

from mindaam.data.videos.reading import read_frames, video_info
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import InputError, OutputError
from tests.clips import level, make_clip, number_of, pictures, read_audio


def write(path, frames, times, rate=25, **options):
    with VideoWriter(path, frames[0].shape[:2], rate, **options) as writer:
        for image, time in zip(frames, times, strict=True):
            writer.write(image, time)
    return writer


def streams(path):
    with av.open(str(path)) as container:
        return {s.type: (s.codec_context.name, s.codec_context.format.name) for s in container.streams}


def loudest(wave, rate):
    """The frequency that is strongest in a sound."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return spectrum.argmax() * rate / len(wave)


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (1, 1), (2, 300)])
def test_frames_come_back_at_their_times(tmp_path, size):
    frames, times = pictures(12, size), [0, 0.04, 0.08, 0.5, 0.54, 0.58, 1.2, 1.21, 1.3, 2.0, 2.5, 4.0]
    write(tmp_path / "x.mp4", frames, times)
    got = list(read_frames(tmp_path / "x.mp4"))
    assert [number_of(frame.image) for frame in got] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in got], times, atol=1e-3)
    assert got[0].image.shape[:2] == tuple(side + side % 2 for side in size)
    assert max(np.abs(f.image.astype(int) - level(n)).max() for n, f in enumerate(got)) <= 4
    assert streams(tmp_path / "x.mp4") == {"video": ("h264", "yuv420p")}  # what browsers play
    assert (tmp_path / "x.mp4").read_bytes().index(b"moov") < 100  # playable while it still comes in
    assert video_info(tmp_path / "x.mp4").duration == pytest.approx(4.04, abs=0.1)  # the last frame is shown, too


def test_colours_and_grey_come_back(tmp_path):
    bars = np.zeros((64, 96, 3), np.uint8)
    for column, color in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200)]):
        bars[:, 32 * column : 32 * column + 32] = color
    write(tmp_path / "c.mp4", [bars] * 3, [0, 1, 2])
    image = next(iter(read_frames(tmp_path / "c.mp4"))).image.astype(int)
    for column in (16, 48, 80):
        assert np.abs(image[32, column] - bars[32, column]).max() <= 6
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 48, 0)
    write(tmp_path / "g.mp4", [ramp] * 3, [0, 1, 2])
    image = next(iter(read_frames(tmp_path / "g.mp4"))).image.astype(int)
    assert np.abs(image - ramp[..., None]).mean() < 3


@pytest.mark.parametrize(
    ("name", "codec", "rate"), [("a.mp4", "aac", 16000), ("a.mkv", "pcm_s16le", 44100), ("a.webm", "libopus", 48000)]
)
def test_the_sound_is_kept(tmp_path, name, codec, rate):
    video = {"codec": "libvpx"} if name.endswith("webm") else {}
    source = make_clip(tmp_path / name, pictures(50), tone=2.0, tone_codec=codec, tone_rate=rate, **video)
    writer = write(tmp_path / "x.mp4", pictures(50), np.arange(50) / 25, audio=source)
    assert writer.audio_lost is None and streams(tmp_path / "x.mp4")["audio"][0] == "aac"
    expected, got = (read_audio(path, 16000, 0.2, 1.6) for path in (source, tmp_path / "x.mp4"))
    assert loudest(got, 16000) == pytest.approx(440, abs=2)
    assert np.std(got) == pytest.approx(np.std(expected), rel=0.1) and np.std(got) > 0.2


def test_aac_is_copied_to_the_byte(tmp_path):
    source = make_clip(tmp_path / "a.mp4", pictures(50), tone=2.0)
    write(tmp_path / "x.mp4", pictures(50), np.arange(50) / 25, audio=source)

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / "x.mp4") == packets(source)[: len(packets(tmp_path / "x.mp4"))]
    assert len(packets(tmp_path / "x.mp4")) >= len(packets(source)) - 2


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_starts_with_the_part_and_ends_with_it(tmp_path, codec):
    source = make_clip(tmp_path / "a.mkv", pictures(100), tone=4.0, tone_codec=codec)
    write(tmp_path / "x.mp4", pictures(25), np.arange(25) / 25, audio=source, start=2.0)
    sound = read_audio(tmp_path / "x.mp4", 16000)
    assert len(sound) / 16000 == pytest.approx(1.0, abs=0.15) and np.std(sound[2000:12000]) > 0.2


def test_a_film_without_sound_gives_one_without(tmp_path):
    source = make_clip(tmp_path / "a.mp4", pictures(5))
    assert write(tmp_path / "x.mp4", pictures(5), np.arange(5) / 25, audio=source).audio_lost is None
    assert set(streams(tmp_path / "x.mp4")) == {"video"} and read_audio(tmp_path / "x.mp4", 16000) is None


def test_ctrl_c_leaves_what_was_done_and_an_error_nothing(tmp_path):
    frames = pictures(10)
    for error, left in ((KeyboardInterrupt, ["x.mp4"]), (ValueError, [])):
        with pytest.raises(error), VideoWriter(tmp_path / "x.mp4", (48, 64), 25) as writer:
            for number in range(6):
                writer.write(frames[number], number / 25)
            raise error
        assert [path.name for path in tmp_path.iterdir()] == left
        if left:
            assert [number_of(frame.image) for frame in read_frames(tmp_path / "x.mp4")] == list(range(6))
            (tmp_path / "x.mp4").unlink()
    with VideoWriter(tmp_path / "x.mp4", (48, 64), 25):
        pass  # no frame: no film
    assert not list(tmp_path.iterdir())


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    (tmp_path / "x.mp4").write_text("old")
    with pytest.raises(ValueError), VideoWriter(tmp_path / "x.mp4", (48, 64), 25) as writer:
        writer.write(pictures(1)[0], 0)
        raise ValueError
    assert (tmp_path / "x.mp4").read_text() == "old"


def test_places_and_frames_that_cannot_be(tmp_path):
    with pytest.raises(OutputError, match="cannot write .*none/x.mp4"):
        write(tmp_path / "none/x.mp4", pictures(1), [0])
    with pytest.raises(InputError, match="16384"):
        VideoWriter(tmp_path / "x.mp4", (48, 20000), 25)
    with pytest.raises(ValueError), VideoWriter(tmp_path / "x.mp4", (48, 64), 25) as writer:
        writer.write(np.zeros((48, 60, 3), np.uint8), 0)


@pytest.mark.parametrize("form", ["a:b", "http:x"])
def test_a_folders_name_is_no_address(tmp_path, form):
    (tmp_path / form).mkdir()
    write(tmp_path / form / "x.mp4", pictures(2), [0, 1])
    assert len(list(read_frames(tmp_path / form / "x.mp4"))) == 2


def test_the_last_frame_is_shown_and_the_sound_goes_on_to_the_end(tmp_path):
    source = make_clip(tmp_path / "a.mp4", pictures(25), tone=4.0)
    for end, length in ((4.0, 4.0), (1.5, 1.5), (None, 1.04), (0.5, 0.98)):
        write(tmp_path / "x.mp4", pictures(25), np.arange(25) / 25, audio=source, end=end)
        assert video_info(tmp_path / "x.mp4").duration == pytest.approx(length, abs=0.1)
        assert len(read_audio(tmp_path / "x.mp4", 16000)) / 16000 == pytest.approx(length, abs=0.1)


def test_one_frame_now_and_then_does_not_outlast_the_film(tmp_path):
    write(tmp_path / "x.mp4", pictures(2), [0, 1], rate=0.01, end=2.0)
    assert video_info(tmp_path / "x.mp4").duration == pytest.approx(2.0, abs=0.05)


FULL = """
import resource, signal, sys, numpy as np
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
draw = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], (240, 320), 25) as writer:
        for number in range(60):
            writer.write(draw.integers(0, 255, (240, 320, 3), np.uint8), number / 25)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [20, 30_000, 400_000, 1_000_000])
def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_left(tmp_path, limit):
    # a limit on the size of files fails as a full disk does, in the middle of a write
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    run = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "x.mp4", str(limit)], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("cannot write") and "free some space" in run.stdout, run.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", [24_000.0, 4e6])
def test_frames_however_close_and_an_end_however_far_are_written(tmp_path, end):
    with VideoWriter(tmp_path / "a.mp4", (48, 64), 25.0, end=end) as writer:
        for number, image in enumerate(pictures(4)):
            writer.write(image, number * 2e-6)
    times = [frame.time for frame in read_frames(tmp_path / "a.mp4")]
    assert len(times) == 4 and video_info(tmp_path / "a.mp4").duration < 1


def test_sound_that_no_mp4_takes_is_lost_and_the_film_kept(tmp_path):
    source = make_clip(tmp_path / "a.mp4", pictures(25), tone=1.0)
    with VideoWriter(tmp_path / "b.mp4", (48, 64), 25.0, audio=source) as writer:
        copied = writer._audio._packets

        def damaged():
            for number, (time, packet) in enumerate(copied):
                if number == 6:
                    packet.dts = 0
                yield time, packet

        writer._audio._packets = damaged()
        for number, image in enumerate(pictures(25)):
            writer.write(image, number / 25)
    assert writer.audio_lost == pytest.approx(6 * 1024 / 16_000, abs=0.1)
    assert len(list(read_frames(tmp_path / "b.mp4"))) == 25
