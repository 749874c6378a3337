"""The audio of a file as FFmpeg decodes it, at its own rate, in time: damaged parts are recorded and silent.

No value of a header makes it loop or take memory: the silence within the audio is limited by the size of the file.
"""

import os
from contextlib import suppress
from functools import lru_cache
from math import inf

import av
import numpy as np

from mindaam.data.audio.late_clock import set_back
from mindaam.data.audio.libsndfile_audio import finite, open_intact
from mindaam.data.videos.decoding.containers import (
    FAULTS,
    FORMATS,
    LATE,
    SHORT,
    ends_early,
    kind,
    open_container,
    packets,
    reached_by,
)
from mindaam.errors import InputError

# FFmpeg's names of containers, the videos' and those of audio files.
AUDIO_FORMATS = f"{FORMATS},aac,ac3,aiff,amr,au,caf,eac3,flac,mp3,w64,wav"
GUESSING = ("aac", "ac3", "amr", "eac3", "mp3")  # without times, so that seeking a second is impossible
SLOWEST, FASTEST = 1000, 384_000  # samples per second of audio that is read
LEAP = 30.0  # seconds that are read rather than sought
PREROLL = 0.5  # seconds before a sought second that are decoded too: lossy decoders need them
OFF = 0.05  # seconds by which audio may be off its time because times are rounded
OVERLAP = 1.0  # seconds by which a packet may begin before the last one's end; more is an error of the file
LONGEST_GAP = 600.0  # seconds of silence within the audio, if the duration of the video is unknown; more is an error
LEANEST = 1000  # bytes per second of videos in which audio may be silent for longer
# Mono from several channels as in ITU-R BS.775: the gains of the front ones, the low effects and all others.
GAINS = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
SIDE_GAIN = 0.5


class NoAudio(InputError):
    """A video without any audio."""


class FFmpegAudio:
    """An audio track of a file, at its own rate, decoded by FFmpeg; to be closed.

    rate: samples per second. duration: seconds, or None. faults: {fault: its first second}. leap:
    seconds that are read rather than sought.
    """

    def __init__(self, path, track):
        self.path, self.faults, self._track = path, {}, track
        self._open()
        container, stream = self._container, self._stream
        self._origin = (container.start_time or 0) / av.time_base
        self._damaged = False  # between the latest samples and the next ones
        try:
            self.rate = self._checked_rate()
        except InputError:
            self.close()
            raise
        whole = container.duration / av.time_base if container.duration and container.duration > 0 else None
        own = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0
        self.duration = own if own > 0 else whole
        back = set_back(container, stream)
        self._fresh, self._origin = self._fresh and kind(container) not in LATE, self._origin - back
        self._latest = None if whole is None else whole + back + SHORT  # no audio begins after that second
        self._likely = LONGEST_GAP + os.path.getsize(path) / LEANEST  # seconds of silence in all
        self._can_jump = bool(stream.time_base) and not back and kind(container) not in GUESSING

    @property
    def leap(self):
        """Seconds that are read rather than sought."""
        return LEAP

    def as_libsndfile_audio(self):
        """The LibsndfileAudio of the same track, or None."""
        container = self._container
        if len(container.streams.audio) != 1 or any(not _is_cover(stream) for stream in container.streams.video):
            return None
        names = tuple(channel.name for channel in self._stream.codec_context.layout.channels)
        return open_intact(self.path, container.format.name, len(names), self.rate, _gains(names), self.duration)

    def close(self):
        """Closes the file."""
        self._container.close()

    def wave(self, first):
        """Yields consecutive float32 [samples], from sample `first` on; silence before the video's start."""
        if first < 0:
            yield np.zeros(-first, np.float32)
        filled = max(0, first)
        for position, samples in self._numbered(filled / self.rate):
            while filled < position:
                silence = np.zeros(min(position - filled, self.rate), np.float32)
                yield silence
                filled += len(silence)
            if position + len(samples) > filled:
                yield samples[filled - position :]
                filled = position + len(samples)

    def _open(self):
        self._container = open_audio(self.path)
        streams = self._container.streams.audio
        self._stream = streams[self._track] if 0 <= self._track < len(streams) else None
        self._fresh = True

    def _checked_rate(self):
        count = len(self._container.streams.audio)
        if not count:
            raise NoAudio(f"{self.path} has no audio; give a video with audio, or an audio file")
        if self._stream is None:
            known = "one audio track, track 0" if count == 1 else f"{count} audio tracks, tracks 0 to {count - 1}"
            raise InputError(f"{self.path} has {known}; track {self._track} does not exist")
        context = self._stream.codec_context
        if context is None:
            raise InputError(f"{self.path} holds audio of a kind that cannot be decoded; save it as wav, flac or AAC")
        rate = context.sample_rate
        if not rate:  # in MPEG it comes with the audio, which may begin late
            first = next(self._decoded(0.0), None)
            rate = first.sample_rate if first is not None else 0
            self._fresh = False
        if not SLOWEST <= rate <= FASTEST:
            raise InputError(f"{self.path} has audio of {rate} samples per second; save it with {SLOWEST} to {FASTEST}")
        return rate

    def _numbered(self, start):
        """Yields (place, samples): mono float32 [samples] and the number of the first one, about from `start` on."""
        due, silence = None, self._likely
        for frame in self._frames(start):
            if frame.sample_rate != self.rate:
                self._note("changes its rate", frame.time or 0.0)
                continue
            position = self._first_sample(frame.time, due, start, silence)
            try:
                samples = self._mono(frame, position)
            except FAULTS:
                self._note("is damaged", position / self.rate)
                self._damaged = True
                continue
            yield position, samples
            silence -= max(0.0, (position - (start * self.rate if due is None else due)) / self.rate)
            due, self._damaged = max(due or 0, position + len(samples)), False

    def _first_sample(self, time, due, start, silence):
        """The number of a frame's first sample, if the last frame's end is `due` and reading began at `start`.

        Frames follow one another, since containers round their times, unless they are off by more. silence: the most
        seconds of it before the frame.
        """
        if time is None:
            return due or 0
        position = round((time - self._origin) * self.rate)
        if due is None:
            latest = start + LONGEST_GAP if self._latest is None else max(start, self._latest)
            return position if -OVERLAP <= position / self.rate <= min(latest, start + silence) else 0
        off = (position - due) / self.rate
        longest = LONGEST_GAP if self._latest is None else self._latest - due / self.rate
        if not -OVERLAP <= off <= min(longest, silence) or abs(off) <= OFF and not self._damaged:
            return due
        if off > OFF and not self._damaged:
            self._note("has a gap", due / self.rate)
        return position

    def _frames(self, start):
        """Decoded frames, the first of them at or before `start`, by seeking when that works."""
        if start > 0 and self._can_jump:
            with suppress(*FAULTS):
                aim = max(0.0, start - PREROLL) + self._origin
                self._fresh = False
                self._container.seek(round(aim / self._stream.time_base), stream=self._stream)
                frames = self._decoded(start)
                first = next(frames, None)
                if first is not None and first.time is not None and first.time - self._origin <= start:
                    yield first
                    yield from frames
                    return
        if not self._fresh:
            self.close()
            self._open()
        self._fresh = False
        yield from self._decoded(0.0)

    def _decoded(self, start):
        """Frames as they come out of the decoder, from second `start` on; damage is recorded and skipped."""
        decoded = start == 0  # after a seek a decoder may reject its first packets
        audio_reached = reached = start  # seconds up to which there were packets of this audio, and of any kind
        reading = packets(self._container)  # those of the frames too: they show how long the video is
        while True:
            try:
                packet = next(reading, None)
            except FAULTS:
                self._note("is truncated", audio_reached)
                return
            if packet is None:
                break
            reached = reached_by(packet, self._origin, reached)
            if packet.stream.index != self._stream.index:
                continue
            begin, audio_reached = audio_reached, reached_by(packet, self._origin, audio_reached)
            try:
                frames = packet.decode()
            except FAULTS:
                self._damaged = True
                if decoded:
                    self._note("is damaged", begin)
                continue
            for frame in frames:
                decoded = True
                if frame.is_corrupt:
                    self._note("is damaged", begin)
                yield frame
        if ends_early(self._container, reached):
            self._note("is truncated", audio_reached)

    def _mono(self, frame, position):
        """The frame's samples as float32 [samples]. position: the number of the first one."""
        samples, names = _array(frame), tuple(channel.name for channel in frame.layout.channels)
        if frame.format.is_packed:
            samples = samples.reshape(-1, len(names)).T
        samples, wrong = finite(_in_full_scale(samples))
        if wrong is not None:
            self._note("has samples that are not finite", (position + wrong) / self.rate)
        return _gains(names) @ samples

    def _note(self, fault, second):
        self.faults[fault] = min(max(0.0, second), self.faults.get(fault, inf))


def _is_cover(stream):
    """Whether a stream of images is the one on the cover of an audio file."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _array(frame):
    """A frame's samples [channels, n], or [1, n x channels] where its format is packed."""
    if frame.format.packed.name != "s64":
        return frame.to_ndarray()
    count = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    return np.stack([np.frombuffer(plane, np.int64, count) for plane in frame.planes])  # PyAV has no such arrays


def _in_full_scale(samples):
    """Samples of any kind that FFmpeg gives as float32, those of integers in -1..1."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) * np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is reported as such
        return samples.astype(np.float32, copy=False)


@lru_cache(maxsize=16)
def _gains(names):
    """float32 [channels] with sum 1, by the channels' names."""
    gains = np.array([GAINS.get(name, SIDE_GAIN) for name in names])
    if not gains.any():  # low effects alone
        gains += 1
    return (gains / gains.sum()).astype(np.float32)


def open_audio(path):
    """The container of a video or an audio file, to be closed. Raises InputError unless it is one in AUDIO_FORMATS."""
    return open_container(
        path, AUDIO_FORMATS, "video or audio file", "a wav, flac, mp3, ogg or m4a file, or a video with audio"
    )
