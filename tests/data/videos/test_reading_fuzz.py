"""Films changed at random: a result or one clear error, never a crash, a hang or a flood of memory."""

import multiprocessing
import os
import resource

import numpy as np
import pytest
import scipy.signal  # noqa: F401 - once, rather than in each process

from mindaam.data.audio.sound_track import SoundTrack
from mindaam.data.film_sound import read_sound
from mindaam.data.film_writer import FilmWriter
from mindaam.data.videos.reading import film_info, read_frames
from mindaam.errors import InputError
from tests.clips import make_clip, pictures

CLIPS = 240
SECONDS = 30  # for one clip, on a busy machine; most take a tenth of one
MEMORY = 3 << 30  # bytes of address space on top of what the process starts with
KINDS = (
    ("a.mp4", {}),
    ("a.mkv", {"codec": "mpeg4", "tone_codec": "pcm_s16le"}),
    ("a.ts", {"form": "mpegts"}),
    ("a.avi", {"codec": "mpeg4", "tone_codec": "pcm_s16le"}),
    ("a.webm", {"codec": "libvpx", "tone_codec": "libopus", "tone_rate": 48000}),
    ("a.mov", {"codec": "qtrle", "pix_fmt": "rgb24"}),
)


def mutated(data, draw):
    """The bytes with one to a few random injuries, most of them where the headers are."""
    data = bytearray(data)
    for _ in range(int(draw.integers(1, 5))):
        reach = len(data) if draw.random() < 0.5 else min(len(data), 2000)
        place, length = int(draw.integers(reach)), int(draw.integers(1, 64))
        kind = draw.integers(6)
        if kind == 0:
            data[place] ^= 1 << int(draw.integers(8))
        elif kind == 1:
            data[place : place + length] = draw.bytes(len(data[place : place + length]))
        elif kind == 2:
            data[place : place + 4] = draw.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1"])
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = data[place : place + 20 * length]
        else:
            del data[max(place, 16) :]
    return bytes(data)


def hear(path):
    """What a prediction does with a film's sound: windows one after another, back, and far on; and all of it."""
    try:
        read_sound(path, 16000, 0.0, 60.0)
        with SoundTrack(path) as track:
            for time in (0.0, 0.5, 0.2, 40.0, 0.0):
                window = track.window(time)
                assert window.shape == (32000,) and np.isfinite(window).all()
            assert track.problem is None or len(track.problem) > 20
    except InputError as error:
        assert len(str(error)) > 20


def use(path, out):
    """What a prediction does with a film and its sound. Leaves the process with 0 after a result or an InputError, with
    1 else."""
    code = 1
    try:
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
        info = film_info(path)
        hear(path)
        with FilmWriter(out, (info.height, info.width), info.rate, sound=path) as writer:
            for frame in read_frames(path):
                assert frame.image.shape == (info.height, info.width, 3)
                writer.write(frame.image, frame.time)
        code = 0
    except InputError as error:
        code = 0 if len(str(error)) > 20 else 1
    finally:
        os._exit(code)


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_mutated_films(tmp_path):
    draw, context = np.random.default_rng(0), multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.data.videos.test_reading_fuzz"])
    originals = [make_clip(tmp_path / name, pictures(15), tone=0.6, **options).read_bytes() for name, options in KINDS]
    bad = []
    for number in range(CLIPS):
        name = KINDS[number % len(KINDS)][0]
        path = tmp_path / f"{number}{name[1:]}"
        path.write_bytes(mutated(originals[number % len(KINDS)], draw))
        process = context.Process(target=use, args=(path, tmp_path / "out.mp4"))
        process.start()
        process.join(SECONDS)
        if process.exitcode != 0:
            process.kill()
            bad.append((path.name, process.exitcode))
    assert not bad
