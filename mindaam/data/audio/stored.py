"""Audio that is stored sample by sample, as in a pack, at another rate."""

import numpy as np

from mindaam.data.resampling import Polyphase


class StoredTrack:
    """A track as `windows.cut_window` takes it, read at any place. It keeps what it resampled: let it go after a clip.

    read: (first, count) -> float32 [count] at `own_rate`, silence beyond the ends. rate: samples a second, None for
    `own_rate`. The samples are those of `sound_track.SoundTrack`, which resamples the same seconds by the same filter,
    but for a dozen behind the end, where the filter rings on: that has no sign of its own here.
    """

    def __init__(self, read, own_rate, rate=None):
        self.rate, self._own_rate, self._read = rate or own_rate, own_rate, read
        self._polyphase = Polyphase(own_rate, self.rate)
        self._seconds = {}

    def samples(self, first, count):
        """Samples first..first + count - 1, float32 [count]; first may be negative."""
        if self.rate == self._own_rate:
            return self._read(first, count)
        begin, end = first // self.rate, -(-(first + count) // self.rate)
        wave = np.concatenate([self._second(number) for number in range(begin, end)])
        return wave[first - begin * self.rate :][:count]

    def _second(self, number):
        """float32 [rate], the samples of a second."""
        if number < 0:  # before the track's start a SoundTrack has nothing, the filter's ringing neither
            return np.zeros(self.rate, np.float32)
        if number not in self._seconds:
            margin = self._polyphase.margin
            wave = self._read(number * self._own_rate - margin, self._own_rate + 2 * margin)
            self._seconds[number] = next(self._polyphase.blocks([wave]))
        return self._seconds[number]
