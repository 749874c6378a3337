"""Audio at another rate, block by block: the same samples as from the whole audio at once."""

from math import ceil, gcd

import numpy as np

_CROSSINGS, _BETA = 10, 5.0  # SciPy's own filter: zero crossings on a side, shape of its Kaiser window


class Polyphase:
    """Audio from `rate` to `new_rate` samples per second, both integers, by SciPy's polyphase filter (`resample_poly`).

    margin: samples at `rate` that the filter needs before its first one.
    """

    def __init__(self, rate, new_rate):
        from scipy.signal import firwin  # imported here, because it takes most of a second

        step = gcd(rate, new_rate)
        self._rate, self._up, self._down, self.margin = rate, new_rate // step, rate // step, 0
        if self._up == self._down:
            return
        longest = max(self._up, self._down)
        half = _CROSSINGS * longest  # at their common multiple
        self._taps = firwin(2 * half + 1, 1 / longest, window=("kaiser", _BETA)).astype(np.float32)
        # only every `down`th sample falls on a new one, so that blocks may begin nowhere else
        self.margin = self._down * ceil(half / (self._up * self._down))

    def blocks(self, pieces):
        """Yields float32 [new_rate], one second each but for the last.

        pieces: the audio as float32 [samples] that follow one another, from `margin` samples before the first second.
        """
        held, count = [], 0
        for piece in pieces:
            held.append(piece)
            count += len(piece)
            while count >= self._rate + 2 * self.margin:
                wave = np.concatenate(held)
                yield self._filtered(wave[: self._rate + 2 * self.margin], self._rate)
                held, count = [wave[self._rate :]], count - self._rate
        if count > self.margin:
            held.append(np.zeros(self.margin, np.float32))
            yield self._filtered(np.concatenate(held), count - self.margin)

    def _filtered(self, wave, count):
        """The new samples for `count` old ones, which lie between two margins."""
        if not self.margin:
            return wave
        if not wave.any():  # silence stays silence
            return np.zeros(ceil(count * self._up / self._down), np.float32)
        from scipy.signal import resample_poly

        first = self.margin * self._up // self._down
        new = resample_poly(wave, self._up, self._down, window=self._taps)
        return new[first : first + ceil(count * self._up / self._down)]
