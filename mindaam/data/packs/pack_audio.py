"""Reads some samples of a pack's audio without the rest of it."""

import io

import numpy as np
import soundfile


def raw_samples(read, length, first, count):
    """int16 [count], samples `first` on of 16-bit samples that lie one behind another; as packs had them in version 1.

    read: gives `count` bytes from byte `first` on. length: bytes there are.
    """
    return np.frombuffer(read(2 * first, 2 * count), "<i2")


def flac_samples(read, length, first, count):
    """The same of a FLAC file; None where that is damaged."""
    part = _Part(read, length)
    try:
        with soundfile.SoundFile(part) as file:
            file.seek(first)
            levels = file.read(count, dtype="int16")
    except soundfile.LibsndfileError:
        levels = ()
    if part.error is not None:  # libsndfile's callbacks let none through
        raise part.error
    return levels if len(levels) == count else None


class _Part(io.RawIOBase):
    """A part of a larger file as a file of its own; error: what kept it from being read, or None."""

    def __init__(self, read, length):
        self._read, self._length, self._place, self.error = read, length, 0, None

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        return self._place

    def readinto(self, buffer):
        count = max(0, min(len(buffer), self._length - self._place))
        try:
            buffer[:count] = self._read(self._place, count)
        except Exception as error:  # noqa: BLE001 - raised by whoever reads, once libsndfile has come back
            self.error = error
            return 0
        self._place += count
        return count
