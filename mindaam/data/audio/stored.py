"""Audio that is stored sample by sample, as in a pack, at another rate."""

import numpy as np

from mindaam.data.audio.resampling import Polyphase

KEPT = 16  # seconds


class StoredTrack:
    """A track as `cutting.cut_window` takes it, read anywhere; the latest KEPT seconds that it resampled are cached.

    read: (first, count) -> float32 [count] at `own_rate`, silence beyond the ends. length: number of samples. rate:
    samples per second, None for `own_rate`. The samples are those of `audio_track.AudioTrack`, which resamples the same
    seconds by the same filter.
    problem: None; damaged audio raises InputError when it is read.
    """

    problem = None

    def __init__(self, read, length, own_rate, rate=None):
        self.rate, self._own_rate, self._read = rate or own_rate, own_rate, read
        self._length = -(-length * self.rate // own_rate)  # after resampling
        self._polyphase = Polyphase(own_rate, self.rate)
        self._seconds = {}

    def samples(self, first, count):
        """Samples first..first + count - 1, float32 [count]; first may be negative."""
        if self.rate == self._own_rate:
            return self._read(first, count)
        begin, end = first // self.rate, -(-(first + count) // self.rate)
        wave = np.concatenate([self._second(number) for number in range(begin, end)])
        while len(self._seconds) > KEPT:
            del self._seconds[next(iter(self._seconds))]  # the one resampled first
        return wave[first - begin * self.rate :][:count]

    def close(self):
        """Does nothing: the pack stays open."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _second(self, number):
        """float32 [rate], the samples of a second."""
        if number not in self._seconds:
            margin = self._polyphase.margin
            wave = self._read(number * self._own_rate - margin, self._own_rate + 2 * margin)
            block = next(self._polyphase.blocks([wave]))
            # before and after the track is silence, where the filter would ring
            there = (number >= 0) & (np.arange(self.rate) < self._length - number * self.rate)
            self._seconds[number] = np.where(there, block, np.float32(0))
        return self._seconds[number]
