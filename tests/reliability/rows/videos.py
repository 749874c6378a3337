"""Videos of many containers and codecs, damaged byte by byte, read in every way that the package does."""

from itertools import pairwise

import numpy as np

from mindaam.data.audio.audio_track import AudioTrack, NoAudio
from mindaam.data.videos.reading import Pick, VideoBroken, read_frames, video_info
from mindaam.data.videos.timeline import timeline
from tests.reliability.mutations import mutated
from tests.reliability.originals.videos import NAMES, video
from tests.reliability.row import Row, all_of, require

RATE = 16_000
MOST_FRAMES = 3000  # that a video of a few kilobytes may turn out to have


def make(dice, number, folder):
    """Writes video `number`."""
    suffix, content = video(NAMES[number % len(NAMES)])
    path = folder / f"video{suffix}"
    path.write_bytes(mutated(content, dice, video(dice.choice(NAMES))[1]))
    return path


def attempt(path):
    """Reads a video in every way that the package does, and writes what a model makes of it."""
    all_of(path, (read, read_info, read_timeline, read_part, read_audio, write_overlay))


def read(path, pick=Pick()):  # noqa: B008 - an immutable tuple
    """The times of all frames; these are of one size, and the times rise. Damage behind the last one is none here."""
    times, shapes = [], set()
    try:
        for frame in read_frames(path, pick):
            times.append(frame.time)
            shapes.add(frame.image.shape)
            require(frame.image.dtype == np.uint8 and frame.image.ndim == 3, f"a frame {frame.image.dtype}")
            require(len(times) <= MOST_FRAMES, f"more than {MOST_FRAMES} frames")
    except VideoBroken:
        require(times, "a video that broke before its first frame")
    require(len(shapes) == 1, f"frames of the sizes {sorted(shapes)}")
    require(np.isfinite(times).all() and times[0] >= 0, f"times {times[:5]}")
    require(all(one < two for one, two in pairwise(times)), f"times that do not rise: {times[:20]}")
    return times


def read_info(path):
    """Its size, rate and length."""
    info = video_info(path)
    require(info.width > 0 and info.height > 0 and 0 < info.rate <= 1000, f"{info}")
    require(info.duration is None or 0 <= info.duration < np.inf, f"{info}")


def read_timeline(path):
    """Its frames, times and length, as everything that counts frames has them: those that are read."""
    found, times = timeline(path), read(path)
    require(list(found.times) == times, f"{len(found.times)} frames in its timeline, {len(times)} that are read")
    require(times[-1] < found.end < np.inf and 0 < found.rate < np.inf, f"ends at {found.end}, {found.rate} a second")


def read_part(path):
    """What is from a second in the middle on, as `--start` asks for it."""
    read(path, Pick(start=0.2))


def read_audio(path):
    """All of its audio, and a window in the middle; having none is no fault."""
    try:
        track = AudioTrack(path, RATE)
    except NoAudio:
        return
    with track:
        wave = track.rest()
        require(wave.dtype == np.float32 and wave.ndim == 1 and np.isfinite(wave).all(), "audio that is not finite")
        require(len(track.window(0.2, 2.0)) == 2 * RATE, "a window of another length")
        require(track.problem is None or track.problem.isprintable(), f"{track.problem!r}")


def write_overlay(path):
    """The overlay of a model that costs nothing; what was written is a video again."""
    from mindaam.inference.predictor import Predictor
    from mindaam.inference.results import Job
    from mindaam.inference.videos import write_video
    from tests.fakes import FakeEncoder, FakeModel

    target = path.parent / "out" / "overlay.mp4"
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    predictor = Predictor(FakeModel(), sentence_encoder=FakeEncoder())
    done = write_video(Job(path, {"overlay": target}, is_video=True), predictor, "people")
    require(done.frames == 0 or video_info(target).width > 0, "an overlay without frames")
    require(list(target.parent.iterdir()) == [target], f"files left: {list(target.parent.iterdir())}")


ROW = Row(
    "videos",
    "mutated videos, 24 containers and codecs",
    "All decodable frames of a damaged video are used, and the damage is reported in one sentence. All code that "
    "counts frames counts the same ones.",
    "Frames of one size at increasing times; the times of the timeline equal those of the frames; reading from the "
    "middle; all of the audio; an overlay that is a valid video, without temporary files.",
    1_207,
    make,
    attempt,
    megabytes=1500,
)
