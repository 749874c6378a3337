"""The audio of a video or an audio file, read forwards as a stream: memory does not grow with its length.

libsndfile reads intact WAV, FLAC and Ogg files (`audio.libsndfile_audio`), FFmpeg all others and damaged ones: it keeps
the time across damage and continues behind it. libsndfile ends at the first damaged part of a FLAC file, and drops
that of an Ogg file, so that all later samples are early.
"""

import os
from collections import deque
from functools import partial

import numpy as np

from mindaam.data.audio.ffmpeg_audio import FFmpegAudio, NoAudio, open_audio
from mindaam.data.audio.resampling import Polyphase

__all__ = ["NoAudio", "AudioTrack", "open_audio"]

RATE = 16_000
KEPT = 10.0  # seconds before the latest one that stay in memory


class AudioTrack:
    """The audio of a video or audio file as mono float32, about -1..1; to be closed, or used as a context manager.

    path: a video, or a WAV, FLAC, Ogg, MP3, M4A or other audio file. rate: samples per second, None for the file's own.
    track: which of the video's audio tracks, counted from 0.
    rate: samples per second. duration: seconds as the file says, or None. Sample i belongs to second i / rate of the
    video, whose second 0 is that of `read_frames`; there is silence before the audio begins, after it ends, where it
    has a gap or is damaged, and where its samples are not finite. After a seek in a video whose times are rounded, to a
    thousandth of a second in Matroska, say, the samples may be off by as much.
    Several channels become one as in ITU-R BS.775: center 1, left and right 0.71, surround 0.5, no low effects,
    divided by their sum; the mean where the file does not name its channels, and for stereo.
    Another process, forked or given a pickled one, opens the file again: two would share one file position.
    Raises NoAudio for a video without any, InputError for a file without audio and for a track that does not exist.
    """

    def __init__(self, path, rate=RATE, *, track=0):
        self._arguments = path, rate, track
        self._open()
        self.rate, self.duration = self._reader.rate if rate is None else rate, self._reader.duration
        self._polyphase = Polyphase(self._reader.rate, self.rate)
        self._wind(0)

    def __reduce__(self):
        path, rate, track = self._arguments
        return partial(AudioTrack, track=track), (path, rate)

    def _open(self):
        path, _, track = self._arguments
        self._reader, self._process = _opened(path, track), os.getpid()

    @property
    def problem(self):
        """One sentence about the faults of the audio so far, or None."""
        faults = [f"{fault} at second {second:.1f}" for fault, second in self._reader.faults.items()]
        if not faults:
            return None
        return (
            f"the audio of {self._reader.path} {', '.join(faults)}; the missing parts are silent, copy or save it "
            "again to complete it"
        )

    def samples(self, first, count):
        """Samples first..first + count - 1 as float32 [count]. Reading forwards is fast, more than 10 s back slow."""
        out = np.zeros(count, np.float32)
        low, high = max(first, 0), first + count
        if low >= high:
            return out
        if self._process != os.getpid():
            self._open()
            self._wind(low // self.rate)
        if low < self._start or (low > self._reached + self._reader.leap * self.rate and not self._ended):
            self._wind(low // self.rate)
        for position, block in self._blocks_until(high):
            begin, end = max(low, position), min(high, position + len(block))
            if begin < end:
                out[begin - first : end - first] = block[begin - position : end - position]
        return out

    def window(self, time, seconds=2.0):
        """The audio centered at a second of the video: float32 [round(seconds * rate)]."""
        count = round(seconds * self.rate)
        return self.samples(round(time * self.rate) - count // 2, count)

    def rest(self, first=0):
        """All samples from `first` to the audio's end: float32 [samples], as long as they are."""
        out = np.zeros(0, np.float32)
        for piece in self.pieces(first):
            count = len(out)
            out.resize(count + len(piece), refcheck=False)  # grows in place: the whole is in memory once
            out[count:] = piece
        return out

    def pieces(self, first=0):
        """Yields the samples from `first` to the audio's end, float32 [samples], at most ten seconds at a time."""
        position = first
        while not self._ended or position < self._reached:
            piece = self.samples(position, 10 * self.rate)
            yield piece[: max(0, self._reached - position)] if self._ended else piece
            position += len(piece)

    def close(self):
        """Closes the file."""
        self._kept.clear()
        self._blocks.close()
        self._reader.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def _wind(self, second):
        """Seeks a second of the video, forwards or back."""
        second = second if second > self._reader.leap else 0
        self._kept, self._start, self._reached = deque(), second * self.rate, second * self.rate
        self._ended = False
        wave = self._reader.wave(second * self._reader.rate - self._polyphase.margin)
        self._blocks = self._polyphase.blocks(wave)

    def _blocks_until(self, high):
        """Yields the blocks that are kept, with their first samples' numbers, and further ones until `high`."""
        position = self._start
        for block in list(self._kept):
            yield position, block
            position += len(block)
        while self._reached < high and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                return
            yield self._reached, block
            self._kept.append(block)
            self._reached += len(block)
            while self._start + len(self._kept[0]) < self._reached - KEPT * self.rate:
                self._start += len(self._kept.popleft())


def _opened(path, track):
    """The reader of a file's audio: libsndfile where it can, else FFmpeg, which also raises the errors."""
    reader = FFmpegAudio(path, track)
    intact = reader.as_libsndfile_audio()
    if intact is None:
        return reader
    reader.close()
    return intact
