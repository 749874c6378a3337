"""Frames of a video by their numbers: frame 7 is the eighth that is shown, wherever the reading begins."""

from contextlib import suppress

from mindaam.data.videos.reading import Pick, read_frames
from mindaam.errors import InputError

SAME = 1e-6  # seconds between two times that count as equal


def numbered_frames(path, known, numbers, size=None):
    """Yields (number, Frame) for some frames of a video.

    known: its Timeline. numbers: of frames from 0, rising. size: as of `read_frames`. The video is read from shortly
    before the first of them on; where the frames that come then are not those of the timeline, as in containers that
    seek badly, from its beginning. Raises InputError for a number that does not exist, and for damage.
    """
    if not 0 <= numbers[0] <= numbers[-1] < len(known.times):
        raise InputError(f"{path} has {len(known.times)} frames; frame {numbers[-1]} does not exist")
    left, end = list(numbers), _before(known, numbers[-1] + 2)
    with suppress(InputError):  # perhaps only the seek failed
        for number, frame in _in_step(path, known, left, end, size):
            yield number, frame
            left.pop(0)
        if not left:
            return
    for number, frame in _by_time(path, known, left, end, size):
        yield number, frame
        left.pop(0)
    if left:
        raise InputError(
            f"{path} no longer has the frame at second {known.times[left[0]]:.3f} that it had when its frames were "
            "counted; copy the video again"
        )


def frames_by_rate(path, rate, numbers, size=None):
    """As `numbered_frames`, of a video whose times are not known yet: frame n is the one that is shown in
    the middle of the n-th part of the time, at so many frames per second."""
    due = [(number + 0.5) / rate for number in numbers]
    first, left, latest = max(0.0, due[0] - 1 / rate), list(numbers), None
    for frame in read_frames(path, Pick(start=first, end=due[-1] + 1 / rate), size):
        while latest is not None and due and frame.time > due[0]:
            yield left.pop(0), latest
            due.pop(0)
        latest = frame
    if latest is None:
        raise InputError(f"{path} has no frame at second {first:.2f}; copy the video again")
    for number in left:
        yield number, latest


def _in_step(path, known, numbers, end, size):
    """The frames of these numbers, read from shortly before the first of them, as long as all that come are the
    timeline's, each in its turn."""
    wanted, number = list(numbers), numbers[0]
    for frame in read_frames(path, Pick(_before(known, number), end), size):
        if not wanted:
            continue  # on to the end, where damage is reported
        if abs(frame.time - known.times[number]) > SAME:
            return
        if number == wanted[0]:
            yield wanted.pop(0), frame
        number += 1


def _by_time(path, known, numbers, end, size):
    """The frames of these numbers, read from the video's start, as far as they come; damage is reported in any case."""
    wanted = list(numbers)
    for frame in read_frames(path, Pick(end=end), size):
        if wanted and abs(frame.time - known.times[wanted[0]]) <= SAME:
            yield wanted.pop(0), frame


def _before(known, number):
    """A second between two frames, shortly before the frame of a number; beyond the last ones as if more came."""
    if number <= 0:
        return 0.0
    times, last = known.times, len(known.times) - 1
    gap = known.end - times[-1]
    at, before = (times[k] if k <= last else known.end + (k - last - 1) * gap for k in (number, number - 1))
    return float((at + before) / 2)
