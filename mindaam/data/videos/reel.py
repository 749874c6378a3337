"""The frames of one video as they are decoded, with the times at which they are shown."""

import os
from contextlib import suppress

import av

from mindaam.data.videos.colours import MAX_FRAME_PIXELS
from mindaam.data.videos.containers import GUESSING, JUMP, ends_early, kind, open_film, reached_by
from mindaam.data.videos.deinterlacing import progressive
from mindaam.errors import InputError

THREADS = min(4, os.cpu_count() or 1)  # each takes some frames of memory
RATE = 25.0  # frames a second, where the file does not say
RESET = 0.5  # seconds back that are a clock that starts anew, not a frame out of order


class Reel:
    """The decoding of one film; a context manager that closes it.

    container: what is open. stream: its pictures. rate: frames a second. last: time of the latest frame. damaged:
    second of the first damage found, or None. Raises InputError unless the file is a film.
    """

    def __init__(self, path):
        self.path, self.container = path, None
        self.last = self.damaged = None
        self.reached = 0.0
        try:
            self._open()
        except InputError:
            self.close()
            raise

    @property
    def aspect(self):
        """Width of a pixel over its height."""
        return float(self.stream.codec_context.sample_aspect_ratio or self.stream.sample_aspect_ratio or 1)

    def close(self):
        """Closes the film."""
        if self.container is not None:
            self.container.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def _open(self):
        """Opens the film at its beginning; when it is open already too, for not every container can be wound back."""
        self.close()
        path, self.container = self.path, open_film(self.path)
        streams = self.container.streams
        pictures = [each for each in streams.video if not each.disposition & av.stream.Disposition.attached_pic]
        if not pictures:
            what = "sound only" if streams.audio else "neither pictures nor sound"
            raise InputError(f"{path} holds {what}; give a film with pictures")
        self.stream = pictures[0]
        context = self.stream.codec_context
        if context is None:
            raise InputError(f"{path} holds pictures of a kind that cannot be decoded; save the film as H.264 mp4")
        if context.width * context.height > MAX_FRAME_PIXELS:
            raise InputError(
                f"{path} has frames of {context.width} x {context.height} pixels, more than "
                f"{MAX_FRAME_PIXELS // 10**6} million; make the film smaller"
            )
        self.stream.thread_type, context.thread_count = "AUTO", THREADS
        context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}  # a size may change in the middle
        rate = float(self.stream.average_rate or self.stream.guessed_rate or 0)
        self.rate = rate if 0.01 <= rate <= 1000 else RATE
        self.origin = (self.container.start_time or 0) / av.time_base

    def shown(self, start=0.0):
        """Yields (frame, time): PyAV's frames from second `start` on, progressive, and the seconds at which each is
        first shown, which rise."""
        for frame in progressive(self._from(start)):
            time = self._time(frame)
            if time >= start - 1e-4:
                yield frame, time
        if ends_early(self.container, self.reached):
            self.note(self.reached)

    def _from(self, start):
        """Decoded frames, the first of them at or before `start`, by seeking when that works."""
        if start > 0 and kind(self.container) not in GUESSING:
            with suppress(av.FFmpegError, OverflowError):
                self.container.seek(round((start + self.origin) * av.time_base), backward=True)
                self.reached = start
                frames = self._decoded()
                first = next(frames, None)
                if first is not None and (first.time or 0.0) - self.origin <= start:
                    self.reached = (first.time or 0.0) - self.origin  # the aim may lie beyond the film's end
                    yield first
                    yield from frames
                    return
            self._open()
            self.reached, self.damaged = 0.0, None
        yield from self._decoded()

    def _decoded(self):
        """Frames as they come out of the decoder; damage is noted, and passed over where that is possible."""
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self.note(self.reached)
                packet = None
            if packet is None:
                return
            self.reached = reached_by(packet, self.origin, self.reached)
            if packet.stream.index != self.stream.index:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.note(self.reached)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.note(self.reached)
                yield frame

    def note(self, time):
        """Notes damage at a second; the first one stays."""
        if self.damaged is None:
            self.damaged = max(0.0, time)

    def _time(self, frame):
        """Seconds since the film's start, later than the last frame's whatever the file says."""
        time = None if frame.time is None else frame.time - self.origin
        if time is not None and self.last is not None and time < self.last - RESET:  # films glued together
            self.origin -= self.last + 1 / self.rate - time
            time = self.last + 1 / self.rate
        if self.last is None:
            time = max(0.0, time or 0.0)
        elif time is None or time > self.last + JUMP:
            time = self.last + 1 / self.rate
        elif time <= self.last:
            time = self.last + 0.1 / self.rate
        self.last = time
        return time
