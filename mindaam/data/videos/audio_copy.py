"""The audio of a video, copied as packets into another video."""

from fractions import Fraction

import av

from mindaam.data.audio.ffmpeg_audio import OFF, open_audio
from mindaam.data.audio.late_clock import set_back
from mindaam.data.videos.decoding.containers import FAULTS, LATE, kind, packets

ENCODED_RATE = 48_000  # samples per second of audio that is encoded again
PREROLL = 0.15  # seconds of AAC before the start that are copied too: its decoder needs them


def resampled(container, stream, start, form, layout, rate, back=0.0):
    """Yields (time, frame) of a container's audio stream from about `start` on; time: seconds of the video.

    back: as in `seek`. Raises one of FAULTS when it cannot be decoded further.
    """
    origin = seek(container, start, back)
    resampler = av.AudioResampler(form, layout, rate)
    for packet in packets(container, stream):
        for decoded in packet.decode():
            for frame in resampler.resample(decoded):
                if frame.time is not None:
                    yield frame.time - origin, frame


def seek(container, start, back=0.0):
    """Seeks second `start` of an opened video, or just before; returns the container's time of the video's second 0.

    back: seconds by which its clock was set back (`audio.late_clock`); seeking fails then, and reading begins at the
    beginning.
    """
    origin = (container.start_time or 0) / av.time_base - back
    if start > 0 and not back:
        container.seek(round((start + origin) * av.time_base), backward=True)
    return origin


class AudioCopy:
    """The audio of the video or audio file `path` from its second `start` on, as packets of a new stream of the mp4
    `target`. track: number of its audio track, from 0.

    AAC is copied as it is, other audio is encoded as AAC, in stereo when it has more channels. lost: the second,
    counted from `start`, from which on the audio cannot be read, or None. A video without audio gives no packets.
    """

    def __init__(self, path, target, start=0.0, track=0):
        self.lost, self._time, self._next = None, 0.0, None
        self._source = open_audio(path)
        self._packets = iter(())
        if not self._source.streams.audio:
            return
        source = self._source.streams.audio[track]
        self._back = set_back(self._source, source)
        if kind(self._source) in LATE:
            self._source.close()
            self._source = open_audio(path)
            source = self._source.streams.audio[track]
        context = source.codec_context
        if context is None:
            self.lost = 0.0
        elif context.name == "aac" and context.extradata:
            self._packets = self._copied(target.add_stream_from_template(source), source, start)
        else:
            layout = "mono" if context.layout.nb_channels == 1 else "stereo"
            stream = target.add_stream("aac", rate=ENCODED_RATE, layout=layout)
            self._packets = self._encoded(source, stream, start)

    def until(self, time):
        """Yields the packets that begin at or before `time`, counted from `start`."""
        while True:
            if self._next is None:
                try:
                    self._next = next(self._packets, None)
                except FAULTS:
                    self.lose()
            if self._next is None or self._next[0] > time:
                return
            self._time, packet = self._next
            self._next = None
            yield packet

    def lose(self):
        """Ends the packets: the next ones cannot be read or written."""
        self.lost, self._packets, self._next = self._time, iter(()), None

    def close(self):
        """Closes the source."""
        self._packets = iter(())
        self._source.close()

    def _copied(self, stream, source, start):
        shift = seek(self._source, start, self._back) + start
        last = -round(PREROLL / source.time_base)
        for packet in packets(self._source, source):
            if packet.pts is None or packet.dts is None:
                continue
            off = round(shift / packet.time_base)
            packet.pts, packet.dts = packet.pts - off, packet.dts - off
            if last < packet.dts <= packet.pts:  # neither before the preroll nor out of order
                last, packet.stream = packet.dts, stream
                yield float(packet.pts * packet.time_base), packet

    def _encoded(self, source, stream, start):
        context = stream.codec_context
        samples = 0  # passed to the encoder, silence included
        form, layout = context.format, context.layout
        for time, frame in resampled(self._source, source, start, form, layout, ENCODED_RATE, self._back):
            number = round((time - start) * ENCODED_RATE)
            if number < 0 and not samples:
                continue
            if abs(number - samples) > OFF * ENCODED_RATE:
                samples = max(samples, number)  # a clock that restarts, as of concatenated videos, continues
            frame.pts, frame.time_base = samples, Fraction(1, ENCODED_RATE)
            samples += frame.samples
            for packet in stream.encode(frame):
                yield _timed(packet)
        for packet in stream.encode(None):
            yield _timed(packet)


def _timed(packet):
    return float((packet.pts or 0) * packet.time_base), packet
