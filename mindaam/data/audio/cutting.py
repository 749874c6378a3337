"""Windows of audio about the frames of a clip, exactly as the audio encoder takes them.

This is the one place that cuts: training, validation, packs and prediction call it, so that a model gets in prediction
what it was trained on. What an audio configuration asks for is a plain value here, a Cut.
"""

from typing import NamedTuple

import numpy as np

from mindaam.encoders.spectrogram import RATE, resample
from mindaam.errors import InputError

SECONDS = 2.0  # of a window
SAMPLES = 32_000  # of a window at RATE, the encoder's 16 kHz
GRID = 16  # a second is cut into so many: windows lie on these marks, so that neighbouring frames share theirs
RELEASED_RATE = 48_000  # samples a second to which the released loader brings a window before the encoder does to RATE


class Cut(NamedTuple):
    """What a model's audio configuration (`models.config.SoundConfig`) says about cutting.

    tokens: windows a frame, `spacing` seconds apart, the middle one at the frame. slicing: "times", about the second at
    which a frame is shown, or "frames", about its number over the frame rate. resampling: to 16 kHz, "polyphase" over
    the whole track, or "sinc" within each window. scale: a factor on every sample.
    """

    tokens: int
    spacing: float
    slicing: str
    resampling: str
    scale: float


class ClipAudio(NamedTuple):
    """The audio of a clip of T frames, K windows each.

    windows: float32 [n,32000] at 16 kHz, each of the clip's windows once, in the order of time. of_frame: int [T,K],
    the numbers of each frame's windows.
    """

    windows: np.ndarray
    of_frame: np.ndarray

    def by_frame(self, values):
        """What belongs to the windows [n,...], such as their embeddings, by frame: [T,K,...]."""
        return values[self.of_frame]


def cut_of(sound):
    """The Cut of an audio configuration, a SoundConfig or anything with its fields."""
    return Cut(sound.tokens, sound.spacing, sound.slicing, sound.resampling, sound.scale)


def track_rate(cut):
    """Samples a second at which `cut_window` takes a track: 16,000, or None for the track's own, resampled later."""
    return RATE if cut.resampling == "polyphase" and cut.slicing == "times" else None


def window_times(time, tokens, spacing):
    """The seconds about which a frame's windows lie, `spacing` apart, the middle one at the frame: [tokens]."""
    return [time + (number - tokens // 2) * spacing for number in range(tokens)]


def window_positions(cut, time, rate):
    """Where the K windows of the frame at second `time` lie, as whole numbers: frames of the video, or marks of GRID.

    rate: frames a second of the video, as its file says. Frames whose windows have the same place share them.
    """
    grid = rate if cut.slicing == "frames" else GRID
    return [round(each * grid) for each in window_times(time, cut.tokens, cut.spacing)]


def cut_window(track, cut, place, rate):
    """The window at a place: float32 [32000] at 16 kHz, scaled; silence beyond the ends of the track.

    track: anything with `samples(first, count)` -> float32 [count] and `rate`, samples a second: those of
    `track_rate(cut)`. place, rate: as in `window_positions`.
    """
    if cut.slicing == "frames":
        return resample(released_window(track, cut.scale, place, rate), RELEASED_RATE, RATE)
    count = round(SECONDS * track.rate)
    window = track.samples(round(place / GRID * track.rate) - count // 2, count)
    return resample(window * np.float32(cut.scale), track.rate, RATE)


def released_window(track, scale, number, rate):
    """The two seconds about frame `number` as the released loader cuts them: float32 [96000] at 48 kHz.

    At a whole rate there are 96,000 samples in every window, so that the released loader's linear interpolation to that
    length, which has only silence to stretch (a window wholly beyond the end), has nothing to do here.
    """
    count = int(SECONDS * track.rate)
    window = track.samples(int(number / rate * track.rate) - count // 2, count)
    return resample(window * np.float32(scale), track.rate, RELEASED_RATE)


def clip_audio(track, cut, times, rate):
    """The ClipAudio of frames that are shown at `times`, seconds since the video's start, in the order of `times`.

    track, rate: as in `cut_window`. Raises InputError for a clip without frames and for a track at another rate than
    the Cut asks for, and what reading the track raises.
    """
    wanted = track_rate(cut)
    if len(times) == 0 or wanted not in (None, track.rate):
        raise InputError(
            f"audio is cut about 1 frame or more, from a track at {wanted or 'its own'} samples a second; got "
            f"{len(times)} frames and {track.rate} samples a second"
        )
    named = [window_positions(cut, float(time), rate) for time in times]
    places = sorted({place for each in named for place in each})
    number = {place: index for index, place in enumerate(places)}
    windows = np.stack([cut_window(track, cut, place, rate) for place in places])
    return ClipAudio(windows, np.array([[number[place] for place in each] for each in named]))
