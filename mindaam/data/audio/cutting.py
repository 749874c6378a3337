"""Windows of audio about the frames of a clip, exactly as the audio encoder takes them.

This is the one place that cuts: training, validation, packs and prediction call it, so that a model takes the same
windows in training and prediction. The cut of an audio configuration is a plain value here, a Cut.
"""

from typing import NamedTuple

import numpy as np

from mindaam.encoders.spectrogram import RATE, resample
from mindaam.errors import InputError

SECONDS = 2.0  # of a window
SAMPLES = 32_000  # of a window at RATE, the encoder's 16 kHz
GRID = 16  # marks per second: windows are at these marks, so that neighboring frames share them
RELEASED_RATE = 48_000  # samples per second of the released loader, before the encoder resamples to RATE


class Cut(NamedTuple):
    """The cut of a model's audio configuration (`models.config.SoundConfig`).

    tokens: windows per frame, `spacing` seconds apart, the middle one at the frame. slicing: "times", about the second
    at which a frame is shown, or "frames", about its number over the frame rate. resampling: to 16 kHz, "polyphase"
    over the whole track, or "sinc" within each window. scale: a factor on every sample.
    """

    tokens: int
    spacing: float
    slicing: str
    resampling: str
    scale: float


class ClipAudio(NamedTuple):
    """The audio of a clip of T frames, K windows each.

    windows: float32 [n,32000] at 16 kHz, each of the clip's windows once, in the order of time; None where the
    embeddings [n,A] of a frozen encoder stand for them. of_frame: int [T,K], the numbers of each frame's windows.
    """

    windows: np.ndarray | None
    of_frame: np.ndarray
    embeddings: np.ndarray | None = None

    def by_frame(self, values):
        """Values of the windows [n,...], such as their embeddings, by frame: [T,K,...]."""
        return values[self.of_frame]


def cut_of(sound):
    """The Cut of an audio configuration, a SoundConfig or anything with its fields."""
    return Cut(sound.tokens, sound.spacing, sound.slicing, sound.resampling, sound.scale)


def track_rate(cut):
    """Samples per second at which `cut_window` takes a track: 16,000, or None for the track's own, resampled later."""
    return RATE if cut.resampling == "polyphase" and cut.slicing == "times" else None


def window_times(time, tokens, spacing):
    """The seconds about which a frame's windows lie, `spacing` apart, the middle one at the frame: [tokens]."""
    return [time + (number - tokens // 2) * spacing for number in range(tokens)]


def window_positions(cut, time, rate):
    """The positions of the K windows of the frame at second `time`, integers: frames of the video, or marks of GRID.

    rate: frames per second of the video, as its file says. Frames share the windows of one position.
    """
    grid = rate if cut.slicing == "frames" else GRID
    return [round(each * grid) for each in window_times(time, cut.tokens, cut.spacing)]


def cut_window(track, cut, position, rate):
    """The window at a position: float32 [32000] at 16 kHz, scaled; silence beyond the ends of the track.

    track: anything with `samples(first, count)` -> float32 [count] and `rate`, samples per second: those of
    `track_rate(cut)`. position, rate: as in `window_positions`.
    """
    if cut.slicing == "frames":
        return resample(released_window(track, cut.scale, position, rate), RELEASED_RATE, RATE)
    count = round(SECONDS * track.rate)
    window = track.samples(round(position / GRID * track.rate) - count // 2, count)
    return resample(window * np.float32(cut.scale), track.rate, RATE)


def released_window(track, scale, number, rate):
    """The two seconds about frame `number` as the released loader cuts them: float32 [96000] at 48 kHz.

    At a whole rate there are 96,000 samples in every window, so that the released loader's linear interpolation to that
    length only ever stretches silence (a window wholly beyond the end); it is not needed here.
    """
    count = int(SECONDS * track.rate)
    window = track.samples(int(number / rate * track.rate) - count // 2, count)
    return resample(window * np.float32(scale), track.rate, RELEASED_RATE)


def clip_audio(track, cut, times, rate):
    """The ClipAudio of frames that are shown at `times`, seconds since the video's start, in the order of `times`.

    track, rate: as in `cut_window`. Raises InputError for a clip without frames and for a track at another rate than
    that of the Cut, and the errors of reading the track.
    """
    wanted = track_rate(cut)
    if len(times) == 0 or wanted not in (None, track.rate):
        raise InputError(
            f"audio is cut for 1 frame or more, from a track at {wanted or 'its own'} samples per second; got "
            f"{len(times)} frames and {track.rate} samples per second"
        )
    positions, of_frame = shared_windows(cut, times, rate)
    return ClipAudio(np.stack([cut_window(track, cut, position, rate) for position in positions]), of_frame)


def shared_windows(cut, times, rate):
    """The positions of all windows of frames shown at `times`, each once, ascending; and for each frame the numbers of
    its K windows among them, int [T,K]. rate: as in `window_positions`."""
    named = [window_positions(cut, float(time), rate) for time in times]
    positions = sorted({position for each in named for position in each})
    number = {position: index for index, position in enumerate(positions)}
    return positions, np.array([[number[position] for position in each] for each in named])
