"""Which frames a video has, at which times, and how long it is: all that counts frames uses it."""

from typing import NamedTuple

import numpy as np

from mindaam.data.videos.decoding.colors import upright_rgb
from mindaam.data.videos.decoding.containers import FAULTS, JUMP, kind
from mindaam.data.videos.decoding.decoding_order import KINDS
from mindaam.data.videos.decoding.video_decoder import VideoDecoder
from mindaam.errors import InputError

ROUNDED = 2e-3  # seconds, more than the rounding of times in containers


class Timeline(NamedTuple):
    """The frames of a video, those that `read_frames` yields from its start on.

    times: float64 [n], n >= 1, seconds at which each frame is first shown, strictly rising. end: second until which the
    last one is shown. nominal: frames per second by the file.
    """

    times: np.ndarray
    end: float
    nominal: float

    @property
    def rate(self):
        """Frames per second on average; the file's own number where its times are even at that rate."""
        if self.even:
            return self.nominal
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    @property
    def even(self):
        """Whether its frames come at the rate of the file."""
        times = self.times - self.times[0]
        return bool(len(times) == 1 or np.abs(times - np.arange(len(times)) / self.nominal).max() <= ROUNDED)


def timeline(path):
    """The Timeline of a video. Raises InputError unless the file is one and at least one of its frames can be decoded;
    of a damaged video the decoded part counts."""
    times, length, kinds = [], 0.0, set()
    with VideoDecoder(path, images=False) as decoder:
        for frame, time in decoder.shown():
            if _makes_an_image(frame, kinds):
                times.append(time)
                length = _length(frame)
        if not times:
            raise InputError(f"{path} has no frame that can be decoded; copy or save the video again")
        found = Timeline(np.array(times), times[-1], decoder.rate)
        end = _declared_end(decoder)
        if kind(decoder.container) in KINDS:
            length = 0  # their packets have no durations, even where a codec sets them
        # where frames come evenly their durations are right; the length in MP4 includes the part that an edit list
        # removes or inserts
        if (found.even and len(times) > 1 and length) or not times[-1] < end < times[-1] + JUMP:
            end = times[-1] + (length or 1 / found.rate)
        return found._replace(end=end)


def _declared_end(decoder):
    """The second at which the video ends by the header of MP4, 0 elsewhere: its frame durations last until the next
    frame is decoded, which need not be the next one shown."""
    stream = decoder.stream
    if kind(decoder.container) != "mov" or not stream.duration or not stream.time_base:
        return 0.0
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - decoder.origin


def _makes_an_image(frame, kinds):
    """Whether frames of its kind convert to images; known kinds are in the set `kinds`."""
    own = frame.format.name, frame.width, frame.height
    if own not in kinds and not frame.interlaced_frame:  # these become progressive before
        try:
            upright_rgb(frame, (frame.height, frame.width))
        except FAULTS:
            return False
        kinds.add(own)
    return True


def _length(frame):
    """Seconds for which a frame is shown, 0 if unknown."""
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
