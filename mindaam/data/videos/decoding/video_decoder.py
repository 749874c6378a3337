"""The frames of one video as they are decoded, with the times at which they are shown."""

import os
from contextlib import suppress
from functools import lru_cache
from itertools import chain

import av

from mindaam.data.videos.decoding.alpha_track import alpha_track
from mindaam.data.videos.decoding.colors import MAX_FRAME_PIXELS
from mindaam.data.videos.decoding.containers import (
    FAULTS,
    GUESSING,
    JUMP,
    ends_early,
    kind,
    last_packet,
    open_video,
    packets,
    reached_by,
)
from mindaam.data.videos.decoding.decoding_order import (
    AMISS,
    LOOKED_AT,
    ShownInTurn,
    is_amiss,
    lacks_times,
    may_be_amiss,
)
from mindaam.data.videos.decoding.deinterlacing import progressive
from mindaam.errors import InputError

THREADS = min(4, os.cpu_count() or 1)  # each needs the memory of some frames
RATE = 25.0  # frames per second, where the file has no rate
QUICK = 240.0  # frames per second beyond which a rate may be the ticks of a clock
RESET = 0.5  # seconds back that show a restarted clock, not a frame out of order


class VideoDecoder:
    """The decoding of one video; a context manager that closes it.

    images: whether frames are needed as images; if not, the same frames come at the same times, interlaced.
    container: the open container. stream: its video stream. rate: frames per second. last: time of the latest frame.
    damaged: second of the first damage found, or None. Raises InputError unless the file is a video.
    """

    def __init__(self, path, images=True):
        self.path, self.container, self._images = path, None, images
        self.last = self.damaged = None
        self.reached = 0.0  # the second up to which packets were read, None right after a seek
        try:
            self._open()
        except FAULTS as error:
            self.close()
            raise InputError(
                f"{path} is damaged at its start and cannot be read; copy or save the video again"
            ) from error
        except InputError:
            self.close()
            raise

    @property
    def aspect(self):
        """Width of a pixel over its height."""
        return float(self.stream.codec_context.sample_aspect_ratio or self.stream.sample_aspect_ratio or 1)

    def close(self):
        """Closes the video."""
        if self.container is not None:
            self.container.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def _open(self):
        """Opens the video at its beginning, also when it is open already: some containers cannot seek back."""
        self.close()
        path, self.container = self.path, open_video(self.path)
        self.stream = _video_stream(path, self.container)
        context = self.stream.codec_context
        self.stream.thread_type, context.thread_count = "AUTO", THREADS
        context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}  # a size may change in the middle
        ahead, further = _look_ahead(self.container, self.stream)
        self._turn, self._source = None, chain(ahead, further)
        if lacks_times(kind(self.container), context):
            self._turn = ShownInTurn()
        elif may_be_amiss([each for each in ahead if each.stream.index == self.stream.index]):
            about = os.stat(path)
            if _is_amiss(path, self.stream.index, (about.st_size, about.st_mtime_ns)):
                self._turn = ShownInTurn("pts")
        context.copy_opaque = self._turn is not None
        self.rate = _rate(self.stream)
        self.origin = (self.container.start_time or 0) / av.time_base

    def shown(self, start=0.0):
        """Yields (frame, time): PyAV's frames from second `start` on, progressive, and the seconds at which each is
        first shown, which rise."""
        frames = self._from(start)
        try:
            for frame in progressive(frames) if self._images else frames:
                time = self._time(frame)
                if time >= start - 1e-4:
                    yield frame, time
        except FAULTS:  # of deinterlacing; damage in the file itself is recorded before
            self.note(self.reached or 0.0)
        if ends_early(self.container, self.reached or 0.0):
            self.note(self.reached or 0.0)

    def _from(self, start):
        """Decoded frames, the first of them at or before `start`, by seeking when that works."""
        if start > 0 and self._can_jump():
            with suppress(*FAULTS):
                self.container.seek(round((start + self.origin) * av.time_base), backward=True)
                self.reached, self._source = None, packets(self.container)
                frames = self._decoded()
                first = next(frames, None)
                if first is not None and self._is_sure(first) and first.time - self.origin <= start:
                    yield first
                    yield from frames
                    return
            self._open()
            self.reached, self.damaged = 0.0, None
        yield from self._decoded()

    def _is_sure(self, first):
        """Whether the first frame after a seek has the same time as when the video is read from its start: not where
        frames are decoded out of order and only their order gives their times."""
        return first.time is not None and not (self._turn and self.stream.codec_context.has_b_frames)

    def _can_jump(self):
        """Whether seconds of the video can be sought."""
        if kind(self.container) in GUESSING or self._turn and self.stream.codec_context.has_b_frames:
            return False
        is_known = kind(self.container) != "mpegts" and self.container.duration  # from an index, not from a search
        return bool(is_known) or not _restarts(self.path, self.stream.index)

    def _decoded(self):
        """Frames as they come out of the decoder; damage is recorded and skipped where possible."""
        if self._turn:
            self._turn = ShownInTurn(self._turn.name)
        self._alpha = alpha_track(self.stream)
        try:
            for packet in self._source:
                self._reach(packet)
                if packet.stream.index == self.stream.index:
                    yield from self._frames(packet)
        except FAULTS:
            self.note(self.reached or 0.0)
            yield from self._frames(last_packet(self.stream))

    def _frames(self, packet):
        """The frames of the decoder for a packet."""
        if self._turn and packet.size:
            self._turn.sent(packet)
        if self._alpha and packet.size:
            self._alpha.sent(packet)
        try:
            frames = packet.decode()
        except FAULTS:
            self.note(self.reached or 0.0)
            if self._turn:
                self._turn.lost(packet)
            return
        for frame in frames:
            if frame.is_corrupt:
                self.note(self.reached or 0.0)
            if self._turn:
                self._turn.show(frame)
            if self._alpha:
                frame.opaque = self._alpha.of(frame)
            yield frame

    def opacity(self, frame):
        """The opacity of a frame from a second stream: PyAV's gray frame, or None."""
        return frame.opaque if self._alpha else None

    def _reach(self, packet):
        """Records how far the video is read with a packet."""
        if self.reached is None and packet.pts is not None and packet.time_base:
            self.reached = float(packet.pts * packet.time_base) - self.origin
        if self.reached is not None:
            self.reached = reached_by(packet, self.origin, self.reached)

    def note(self, time):
        """Records damage at a second; the first one stays."""
        if self.damaged is None:
            self.damaged = max(0.0, time)

    def _time(self, frame):
        """Seconds since the video's start, always later than the last frame's."""
        time = None if frame.time is None else frame.time - self.origin
        if time is not None and self.last is not None and time < self.last - RESET:  # concatenated videos
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


def _video_stream(path, container):
    """The first video stream of a container that is not a cover image; InputError for one that cannot be decoded."""
    streams = container.streams
    found = [each for each in streams.video if not each.disposition & av.stream.Disposition.attached_pic]
    if not found:
        what = "audio only" if streams.audio else "neither video nor audio"
        raise InputError(f"{path} has {what}; give a video file with a video stream")
    context = found[0].codec_context
    if context is None:
        raise InputError(f"{path} has video of a kind that cannot be decoded; save the video as H.264 mp4")
    if context.width * context.height > MAX_FRAME_PIXELS:
        raise InputError(
            f"{path} has frames of {context.width} x {context.height} pixels, more than "
            f"{MAX_FRAME_PIXELS // 10**6} million; make the video smaller"
        )
    return found[0]


def _look_ahead(container, stream):
    """(the first packets, an iterator over those that follow); the first ones only where times may be wrong."""
    latest, ahead, further, seen = None, [], packets(container), 0
    if kind(container) not in AMISS or not stream.codec_context.has_b_frames:
        return ahead, further
    try:
        while seen < LOOKED_AT and (packet := next(further, None)) is not None:
            ahead.append(packet)
            if packet.stream.index == stream.index:
                seen += 1
                if latest is not None and packet.pts is not None and packet.pts <= latest:
                    break
                latest = packet.pts
    except FAULTS as error:
        further = _failing(error)
    return ahead, further


def _restarts(path, index):
    """Whether the video's clock restarts somewhere, as in concatenated videos, so that seconds are ambiguous."""
    with open_video(path) as container:
        latest = None
        with suppress(*FAULTS):
            for packet in packets(container, container.streams[index]):
                if packet.dts is None:
                    continue
                second = float(packet.dts * packet.time_base)
                if latest is not None and not latest - RESET <= second <= latest + JUMP:
                    return True
                latest = second
    return False


def _rate(stream):
    """Frames per second of a file, RATE where it has none."""
    rate, guessed = float(stream.average_rate or 0), float(stream.guessed_rate or 0)
    if rate > QUICK and guessed > 0:  # ticks of a clock, each of which may be a frame
        rate = min(rate, guessed)
    rate = rate or guessed
    return rate if 0.01 <= rate <= 1000 else RATE


@lru_cache(maxsize=1024)
def _is_amiss(path, index, state):
    """Whether the presentation times in a file are wrong; state: its size and when it was changed, for the cache."""
    with open_video(path) as container, suppress(*FAULTS):
        return is_amiss(container, index)
    return False


def _failing(error):
    """An iterator that raises an error."""
    raise error
    yield
