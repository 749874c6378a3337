"""What every reader gives: an image or a clip, its ground truth, and the prompt."""

from dataclasses import dataclass

import numpy as np

from mindaam.data.audio.cutting import ClipAudio, clip_audio, track_rate


@dataclass(frozen=True)
class Sample:
    """One image, or one clip of a video, under one condition, with its ground truth.

    image: uint8 RGB [H,W,3]; of a clip [T,H,W,3], float32 in 0..255 where it was resized other than by "area".
    density: float32 [H,W], sums to 1; of a clip [T,H,W], each frame sums to 1. fixations: float32 [n,2] (x, y) in
    pixels of the image, of a clip a tuple of T of them; None where the source publishes only maps. prompt: the viewer
    and the task. name: of the image or video. times: float64 [T], seconds from the start of the video at which frames
    are shown; None for an image. audio: the ClipAudio of the frames, as `audio.cutting` cuts it; None where none exists
    or none was requested.
    """

    image: np.ndarray
    density: np.ndarray
    fixations: np.ndarray | tuple | None
    prompt: str
    condition: str
    dataset: str
    name: str
    times: np.ndarray | None = None
    audio: ClipAudio | None = None


def prompt_of(reader, index):
    """The prompt that an entry of any reader is scored with."""
    return reader.prompts.of(reader.entries[index][1])[0]


def clip_audio_of(reader, index, times, cut):
    """The ClipAudio of a video's frames shown at `times` (seconds), of any reader of videos.

    Raises InputError when the audio cannot be read.
    """
    with reader.audio_track(index, track_rate(cut)) as track:
        return clip_audio(track, cut, times, reader.file_rate(index))


def image_sample(reader, index):
    """The Sample of one image at its stored size, of any reader of images.

    Raises InputError for a damaged image, map or fixation file.
    """
    name, condition = reader.entries[index]
    return Sample(
        image=reader.image(index),
        density=reader.density(index),
        fixations=reader.fixations(index),
        prompt=prompt_of(reader, index),
        condition=condition,
        dataset=reader.name,
        name=name,
    )
