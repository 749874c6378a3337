"""Films from disk: upright RGB frames, one at a time, by the time at which they are shown.

PyAV (FFmpeg) decodes. A file is opened as one of the FORMATS below and as nothing else: playlists, scripts and network
addresses, by which a file could make this machine read another, are not among them.
"""

import os
from contextlib import suppress
from math import inf, isfinite
from typing import NamedTuple

import av
import numpy as np

from mindaam.data.media import require_file
from mindaam.errors import ConfigError, InputError

# FFmpeg's names of containers.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mxf,ivf,yuv4mpegpipe"
# Their headers say how long the film is, so that a cut shows.
DECLARING = ("mov", "matroska", "avi", "flv", "asf", "flac")
ABSOLUTE = ("matroska", "asf")  # what they say is counted from their clock's zero, not from their first frame
GUESSING = ("mpeg",)  # after a jump its times are guesses
MAX_FRAME_PIXELS = 8192 * 8192  # 200 MB as RGB
MAX_STRETCH = 4  # non-square pixels beyond 4:1 are an error of the file
THREADS = min(4, os.cpu_count() or 1)  # each takes some frames of memory
RATE = 25.0  # frames a second, where the file does not say
SHORT = 1.0  # seconds that may be missing at the end
JUMP = 3600.0  # seconds between two frames that no film means
RESET = 0.5  # seconds back that are a clock that starts anew, not a frame out of order
UNTOLD = 2  # FFmpeg's number of colours that a film does not name; from HD_LINES on they are those of high definition
HD_LINES, HD_COLOURS = 720, "ITU709"


class FilmInfo(NamedTuple):
    """What a film is: the size of its upright frames in pixels, frames a second on average, seconds (None when the file
    does not say), and the number of its sound tracks."""

    width: int
    height: int
    rate: float
    duration: float | None
    sound_tracks: int

    @property
    def has_sound(self):
        """Whether it has any."""
        return self.sound_tracks > 0


class Frame(NamedTuple):
    """image: uint8 RGB [H, W, 3]. time: seconds since the film's start at which it is first shown."""

    image: np.ndarray
    time: float


class Pick(NamedTuple):
    """Which frames of a film: from `start` to before `end` (seconds, None: its end), every Nth of them, and at most
    `fps` a second (None: all)."""

    start: float = 0.0
    end: float | None = None
    every: int = 1
    fps: float | None = None


class FilmBroken(InputError):
    """A film that was damaged or cut short; all frames that could be decoded came before. time: second of the first
    damage."""

    def __init__(self, message, time):
        super().__init__(message)
        self.time = time


def checked_pick(pick):
    """The Pick, if it can be; ConfigError otherwise."""
    start, end, every, fps = pick
    if not (isfinite(start) and start >= 0):
        raise ConfigError(f"a film is read from second 0 or later, not from {start:g}; change --start")
    if end is not None and not start < end < inf:
        raise ConfigError(f"the end, second {end:g}, must come after the start, second {start:g}; change --end")
    if every < 1:
        raise ConfigError(f"every {every}th frame cannot be; give --every 1 or more")
    if fps is not None and not (isfinite(fps) and fps > 0):
        raise ConfigError(f"{fps:g} frames a second cannot be; give --fps more than 0")
    return pick


def film_info(path):
    """The FilmInfo of a film. Raises InputError unless it is one and at least one of its frames can be decoded."""
    with _Reel(path) as reel:
        frame, container = next(reel.pictures(), None), reel.container
        if frame is None:
            raise InputError(f"{path} has no frame that can be decoded; copy or save the film again")
        height, width = frame.image.shape[:2]
        return FilmInfo(width, height, reel.rate, declared_length(container), len(container.streams.audio))


def frame_count(path):
    """(frames, frames a second on average) of a film, as its header says, or by counting packets where it does not.

    Nothing is decoded. Raises InputError unless it is a film.
    """
    with _Reel(path) as reel:
        count = reel.stream.frames
        if not count:
            count = sum(packet.size > 0 for packet in reel.container.demux(reel.stream))
        return count, reel.rate


def read_frames(path, pick=Pick(), size=None):  # noqa: B008 - an immutable tuple
    """Yields the Frames of a film in the order of their times, which always rise; one is in memory at a time.

    Frames are upright, have square pixels, 8 bits, and all one size (H, W): `size`, or that of the first one read, to
    which a film whose size changes is scaled; interlaced ones are deinterlaced. Raises InputError when nothing can be
    read, and FilmBroken after the last frame that could be.
    """
    return _picked(path, checked_pick(pick), size)


def _picked(path, pick, size):
    count = given = 0
    due = pick.start  # with fps: when the next frame is to be taken
    with _Reel(path, size) as reel:
        for frame in reel.pictures(pick.start):
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
            last = "" if reel.last is None else f"; the last one that was read is at {reel.last:.2f}"
            hurt = "" if reel.damaged is None else f", and it is damaged or cut short at second {reel.damaged:.1f}"
            raise InputError(f"{path} has no frame at second {pick.start:g} {until}{last}{hurt}")
        if reel.damaged is not None:
            raise FilmBroken(
                f"{path} is damaged or cut short at second {reel.damaged:.1f}; what could be decoded was used, copy "
                "or save the film again for the rest",
                reel.damaged,
            )


class _Reel:
    """The decoding of one film; a context manager that closes it.

    size: (H, W) of its frames, None for the first one's. container: what is open. rate: frames a second. last: time of
    the latest frame. damaged: second of the first damage found, or None.
    """

    def __init__(self, path, size=None):
        self.path, self.size, self.container = path, size, None
        self.last = self.damaged = None
        self.reached = 0.0
        try:
            self._open()
        except InputError:
            self.close()
            raise

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

    def pictures(self, start=0.0):
        """Yields Frames from `start` on."""
        frames = self._from(start)
        for frame in _progressive(frames):
            time = self._time(frame)
            if time < start - 1e-4:
                continue
            try:
                yield Frame(self._image(frame), time)
            except av.FFmpegError:
                self._note(time)
        if ends_early(self.container, self.reached):
            self._note(self.reached)

    def _from(self, start):
        """Decoded frames, the first of them at or before `start`, by seeking when that works."""
        if start > 0 and _kind(self.container) not in GUESSING:
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
                self._note(self.reached)
                packet = None
            if packet is None:
                return
            self.reached = reached_by(packet, self.origin, self.reached)
            if packet.stream.index != self.stream.index:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._note(self.reached)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._note(self.reached)
                yield frame

    def _note(self, time):
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

    def _image(self, frame):
        """uint8 RGB [H, W, 3]: upright, square pixels, the first frame's size."""
        turns = round(frame.rotation / 90) % 4
        if self.size is None:
            self.size = self._shown_size(frame.width, frame.height, turns)
        height, width = self.size[::-1] if turns % 2 else self.size
        is_hd = max(frame.height, frame.width * 9 // 16) >= HD_LINES
        colours = HD_COLOURS if is_hd and frame.colorspace == UNTOLD else None
        image = frame.reformat(width=width, height=height, format="rgb24", src_colorspace=colours).to_ndarray()
        return np.ascontiguousarray(np.rot90(image, turns))

    def _shown_size(self, width, height, turns):
        """(H, W) of the upright frame; pixels that are not square are made so by widening, as players do."""
        aspect = float(self.stream.codec_context.sample_aspect_ratio or self.stream.sample_aspect_ratio or 1)
        if 1 / MAX_STRETCH <= aspect <= MAX_STRETCH and width * height * max(aspect, 1) <= MAX_FRAME_PIXELS:
            width = max(1, round(width * aspect))
        return (width, height) if turns % 2 else (height, width)


def _progressive(frames):
    """Frames without interlacing: from the first interlaced one on, all pass through FFmpeg's yadif."""
    graph, shape = None, None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph)
            graph, shape = _yadif(frame), (frame.width, frame.height, frame.format.name)
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _drained(graph)


def _yadif(frame):
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("yadif", "deint=interlaced"), graph.add("buffersink")).configure()
    return graph


def _ready(graph):
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _drained(graph):
    graph.push(None)
    yield from _ready(graph)


def reached_by(packet, origin, reached):
    """The second up to which a film is read with this packet too. origin: the container's time of the film's second 0.
    reached: the second before this packet; a leap that no film means does not count."""
    if packet.pts is None or not packet.time_base:
        return reached
    end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin
    return end if reached < end < reached + JUMP else reached


def ends_early(container, reached):
    """Whether a film whose packets end at second `reached` ended well before its header says; of containers whose
    header does say."""
    duration = declared_length(container)
    return duration is not None and _kind(container) in DECLARING and reached < duration - SHORT


def declared_length(container):
    """How long a film is in seconds, as its header says; None when it does not."""
    if not container.duration or container.duration < 0:
        return None
    before = max(0, container.start_time or 0) if _kind(container) in ABSOLUTE else 0
    return max(0, container.duration - before) / av.time_base


def _kind(container):
    return container.format.name.split(",")[0]


def open_film(path):
    """The film's container, to be closed. Raises InputError unless the file is a film in one of the FORMATS."""
    return open_container(path, FORMATS, "film", "an mp4, mov, webm, mkv or avi file")


def open_container(path, formats, what, instead):
    """The container in a file, to be closed. Raises InputError unless it is in one of the formats (FFmpeg's names).

    what: the file is expected to be. instead: what the user may give if it is not.
    """
    require_file(path, what)
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    # "file:" keeps a name such as "concat:a|b" from being taken for a command
    name = f"file:{os.path.abspath(path)}"
    try:
        return av.open(name, container_options=options, metadata_errors="ignore")
    except PermissionError as error:
        raise InputError(f"{path} may not be read; check its permissions") from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; it is damaged, or its frames are too large") from error
    except av.FFmpegError as error:
        raise InputError(f"{path} is not a {what}, or damaged from its start; give {instead}") from error
