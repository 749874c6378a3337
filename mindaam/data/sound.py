"""A film's sound, cut into one window a frame."""

from math import inf

import numpy as np

from mindaam.encoders.spectrogram import resample
from mindaam.errors import InputError

RATE = 48_000  # samples a second of the windows, as the released loader gives them
SECONDS = 2.0
RELEASED_SCALE = 2.0**-23  # the released loader scales 24-bit integers, but its sound is in -1..1 already: a quirk


def frame_windows(wave, rate, fps, frames, start=0, scale=1.0):
    """The sound around each of a clip's frames: float32 [frames, 96000] at 48 kHz, two seconds about each frame.

    wave: mono float32 [samples] in -1..1, or None for a film without sound, which gives silence. rate: its samples a
    second, an integer. fps: frames a second of the film. start: the clip's first frame, counted from 0. scale: a factor
    on every sample; RELEASED_SCALE does as the released loader. Beyond the film's ends there is silence.
    Raises InputError for sound of another shape, a frame before the first, and rates that are not positive, or not an
    integer where it must be one.
    """
    if frames < 1 or not 0 < fps < inf or not 1 <= rate < inf:
        raise InputError(f"a clip needs frames, a frame rate and a sample rate, got {frames}, {fps} and {rate}")
    if start < 0 or rate != int(rate):
        raise InputError(f"a clip starts at frame 0 or later, and its sample rate is whole, got {start} and {rate}")
    rate = int(rate)
    if wave is None:
        return np.zeros((frames, int(SECONDS * RATE)), np.float32)
    wave = np.asarray(wave, np.float32)
    if wave.ndim != 1:
        raise InputError(f"sound must be mono, [samples], got {list(wave.shape)}; mix the channels down first")
    windows = np.zeros((frames, int(SECONDS * rate)), np.float32)
    for i, window in enumerate(windows):
        first = _first(start + i, fps, rate)
        low, high = max(first, 0), min(first + len(window), len(wave))
        if low < high:
            window[low - first : high - first] = wave[low:high]
    return _as_released(windows, rate, scale)


def frame_window(track, fps, number, scale=1.0):
    """The sound around one frame: float32 [96000] at 48 kHz, a row of `frame_windows`.

    track: SoundTrack at the film's own rate (rate=None). fps: frames a second of the film. number: the frame's, from 0.
    scale: a factor on every sample.
    """
    window = track.samples(_first(number, fps, track.rate), int(SECONDS * track.rate))
    return _as_released(window, track.rate, scale)


def _first(number, fps, rate):
    """The first sample of a frame's window, which may be before the film's."""
    return int(number / fps * rate) - int(SECONDS * rate) // 2


def _as_released(windows, rate, scale):
    # at a whole rate this is 96,000 samples for each window, so that the released loader's linear interpolation to that
    # length, which has only silence to stretch (a window wholly beyond the end), has nothing to do here
    return resample(windows * np.float32(scale), rate, RATE)
