"""Videos from disk: upright RGB frames, one at a time, by the time at which they are shown."""

from math import ceil
from typing import NamedTuple

from mindaam.data.videos.decoding.colors import dynamic_range, shown_size, upright_rgb
from mindaam.data.videos.decoding.containers import FAULTS, declared_length, packets
from mindaam.data.videos.decoding.video_decoder import VideoDecoder
from mindaam.data.videos.picks import Frame, Pick, checked_pick
from mindaam.errors import InputError


class VideoInfo(NamedTuple):
    """A video: the size of its upright frames in pixels, frames per second on average, seconds (None where unknown),
    the number of its audio tracks, and "PQ" or "HLG" when it is of high dynamic range, else
    None."""

    width: int
    height: int
    rate: float
    duration: float | None
    audio_tracks: int
    dynamic_range: str | None = None

    @property
    def has_audio(self):
        """Whether it has an audio track."""
        return self.audio_tracks > 0


class VideoBroken(InputError):
    """A video that was damaged or truncated; all frames that could be decoded came before. time: second of the first
    damage."""

    def __init__(self, message, time):
        super().__init__(message)
        self.time = time


def frames_of(info, pick):
    """About how many frames of a video (VideoInfo) a Pick takes; None where neither tells where it ends."""
    end = min((each for each in (info.duration, pick.end) if each), default=None)
    if end is None:
        return None
    return max(1, ceil((end - pick.start) * picked_rate(info, pick) - 1e-6))


def picked_rate(info, pick):
    """The frames of a video (VideoInfo) per second that a Pick takes, on average."""
    return min(info.rate / pick.every, pick.fps or info.rate)


def video_info(path):
    """The VideoInfo of a video. Raises InputError unless it is one and at least one of its frames can be decoded."""
    with VideoDecoder(path) as decoder:
        frame, container = next(_images(decoder), None), decoder.container
        if frame is None:
            raise InputError(f"{path} has no frame that can be decoded; copy or save the video again")
        height, width = frame.image.shape[:2]
        bright = dynamic_range(decoder.stream.codec_context)
        tracks = len(container.streams.audio)
        return VideoInfo(width, height, decoder.rate, declared_length(container), tracks, bright)


def frame_count(path):
    """(frames, frames per second) of a video by its header, or by counting packets where that has none: quick, and
    only as correct as the header; `timeline` counts the decoded frames. Raises InputError unless it is a video."""
    with VideoDecoder(path) as decoder:
        count = decoder.stream.frames
        try:
            return count or sum(packet.size > 0 for packet in packets(decoder.container, decoder.stream)), decoder.rate
        except FAULTS as error:
            raise InputError(f"{path} is damaged and cannot be read to its end; copy it again") from error


def read_frames(path, pick=Pick(), size=None):  # noqa: B008 - an immutable tuple
    """Yields the Frames of a video in the order of their times, which always rise; one is in memory at a time.

    Frames are upright, have square pixels, 8 bits, and all one size (H, W): `size`, or that of the first one read, to
    which a video whose size changes is scaled; interlaced ones are deinterlaced. Raises InputError when nothing can be
    read, and VideoBroken after the last frame that could be.
    """
    return _picked(path, checked_pick(pick), size)


def _picked(path, pick, size):
    count = given = 0
    due = pick.start  # with fps: the time of the next frame
    with VideoDecoder(path) as decoder:
        for frame in _images(decoder, pick.start, size):
            if pick.end is not None and frame.time >= pick.end:
                break
            count += 1
            if (count - 1) % pick.every:
                continue
            if pick.fps is not None:
                if frame.time < due - 1e-4:  # containers round times, to a thousandth of a second at worst
                    continue
                due += (int((frame.time + 1e-4 - due) * pick.fps) + 1) / pick.fps
            given += 1
            yield frame
        if not given:
            until = "or later" if pick.end is None else f"to {pick.end:g}"
            last = "" if decoder.last is None else f"; the last one that was read is at {decoder.last:.2f}"
            hurt = (
                "" if decoder.damaged is None else f", and it is damaged or truncated at second {decoder.damaged:.1f}"
            )
            raise InputError(f"{path} has no frame at second {pick.start:g} {until}{last}{hurt}")
        if decoder.damaged is not None:
            raise VideoBroken(
                f"{path} is damaged or truncated at second {decoder.damaged:.1f}; the decoded part is used, copy or "
                "save the video again for the rest",
                decoder.damaged,
            )


def _images(decoder, start=0.0, size=None):
    """Yields the Frames of a decoder from second `start` on, of one size (H, W): the first one's, if None."""
    for frame, time in decoder.shown(start):
        try:
            if size is None:
                size = shown_size(frame, decoder.aspect)
            yield Frame(upright_rgb(frame, size, decoder.opacity(frame)), time)
        except FAULTS:
            decoder.note(time)
