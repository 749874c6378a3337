"""Writing of videos: H.264 and AAC in an mp4 that browsers play, with the audio of another file."""

import os
from contextlib import contextmanager, suppress
from fractions import Fraction

import av
import numpy as np

from mindaam.data.videos.audio_copy import AudioCopy
from mindaam.errors import InputError
from mindaam.files import beside_name, cannot_write, take_place

TICKS = 90_000  # a second; frames are shown at any of them, so that a variable frame rate is kept
# Without B-frames the order of the file is that of the times, so that mp4's durations are right at a variable rate.
# Against veryfast at crf 20: the same quality by PSNR, two fifths less computation, files a quarter larger.
QUALITY = {"preset": "superfast", "crf": "21", "bf": "0"}
KEYFRAME_SECONDS = 4  # between frames that a player can seek to
LONGEST = 21_600.0  # seconds of the last frame; beyond, a header is wrong, and an mp4 cannot hold 24,000
SHORTEST = 0.01  # seconds of the last frame, at least
LONGEST_SIDE = 16384  # pixels, the limit of H.264
BT709 = 1  # FFmpeg's number of the color space of high-definition television


class VideoWriter:
    """An mp4 that grows frame by frame, beside its path, and takes its place when it is finished.

    path: of the video. size: (height, width) of its frames; the sides of an mp4 are even, so an odd side gets its last
    row or column twice. rate: frames per second on average. audio: path of the file whose audio is copied, or None; AAC
    is copied as it is, other audio is encoded as AAC. track: number of its audio track, from 0. start: second of that
    file at which this video starts. end: second of this video up to which the last frame is shown and the audio
    continues; None, which may be set at any time: the last frame is shown as long as a frame on average. comment: text
    of its metadata.
    As a context manager it finishes the video at the end, and after Ctrl-C too, with the frames so far; any other
    exception, or no frame at all, leaves no file.
    Raises OutputError when the video cannot be written, InputError for frames too large for an mp4.
    """

    def __init__(self, path, size, rate, *, audio=None, start=0.0, track=0, end=None, comment=""):
        if max(size) > LONGEST_SIDE:
            raise InputError(
                f"frames of {size[1]} x {size[0]} pixels have a side longer than {LONGEST_SIDE}, the limit of an mp4; "
                "save npy only"
            )
        self.path, self.size, self.rate, self._beside = path, tuple(size), rate, beside_name(path)
        self.end = end
        self._shown = self._audio = self._waiting = None
        self._tick = -TICKS
        self._container = av.open(  # the file itself is made with the first frame
            f"file:{os.path.abspath(self._beside)}", "w", format="mp4", container_options={"movflags": "+faststart"}
        )
        if comment:
            self._container.metadata["comment"] = comment
        self._stream = self._container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        self._stream.height, self._stream.width = (side + side % 2 for side in self.size)
        self._stream.pix_fmt, self._stream.options = "yuv420p", QUALITY
        context = self._stream.codec_context
        context.time_base, context.gop_size = Fraction(1, TICKS), max(1, round(KEYFRAME_SECONDS * rate))
        context.colorspace = context.color_primaries = context.color_trc = BT709
        if audio is not None:
            self._audio = AudioCopy(audio, self._container, start, track)

    def write(self, image, time):
        """Adds a frame: uint8 RGB [H, W, 3] or gray [H, W], shown from `time` (seconds, later than the last one's)."""
        if image.shape[:2] != self.size:
            raise ValueError(f"a frame of {image.shape[:2]} in a video of {self.size}")
        odd = [(0, side % 2) for side in self.size] + [(0, 0)] * (image.ndim - 2)
        image = np.pad(image, odd, mode="edge") if any(end for _, end in odd) else np.ascontiguousarray(image)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24" if image.ndim == 3 else "gray")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        self._tick = max(round(time * TICKS), self._tick + 1)  # no two frames at one tick
        frame.pts, frame.time_base = self._tick, Fraction(1, TICKS)
        frame.duration = round(TICKS / self.rate)
        with self._errors():
            self._mux(self._stream.encode(frame))
            self._shown = time
            if self._audio is not None:
                self._mux(self._audio.until(time))

    @property
    def audio_lost(self):
        """The second of this video from which on the audio of the file cannot be read, or None."""
        return None if self._audio is None else self._audio.lost

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            if self._shown is not None and (kind is None or issubclass(kind, KeyboardInterrupt)):
                self._finish(self.end if kind is None else None)
        finally:
            self._drop()

    def _finish(self, end):
        if end is None or not self._shown < end < self._shown + LONGEST:  # a header may be wrong
            end = self._shown + 1 / self.rate
        end = max(end, self._shown + SHORTEST)
        with self._errors():
            self._mux(self._stream.encode(None), last=round((end - self._shown) * TICKS))
            if self._audio is not None:
                self._mux(self._audio.until(end))
            self._container.close()
            take_place(self._beside, self.path)

    def _drop(self):
        """Closes what is open and removes the unfinished file, which a finished video no longer has."""
        if self._audio is not None:
            self._audio.close()
        with suppress(OSError, av.FFmpegError):  # its cause is raised already, or there was no frame
            self._container.close()
        with suppress(FileNotFoundError):
            self._beside.unlink()

    def _mux(self, packets, last=None):
        """Writes packets. last: ticks for which the last frame is shown; given with its packet."""
        for packet in packets:
            if packet.stream is not self._stream:
                try:
                    self._container.mux(packet)
                except (av.error.ArgumentError, av.error.InvalidDataError):  # because of damaged audio, not of the disk
                    self._audio.lose()
                continue
            if self._waiting is not None:
                self._container.mux(self._waiting)
            self._waiting = packet
        if last is not None and self._waiting is not None:
            self._waiting.duration = round(last / TICKS / self._waiting.time_base)
            self._container.mux(self._waiting)
            self._waiting = None

    @contextmanager
    def _errors(self):
        """Errors of FFmpeg and of the disk become OutputErrors."""
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self.path, error) from error
