"""Videos of maps: the gray values of their frames as they are stored, up to 16 bits, in memory that does not grow."""

from contextlib import closing

import numpy as np

from mindaam.data.videos.decoding.containers import FAULTS
from mindaam.data.videos.decoding.video_decoder import VideoDecoder
from mindaam.errors import InputError

NEAR = 32  # frames that are decoded rather than sought
UNSTATED, WHOLE_RANGE = 0, 2  # FFmpeg's numbers of ranges
SAME = 1e-6  # seconds between two times that count as equal


class GrayFrames:
    """The frames of a video of maps by their numbers, from 0.

    Frames that are read in order are decoded once; for a frame further away the video is read from shortly before it.
    path: of the video; times: float64 [n], when each frame is shown; exact: whether these are of its Timeline, rather
    than computed from its rate. Memory holds the latest frame.
    """

    def __init__(self, path, times, exact=True):
        self.path, self.times = path, times
        self._off = SAME if exact else float(np.diff(times).min(initial=1.0)) / 2
        self._frames, self._next, self._counted, self._latest = None, 0, True, (None, None)

    def read(self, number):
        """Frame `number`, float32 [h,w], in the scale of the file. InputError where it does not exist or is damaged."""
        if self._latest[0] == number:
            return self._latest[1]
        if self._frames is None or not self._next <= number <= self._next + NEAR:
            self._seek(number)
        gray = self._forward(number)
        if gray is None:  # the times are others, or a container seeks badly: frames are counted from the start
            self._start(0)
            gray = self._forward(number)
        if gray is None:
            self.close()
            raise InputError(f"{self.path}: frame {number} of the maps cannot be read; copy the video again")
        self._latest = number, gray
        return gray

    def close(self):
        """Closes the video; the next `read` opens it again."""
        if self._frames is not None:
            self._frames.close()
        self._frames, self._latest = None, (None, None)

    def _start(self, number, second=0.0):
        self.close()
        self._frames, self._next, self._counted = gray_frames(self.path, second), number, number == 0

    def _seek(self, number):
        """Starts at a frame, by its time."""
        before = self.times[number - 1] if number else 0.0
        self._start(number, float(self.times[number] + before) / 2)

    def _forward(self, number):
        """The frame of that number, or None where the frames that come are not the expected ones."""
        for values, time in self._frames:
            if not self._counted and abs(time - self.times[self._next]) > self._off:
                return None
            self._next += 1
            if self._next > number:
                return np.array(values(), np.float32)
        return None


def gray_frames(path, start=0.0):
    """Yields (function that returns the gray values, uint8 or uint16 [h,w]; seconds) for each frame of a video from
    second `start` on; of colors the brightness counts. Raises InputError unless the file is a video."""
    with closing(VideoDecoder(path)) as decoder:
        for frame, time in decoder.shown(start):
            yield (lambda frame=frame: gray_values(frame)), time


def gray_values(frame):
    """The gray values of a frame (PyAV's), uint8 or uint16 [h,w], from 0 for black; upright. They are as stored but for
    the limited range, 16 to 235 of 8 bits, which is stretched; a video that does not state its range has the limited
    one at 8 bits, as most programs write it, and the whole one at more. InputError where none exist."""
    try:
        if not _is_plain(frame):
            frame = frame.reformat(format="gray16le")
        kind = np.dtype("uint8" if frame.format.components[0].bits <= 8 else "<u2")
        rows = np.frombuffer(frame.planes[0], kind).reshape(frame.planes[0].height, -1)[:, : frame.width]
    except (*FAULTS, ValueError) as error:
        raise InputError(f"frames of the format {frame.format.name} have no gray values") from error
    return np.rot90(rows, round(frame.rotation / 90) % 4)


def _is_plain(frame):
    """Whether the first plane of a frame is its gray values, over the whole range."""
    form, bits = frame.format, frame.format.components[0].bits
    whole = frame.color_range == WHOLE_RANGE or (frame.color_range == UNSTATED and bits > 8)
    alone = len(form.components) == 1 or (form.is_planar and whole)
    return alone and not (form.is_rgb or form.is_big_endian) and 8 <= bits <= 16
