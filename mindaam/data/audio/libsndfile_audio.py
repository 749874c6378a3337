"""Audio files that libsndfile reads whole: quicker than FFmpeg does, and exact to the sample wherever reading begins.

libsndfile ends at the first damaged part of a FLAC file, and leaves it out of an Ogg file as if it had never been. So
it reads intact files only; `sound_track` has the others from FFmpeg, which keeps the time and continues after damage.
"""

import os
from functools import lru_cache
from math import inf

import numpy as np
import soundfile

LEAP = 1.0  # seconds that are read rather than jumped over
LOUDEST = 1e9  # no audio is beyond, in parts of full scale
# FFmpeg's names of containers, with the kinds of samples in them that both libraries read alike.
READ = {
    "wav": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "w64": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "flac": {"PCM_S8", "PCM_16", "PCM_24"},
    "ogg": {"VORBIS"},
}
UNCOMPRESSED = ("wav", "w64")  # how much they hold follows from their length
MOST_CHANNELS = 2  # of more, the two libraries have different orders


class LibsndfileAudio:
    """An audio file at its own rate, read by libsndfile; to be closed.

    path: the file; gains: float32 [channels], by which its channels become mono.
    rate: samples a second. duration: seconds. faults: {what was wrong: its first second}. leap: seconds that are rather
    read than jumped over.
    """

    leap = LEAP

    def __init__(self, path, gains):
        self.path, self.faults, self._gains = path, {}, gains
        self._file = soundfile.SoundFile(os.fspath(path))
        self.rate, self.duration = self._file.samplerate, self._file.frames / self._file.samplerate

    def wave(self, first):
        """Yields float32 [samples] that follow one another, from sample `first` on; silence before the file's start."""
        if first < 0:
            yield np.zeros(-first, np.float32)
        place = min(max(0, first), self._file.frames)
        while place < self._file.frames:
            try:
                # sought each time: whoever reads elsewhere in the meantime moves the file too
                self._file.seek(place)
                samples = self._file.read(self.rate, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                samples = np.zeros((0, 1), np.float32)
            if not len(samples):  # it was whole when it was opened
                self._note("breaks off", place)
                return
            samples, wrong = finite(samples.T)
            if wrong is not None:
                self._note("has samples that are not finite", place + wrong)
            yield self._gains @ samples
            place += samples.shape[1]

    def close(self):
        """Closes the file."""
        self._file.close()

    def _note(self, fault, place):
        self.faults[fault] = min(place / self.rate, self.faults.get(fault, inf))


def open_intact(path, container, channels, rate, gains, duration):
    """The LibsndfileAudio of a file that libsndfile reads without a fault, else None.

    container: FFmpeg's name of what the file is; channels: how many it has, as FFmpeg found them; rate: samples a
    second, the same; gains: as above; duration: seconds, as FFmpeg found them. A compressed file is read once for that;
    what was found is remembered as long as the file's size and date stay.
    """
    if container not in READ or not 0 < channels <= MOST_CHANNELS or not duration:
        return None
    try:
        stat = os.stat(path)
        found = _read_whole(os.fspath(path), container, stat.st_size, stat.st_mtime_ns)
        if found is None or (found.channels, found.rate) != (channels, rate):
            return None
        if abs(found.frames / rate - duration) > 1e-3:
            return None
        return LibsndfileAudio(path, gains)
    except (OSError, soundfile.LibsndfileError):
        return None  # FFmpeg reads it, or says what is wrong


class _Found:
    """What libsndfile found in a file: channels, samples a channel, samples a second."""

    def __init__(self, file):
        self.channels, self.frames, self.rate = file.channels, file.frames, file.samplerate


@lru_cache(maxsize=4096)
def _read_whole(path, container, size, changed):
    """The _Found of a file that is as long as it says, else None; LibsndfileError for a damaged one."""
    with soundfile.SoundFile(path) as file:
        if file.subtype not in READ[container]:
            return None
        if container not in UNCOMPRESSED:
            block, count = np.empty((1 << 16, file.channels), np.float32), 0
            while read := len(file.read(out=block)):
                count += read
            if count != file.frames:
                return None
        return _Found(file)


def finite(samples):
    """(samples with 0 where they are not finite or beyond anything that is audio, the number of the first such or
    None); samples: float32 [channels, n]."""
    wrong = ~(np.abs(samples) <= LOUDEST)
    if not wrong.any():
        return samples, None
    return np.where(wrong, np.float32(0), samples), int(wrong.any(0).argmax())
