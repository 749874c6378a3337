"""Sound in a stream: in time with the frames, the same whichever way it is read, whatever the file is like."""

import os
import pickle
import re
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.audio import ffmpeg_audio, libsndfile_audio
from mindaam.data.audio.audio_track import AudioTrack, NoAudio
from mindaam.data.audio.libsndfile_audio import LibsndfileAudio, finite
from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import InputError
from tests.clips import make_clip, pictures

RATE = 16_000


def noise(seconds, rate, channels=1, seed=0):
    """float32 [channels, samples], weaker at high frequencies."""
    steps = np.random.default_rng(seed).normal(size=(channels, int(seconds * rate) + 7)).astype(np.float32)
    return 0.1 * np.lib.stride_tricks.sliding_window_view(steps, 8, axis=1).sum(2)


def write(path, wave, rate, **options):
    """A sound file of float32 [channels, samples]; in pieces, since libsndfile's Vorbis encoder takes no long one."""
    with soundfile.SoundFile(path, "w", rate, len(wave), **options) as file:
        for piece in np.array_split(wave.T, max(1, wave.shape[1] // rate)):
            file.write(piece)
    return path


def whole(path, rate=None, **options):
    """All samples, and the problem."""
    with AudioTrack(path, rate, **options) as track:
        return track.rest(), track.problem


# Times


def beep(rate, at):
    wave = np.zeros((1, 3 * rate), np.float32)
    count = np.arange(rate // 20)
    wave[0, round(at * rate) + count] = 0.7 * np.sin(2 * np.pi * 1000 * count / rate)
    return wave


FILMS = [
    ("a.mp4", {}, 2e-4),
    ("a.mkv", {"tone_codec": "pcm_s16le"}, 1e-3),  # times in thousandths of a second
    ("a.ts", {"form": "mpegts"}, 2e-4),
    ("a.mov", {"tone_codec": "pcm_s24le"}, 2e-4),
    ("a.webm", {"codec": "libvpx", "tone_codec": "libopus", "tone_rate": 48_000}, 2e-3),
]


@pytest.mark.parametrize(("name", "options", "exact"), FILMS)
@pytest.mark.parametrize("shift", [0, 5])
@pytest.mark.parametrize("later", [0, 0.8])
def test_sound_is_in_time_with_the_frames(tmp_path, name, options, exact, shift, later):
    times = shift + np.arange(75) / 25  # the beep comes with the frame of number 25 + 25 * later
    wave = beep(options.get("tone_rate", RATE), 1.0)
    path = make_clip(tmp_path / name, pictures(75), times=times, tone=wave, tone_from=shift + later, **options)
    number = round(25 * (1 + later))
    expected = [frame.time for frame in read_frames(path)][number]
    with AudioTrack(path) as track:
        heard = np.abs(track.samples(0, 5 * RATE)) > 0.2
        assert heard.argmax() / RATE == pytest.approx(expected, abs=exact + 1.5 / RATE) and track.problem is None
        assert not np.any(track.samples(0, int((expected - 0.1) * RATE)) > 0.05)


def test_a_window_has_its_second_in_the_middle(tmp_path):
    path = write(tmp_path / "a.wav", beep(RATE, 1.0), RATE)
    with AudioTrack(path) as track:
        window = track.window(1.0, 0.5)
        assert window.dtype == np.float32 and len(window) == 8000
        assert np.abs(window[:4000]).max() < 1e-4 < np.abs(window[4001:4003]).min()
        assert len(track.window(0.0)) == 2 * RATE and not track.window(-5.0).any()


# Whichever way


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """45 s of noise in AAC at 44.1 kHz beside one picture a second."""
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    return make_clip(path, pictures(45, (16, 16)), rate=1, tone=noise(45, 44_100), tone_rate=44_100)


@pytest.fixture(scope="module")
def film_wave(film):
    return whole(film, RATE)[0]


def expected(wave, first, count):
    out = np.zeros(count, np.float32)
    low, high = max(first, 0), min(first + count, len(wave))
    if low < high:
        out[low - first : high - first] = wave[low:high]
    return out


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(-40_000, 47 * RATE), st.integers(0, 60_000)), min_size=1, max_size=4))
def test_any_samples_in_any_order_are_those_of_the_whole(film, film_wave, asked):
    with AudioTrack(film) as track:
        for first, count in asked:
            np.testing.assert_allclose(track.samples(first, count), expected(film_wave, first, count), atol=1e-6)


def test_the_whole_is_that_of_the_films_own_rate_resampled(film, film_wave):
    from scipy.signal import resample_poly

    own, problem = whole(film)
    assert problem is None and len(own) == pytest.approx(45 * 44_100, abs=1100)
    np.testing.assert_allclose(film_wave, resample_poly(own, 160, 441), atol=1e-6)


def test_reading_on_keeps_little_and_decodes_once(film, film_wave):
    with AudioTrack(film) as track:
        for time in np.arange(0, 46, 0.5):
            window, first = track.window(time), round(time * RATE) - RATE
            np.testing.assert_allclose(window, expected(film_wave, first, 2 * RATE), atol=1e-6)
            assert sum(map(len, track._kept)) <= 14 * RATE and track._start <= max(0, track._reached - 10 * RATE)
        assert track._reader._container is not None and track.problem is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_a_jump_finds_its_second(tmp_path, monkeypatch, name):
    monkeypatch.setattr(ffmpeg_audio, "LEAP", 2.0)
    wave = noise(20, RATE)
    if name[-3:] in ("mp4", "mkv", ".ts", "avi"):
        options = {"codec": "mpeg4", "tone_codec": "pcm_s16le"} if name == "a.avi" else {}
        path = make_clip(tmp_path / name, pictures(100), rate=5, tone=wave, **options)
    else:
        path = write(tmp_path / name, wave, RATE)
    all_samples, decoded = whole(path, RATE)[0], []
    exact = 1e-6 if name[-4:] in (".wav", "flac", ".ogg") else 1e-4
    for module in (ffmpeg_audio, libsndfile_audio):
        monkeypatch.setattr(module, "finite", counting(decoded))
    with AudioTrack(path) as track:
        for second in (15.3, 16.0, 4.7, 18.9, 0.2):
            first = int(second * RATE)
            np.testing.assert_allclose(track.samples(first, RATE), all_samples[first : first + RATE], atol=exact)
        track.samples(0, 10)
        decoded.clear()
        assert np.abs(track.samples(17 * RATE, 10)).max() > 0
    if name != "a.mp3":  # it has no times to jump by
        assert sum(decoded) < 10 * RATE


def counting(decoded):
    def counted(samples):
        decoded.append(samples.shape[1])
        return finite(samples)

    return counted


# Whatever the file is like


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "WAV in name.dat"])
@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_sound_files_are_as_libsndfile_reads_them(tmp_path, name, rate):
    form = {"format": "WAV"} if name.endswith("dat") else {}
    path = write(tmp_path / name, noise(2.5, rate, 2), rate, **form)
    expected = soundfile.read(path, dtype="float32")[0].mean(1)
    wave, problem = whole(path)
    assert problem is None and len(wave) == len(expected)
    np.testing.assert_allclose(wave, expected, atol=3e-6)
    with AudioTrack(path) as track:
        assert isinstance(track._reader, LibsndfileAudio) == (name not in ("a.mp3", "a.aiff"))
        assert track.rate == RATE and track.duration == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")]
    + [("a.flac", "PCM_16"), ("a.flac", "PCM_24")],
)
def test_samples_of_every_size(tmp_path, name, subtype):
    wave = np.clip(noise(1, 192_000), -0.9, 0.9)
    heard, problem = whole(write(tmp_path / name, wave, 192_000, subtype=subtype))
    np.testing.assert_allclose(heard, wave[0], atol=1 / 127 if subtype == "PCM_U8" else 1 / 32767)
    assert problem is None


@pytest.mark.parametrize("name", ["a.w64", "a.avi", "a.asf"])
def test_samples_of_64_bits(tmp_path, name):
    steps = (np.clip(noise(1, RATE)[:, :RATE], -0.9, 0.9) * 2.0**63).astype(np.int64)
    wave = np.stack([steps[0], steps[0] // 2])
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("pcm_s64le", rate=RATE, layout="stereo")
        stream.codec_context.format = "s64"
        frame = av.AudioFrame("s64", "stereo", RATE)
        frame.planes[0].update(wave.T.tobytes())
        frame.sample_rate, frame.pts = RATE, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    heard, problem = whole(tmp_path / name)
    np.testing.assert_allclose(heard, wave.mean(0) / 2.0**63, atol=1e-6)
    assert problem is None


KINDS = [("mkv", "pcm_s16le"), ("mkv", "libopus"), ("mp4", "aac"), ("ts", "mp2"), ("flv", "aac"), ("asf", "mp2")]
HOUR = 3600 * 48_000


@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("jump", [100 * HOUR, 500 * 48_000])
def test_jumps_of_the_clock_are_believed_as_far_as_the_file_is_long(tmp_path, name, codec, jump):
    """Whatever times say, what is read stays small: here it would be 100 hours, or 14."""
    path = tmp_path / f"a.{name}"
    with av.open(str(path), "w", format="mpegts" if name == "ts" else None) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        form = stream.codec_context.format = av.Codec(codec, "w").audio_formats[0]
        count = stream.codec_context.frame_size or 1024
        for number in range(100):
            plain = av.AudioFrame.from_ndarray(np.full((1, count), 0.3, np.float32), format="fltp", layout="mono")
            plain.sample_rate = 48_000
            [frame] = av.AudioResampler(form, "mono", 48_000).resample(plain)
            frame.pts = number * jump if jump < HOUR else (number > 50) * jump + number * count
            frame.time_base = Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with AudioTrack(path) as track:
        seconds = sum(map(len, track.pieces())) / RATE
    assert 0.9 < seconds < 3 + ffmpeg_audio.LONGEST_GAP + path.stat().st_size / ffmpeg_audio.LEANEST


@pytest.mark.parametrize("kind", [b"auds", b"vids"])
def test_scales_of_an_avi_that_lie(tmp_path, kind):
    options = {"codec": "mpeg4", "tone_codec": "pcm_s16le", "tone": 1.0}
    content = bytearray(make_clip(tmp_path / "a.avi", pictures(25), **options).read_bytes())
    place = content.index(b"strh" + struct.pack("<I", 56) + kind) + 8
    for scale, rate, start in ((2**31, 32_000, 0), (2**31, 1, 2**31 - 1), (2**32 - 1, 2**32 - 1, 0), (0, 0, 2**31)):
        struct.pack_into("<III", content, place + 20, scale, rate, start)
        (tmp_path / "b.avi").write_bytes(content)
        with AudioTrack(tmp_path / "b.avi") as track:
            assert sum(map(len, track.pieces())) < 700 * RATE


@pytest.mark.parametrize("name", ["a.wav", "a.mkv"])
def test_another_process_reads_on_in_a_file_of_its_own(tmp_path, name):
    wave = noise(25, RATE)
    path = tmp_path / name
    write(path, wave, RATE) if name == "a.wav" else make_clip(path, pictures(2), tone=wave, tone_codec="pcm_s16le")
    with AudioTrack(path) as track:
        first, later = track.samples(0, RATE), track.samples(14 * RATE, RATE)
        track.samples(0, RATE)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                read = [np.array_equal(track.samples(at, RATE), each) for at, each in ((14 * RATE, later), (0, first))]
                code = 3 if all(read) else 4
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        np.testing.assert_array_equal(track.samples(14 * RATE, RATE), later)
        with pickle.loads(pickle.dumps(track)) as other:
            np.testing.assert_array_equal(other.samples(14 * RATE, RATE), later)


@pytest.mark.parametrize("name", ["a.mkv", "a.wav"])
def test_surround_becomes_mono_as_the_standard_says(tmp_path, name):
    gains = np.array([0.5**0.5, 0.5**0.5, 1, 0, 0.5, 0.5])
    wave = np.zeros((6, 6 * 8000), np.float32)
    for channel in range(6):  # one after the other; low enough for the channel of low effects
        wave[channel, 8000 * channel : 8000 * (channel + 1)] = 0.5 * np.sin(2 * np.pi * 50 * np.arange(8000) / 8000)
    if name == "a.mkv":
        path = make_clip(tmp_path / name, pictures(3), tone=wave, tone_rate=8000, tone_layout="5.1")
    else:
        path = write(tmp_path / name, wave, 8000, format="WAVEX")
    heard = whole(path)[0][: 6 * 8000].reshape(6, 8000)[:, 2000:6000]
    np.testing.assert_allclose(np.abs(heard).max(1), 0.5 * gains / gains.sum(), atol=0.01)


def test_channels_without_names_become_their_mean(tmp_path):
    wave = np.clip(noise(0.5, RATE, 5), -0.9, 0.9)
    np.testing.assert_allclose(whole(write(tmp_path / "a.wav", wave, RATE))[0], wave.mean(0), atol=1e-4)


def test_tracks(tmp_path):
    path = tmp_path / "a.mka"
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for number, stream in enumerate(streams):
            wave = np.full((1, RATE), 0.25 * (number + 1), np.float32)
            frame = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    for number in range(2):
        np.testing.assert_allclose(whole(path, track=number)[0], 0.25 * (number + 1), atol=1e-3)
    for number in (2, -1):
        with pytest.raises(InputError, match=f"2 audio tracks, tracks 0 to 1; track {number} does not exist"):
            AudioTrack(path, track=number)
    with pytest.raises(InputError, match="one audio track, track 0; track 1 does not exist"):
        AudioTrack(write(tmp_path / "a.wav", noise(1, RATE), RATE), track=1)


def test_what_is_not_finite_is_silent_and_told(tmp_path):
    wave = noise(4, RATE)
    wave[0, 3 * RATE : 3 * RATE + 5] = [np.nan, np.inf, -np.inf, 1e30, np.nan]
    heard, problem = whole(write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT"), RATE)
    assert not heard[3 * RATE : 3 * RATE + 5].any() and "not finite at second 3.0" in problem
    wave[0, 3 * RATE : 3 * RATE + 5] = 0
    np.testing.assert_array_equal(heard, wave[0])
    double = write(tmp_path / "d.wav", np.full((2, 100), 1e300), RATE, subtype="DOUBLE")
    assert not whole(double)[0].any()


def test_silent_clipped_and_empty_sound_is_no_error(tmp_path):
    assert whole(write(tmp_path / "s.wav", np.zeros((1, 100)), RATE)) == (pytest.approx(np.zeros(100)), None)
    clipped, problem = whole(write(tmp_path / "c.wav", np.full((1, 100), 3.0), RATE, subtype="FLOAT"))
    assert clipped.max() == 3.0 and problem is None
    assert len(whole(write(tmp_path / "e.wav", np.zeros((1, 0)), RATE), RATE)[0]) == 0


def damaged(path, low, high):
    """The file with random bytes between two parts of its length."""
    data = bytearray(path.read_bytes())
    low, high = int(low * len(data)), int(high * len(data))
    data[low:high] = np.random.default_rng(0).bytes(high - low)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.flac", "a.ogg"])
def test_damage_in_the_middle_is_passed_over_in_time_and_told(tmp_path, name):
    wave = noise(8, RATE)
    if name[-3:] in ("mkv", ".ts"):
        clusters = {"cluster_time_limit": "1000"} if name == "a.mkv" else {}  # parts behind which it can be read on
        path = make_clip(tmp_path / name, pictures(8, (16, 16)), rate=1, tone=wave, container_options=clusters)
    else:
        path = write(tmp_path / name, wave, RATE)
    before = whole(path)[0]
    after, problem = whole(damaged(path, 0.5, 0.55))  # known as intact before
    assert len(after) == pytest.approx(len(before), abs=3000)
    np.testing.assert_allclose(after[: 2 * RATE], before[: 2 * RATE], atol=1e-6)
    np.testing.assert_allclose(after[-2 * RATE :], before[len(after) - 2 * RATE : len(after)], atol=0.02)
    assert re.search(r"(has a gap|is damaged) at second [234]\.", problem)


def test_damaged_packets_become_silence_of_their_length(tmp_path):
    path = make_clip(tmp_path / "a.mp4", pictures(8, (16, 16)), rate=1, tone=noise(8, RATE))
    before, packets = whole(path)[0], []
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place, size in packets[60:64]:
        data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    after, problem = whole(path)
    assert len(after) == len(before) and "is damaged at second 3." in problem
    np.testing.assert_allclose(after[5 * RATE :], before[5 * RATE :], atol=1e-6)
    assert not after[int(3.95 * RATE) : int(3.97 * RATE)].any()


def test_what_the_two_libraries_order_differently_is_ffmpegs(tmp_path):
    wave = np.zeros((6, 2 * RATE), np.float32)
    wave[2] = noise(2, RATE)[0]  # in Vorbis the third of six is at the front right
    path = write(tmp_path / "a.ogg", wave, RATE)
    with AudioTrack(path, rate=None) as track:
        assert not isinstance(track._reader, LibsndfileAudio)


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path):
    path = write(tmp_path / "a.wav", noise(8, RATE), RATE)
    with AudioTrack(path) as track:
        track.samples(0, RATE)
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size // 2)
        assert not track.samples(6 * RATE, RATE).any() and "is truncated at second" in track.problem


def test_two_readers_of_one_track_do_not_move_each_other(tmp_path):
    wave = np.clip(noise(4, RATE), -0.9, 0.9)
    path = write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    with AudioTrack(path) as track:
        blocks = track._reader.wave(0)
        np.testing.assert_array_equal(next(blocks), wave[0, :RATE])
        np.testing.assert_array_equal(next(track._reader.wave(3 * RATE)), wave[0, 3 * RATE : 4 * RATE])
        np.testing.assert_array_equal(next(blocks), wave[0, RATE : 2 * RATE])


def test_sound_that_breaks_off_is_told(tmp_path):
    path = make_clip(tmp_path / "a.mkv", pictures(8, (16, 16)), rate=1, tone=noise(8, RATE))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    wave, problem = whole(path)
    assert 3 * RATE < len(wave) < 5 * RATE and "is truncated at second" in problem and str(path) in problem
    flac = write(tmp_path / "a.flac", noise(8, RATE), RATE)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    wave, problem = whole(flac)
    assert 3 * RATE < len(wave) < 5 * RATE and "is truncated at second" in problem


def test_a_gap_is_silent_and_told(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for place in (0, 3 * RATE):
            frame = av.AudioFrame.from_ndarray(np.full((1, RATE), 9000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, place
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    wave, problem = whole(path)
    assert len(wave) == 4 * RATE and not wave[RATE : 3 * RATE].any() and wave[:RATE].all() and wave[3 * RATE :].all()
    assert "has a gap at second 1.0" in problem


def test_sound_that_begins_long_after_the_pictures(tmp_path):
    # FFmpeg does not look that far for the rate of MPEG's sound
    wave = beep(RATE, 1.0)
    path = make_clip(tmp_path / "a.ts", pictures(40), rate=2, tone=wave, tone_from=19.0, form="mpegts")
    with AudioTrack(path) as track:
        heard = np.abs(track.samples(0, 23 * RATE)) > 0.2
        assert heard.argmax() / RATE == pytest.approx(20.0, abs=2e-3) and track.problem is None


def test_sound_whose_recorder_set_the_clock_back_is_beside_its_pictures(tmp_path):
    """Twelve seconds of video, then both, from zero on: as a browser's recorder writes when a microphone joins."""
    early = make_clip(tmp_path / "early.flv", pictures(48), rate=4, codec="flv")
    late = make_clip(tmp_path / "late.flv", pictures(8), rate=4, codec="flv", tone=beep(RATE, 1.0)[:, : 2 * RATE])
    path = tmp_path / "talk.flv"
    path.write_bytes(early.read_bytes() + late.read_bytes()[13:])  # without a second header
    times = [frame.time for frame in read_frames(path)]
    assert len(times) == 56 and times[-1] == pytest.approx(13.75, abs=0.1)
    with AudioTrack(path) as track:
        wave = track.rest()
    assert (np.abs(wave) > 0.2).argmax() / RATE == pytest.approx(times[52], abs=0.05)
    for start in (0, 5):
        with VideoWriter(tmp_path / "a.mp4", (48, 64), 4, audio=path, start=start) as writer:
            for time in times[4 * start :]:
                writer.write(pictures(1)[0], time - start)
        kept = whole(tmp_path / "a.mp4", RATE)[0]
        assert (np.abs(kept) > 0.2).argmax() / RATE == pytest.approx(times[52] - start, abs=0.06)


def test_what_has_no_sound(tmp_path):
    with pytest.raises(NoAudio, match="has no audio; give a video with audio"):
        AudioTrack(make_clip(tmp_path / "a.mp4", pictures(3)))
    for name, data in (
        ("a.wav", b"RIFF1234WAVE"),
        ("a.mp3", bytes(500)),
        ("list.m3u", b"#EXTM3U\nfile:///etc/hosts\n"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=r"is not a video or audio file.*give a wav") as caught:
            AudioTrack(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InputError, match="is empty"):
        AudioTrack(tmp_path / "empty.wav")
    with pytest.raises(InputError, match="does not exist"):
        AudioTrack(tmp_path / "none.wav")


@pytest.mark.parametrize("rate", [1, 999, 44_100, 655_350])
def test_a_flac_whose_header_has_another_rate_than_its_frames(tmp_path, rate):
    """Believed, a rate of 1 would make 48,000 seconds of one."""
    content = bytearray(write(tmp_path / "a.flac", noise(1, 48_000), 48_000).read_bytes())
    packed = int.from_bytes(content[18:26], "big")  # 20 bits of rate, 3 of channels, 5 of bits, 36 of length
    content[18:26] = (packed & (1 << 44) - 1 | rate << 44).to_bytes(8, "big")
    (tmp_path / "a.flac").write_bytes(content)
    try:
        with AudioTrack(tmp_path / "a.flac") as track:
            count = sum(map(len, track.pieces()))
            assert count < 2 * RATE or track.problem and count < 700 * RATE  # gaps by FFmpeg's times, and said to be
    except InputError as error:
        assert "samples per second" in str(error)


def test_damage_that_ffmpeg_calls_a_lack_of_permission_is_damage(tmp_path):
    content = bytearray(write(tmp_path / "a.aiff", noise(1, 48_000), 48_000).read_bytes())
    place = content.index(b"COMM") + 10
    content[place : place + 4] = b"\xff" * 4  # how many samples there are
    (tmp_path / "a.aiff").write_bytes(content)
    with pytest.raises(InputError, match="damaged from its start"):
        AudioTrack(tmp_path / "a.aiff")


def test_a_rate_that_nobody_hears(tmp_path):
    with pytest.raises(InputError, match="500000 samples per second"):
        AudioTrack(write(tmp_path / "a.wav", np.zeros((1, 100)), 500_000))
