"""What every reader of gaze gives: a picture or a clip, where people looked in it, and the sentence that says why."""

from dataclasses import dataclass

import numpy as np

from mindaam.data.audio.cutting import ClipAudio


@dataclass(frozen=True)
class Sample:
    """One picture, or one clip of a film, under one condition: what was seen, by whom and why, and where they looked.

    image: uint8 RGB [H,W,3]; of a clip [T,H,W,3], float32 in 0..255 where it was resized other than by "area".
    density: float32 [H,W], sums to 1; of a clip [T,H,W], each frame sums to 1. fixations: float32 [n,2] (x, y) in
    pixels of the image, of a clip a tuple of T of them; None where the source publishes only maps. sentence: who is
    looking and why. name: the picture's or film's. times: float64 [T], seconds since the film's start at which frames
    are shown, None of a picture. sound: the ClipAudio of the frames, as `audio.cutting` cuts it, or None where there is
    none or none was asked for.
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


def image_sample(reader, index):
    """The whole Sample of one picture at its stored size, of any reader of pictures.

    Raises InputError for a damaged picture, map or fixation file.
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
