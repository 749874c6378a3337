"""Audio files that libsndfile reads whole: quicker than FFmpeg does, and exact to the sample wherever reading begins.

libsndfile ends at the first damaged part of a FLAC file, and drops that of an Ogg file, so that all later samples are
early. So it reads intact files only; FFmpeg reads the others (`ffmpeg_audio`): it keeps the time across damage.
"""

import os
from functools import lru_cache
from math import inf

import numpy as np
import soundfile

LEAP = 1.0  # seconds that are read rather than sought
LOUDEST = 1e9  # louder samples are no audio, in parts of full scale
# FFmpeg's names of containers, with the kinds of samples in them that both libraries read alike.
READ = {
    "wav": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "w64": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "flac": {"PCM_S8", "PCM_16", "PCM_24"},
    "ogg": {"VORBIS"},
}
UNCOMPRESSED = ("wav", "w64")  # their length follows from the size of the file
MOST_CHANNELS = 2  # of more, the two libraries have different orders


class LibsndfileAudio:
    """An audio file at its own rate, read by libsndfile; to be closed.

    path: the file; gains: float32 [channels], by which its channels become mono.
    rate: samples per second. duration: seconds. faults: {fault: its first second}. leap: seconds that are read
    rather than sought.
    """

    leap = LEAP

    def __init__(self, path, gains):
        self.path, self.faults, self._gains = path, {}, gains
        self._file = soundfile.SoundFile(os.fspath(path))
        self.rate, self.duration = self._file.samplerate, self._file.frames / self._file.samplerate

    def wave(self, first):
        """Yields consecutive float32 [samples], from sample `first` on; silence before the file's start."""
        if first < 0:
            yield np.zeros(-first, np.float32)
        position = min(max(0, first), self._file.frames)
        while position < self._file.frames:
            try:
                # sought each time: another reader may have moved the file position
                self._file.seek(position)
                samples = self._file.read(self.rate, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                samples = np.zeros((0, 1), np.float32)
            if not len(samples):  # it was intact when it was opened
                self._note("is truncated", position)
                return
            samples, wrong = finite(samples.T)
            if wrong is not None:
                self._note("has samples that are not finite", position + wrong)
            yield self._gains @ samples
            position += samples.shape[1]

    def close(self):
        """Closes the file."""
        self._file.close()

    def _note(self, fault, position):
        self.faults[fault] = min(position / self.rate, self.faults.get(fault, inf))


def open_intact(path, container, channels, rate, gains, duration):
    """The LibsndfileAudio of a file that libsndfile reads without a fault, else None.

    container: FFmpeg's name of the format; channels, rate, duration: as FFmpeg found them, samples per second and
    seconds; gains: as above. A compressed file is read once for that; the result is kept as long as the file has its
    size and date.
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
        return None  # FFmpeg reads it, or raises the error


class _Found:
    """Properties that libsndfile found: channels, samples per channel, samples per second."""

    def __init__(self, file):
        self.channels, self.frames, self.rate = file.channels, file.frames, file.samplerate


@lru_cache(maxsize=4096)
def _read_whole(path, container, size, changed):
    """The _Found of a file with the length of its header, else None; LibsndfileError for a damaged one."""
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
    """(samples with 0 where they are not finite or too loud for audio, the number of the first such or
    None); samples: float32 [channels, n]."""
    wrong = ~(np.abs(samples) <= LOUDEST)
    if not wrong.any():
        return samples, None
    return np.where(wrong, np.float32(0), samples), int(wrong.any(0).argmax())
