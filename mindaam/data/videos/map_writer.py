"""Videos of maps, written frame by frame: gray H.264 of 10 bits, lossless."""

import os
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np

from mindaam.data.videos.writing import LONGEST_SIDE
from mindaam.errors import InputError
from mindaam.files import beside_name, cannot_write, take_place

CODEC = "libx264"
FORMATS = {"gray10le": 1023, "gray": 255}  # the highest level of each; the first that the encoder has is used
FULL = 2  # FFmpeg's number of the range that begins at level 0; without it other programs clip the ends
QUALITY = {"preset": "veryfast", "qp": "0"}  # lossless; at crf 0, 10 bits are off by up to 1 %


class MapWriter:
    """An mp4 of maps that grows beside its path and takes its place when it is finished.

    path: of the video; size: (height, width) of the maps; rate: frames per second; comment: text of its metadata.
    Frames come evenly at that rate, as programs that extract frames repeat or drop some at a variable rate. As a
    context manager it finishes the video at the end; any exception, or no frame at all, leaves no file: a video of maps
    is whole. Raises OutputError when it cannot be written, InputError for maps too large for an mp4.
    """

    def __init__(self, path, size, rate, comment=""):
        if max(size) > LONGEST_SIDE:
            raise InputError(
                f"maps of {size[1]} x {size[0]} pixels have a side longer than {LONGEST_SIDE}, the limit of an mp4"
            )
        self.path, self.size, self.frames, self._beside = path, tuple(size), 0, beside_name(path)
        self._step = 1 / Fraction(rate).limit_denominator(1001)
        self._format = next(each for each in FORMATS if each in pixel_formats())
        place = f"file:{os.path.abspath(self._beside)}"  # the file itself is made with the first frame
        self._container = av.open(place, "w", format="mp4", container_options={"movflags": "+faststart"})
        if comment:
            self._container.metadata["comment"] = comment
        self._stream = self._container.add_stream(CODEC, rate=1 / self._step, options=QUALITY)
        self._stream.height, self._stream.width = self.size
        self._stream.pix_fmt, self._stream.time_base = self._format, self._step
        self._stream.codec_context.color_range = FULL

    def write(self, values):
        """Adds a map, float [h,w] of any scale: its minimum becomes 0, its maximum the highest level; a constant map
        becomes 0."""
        if values.shape != self.size:
            raise ValueError(f"a map of {values.shape} in a video of {self.size}")
        frame = av.VideoFrame.from_ndarray(levels(values, FORMATS[self._format]), format=self._format)
        frame.pts, frame.time_base = self.frames, self._step
        self._mux(frame)
        self.frames += 1

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None and self.frames:
                self._finish()
        finally:
            with suppress(OSError, av.FFmpegError):  # its cause is raised already, or there was no frame
                self._container.close()
            with suppress(FileNotFoundError):
                self._beside.unlink()

    def _finish(self):
        self._mux(None)
        try:
            self._container.close()
            take_place(self._beside, self.path)
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self.path, error) from error

    def _mux(self, frame):
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self.path, error) from error


def levels(values, highest):
    """A map, float [h,w], as whole levels from 0 (its minimum) to `highest` (its maximum), uint16, or uint8 up to 255;
    0 where it is constant."""
    least, most = float(values.min()), float(values.max())
    scale = highest / (most - least) if most > least else 0.0
    kind = np.uint8 if highest <= 255 else np.uint16
    return np.ascontiguousarray(np.round((np.asarray(values, np.float64) - least) * scale), kind)


def pixel_formats():
    """Names of the pixel formats of the encoder."""
    return {form.name for form in av.Codec(CODEC, "w").video_formats}
