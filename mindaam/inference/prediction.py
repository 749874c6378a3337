"""What a prediction is: a map and a density at the size of the image, and of a frame the small map before that."""

from typing import NamedTuple

import numpy as np

from mindaam.data import transforms


class Prediction(NamedTuple):
    """The prediction for one image [H, W] and one prompt.

    map: float32 [H, W], the model's own output, each pixel in 0..1 by itself. density: float32 [H, W] >= 0, the same
    map as a distribution over the image, sums to 1. prompt: the text that conditioned the model. gate: of a frame with
    audio, the predicted relevance of the audio, 0..1; None without audio.
    """

    map: np.ndarray
    density: np.ndarray
    prompt: str
    gate: float | None = None

    @property
    def sentence(self):
        """The former name of `prompt`."""
        return self.prompt


class FrameMap(NamedTuple):
    """What a model gives for one frame of a video and one prompt, before it is resized: map float32 [h, w], the frame's
    `size` (H, W), the prompt, and the gate as in `Prediction`."""

    map: np.ndarray
    size: tuple
    prompt: str
    gate: float | None = None

    def prediction(self):
        """The Prediction at the frame's size."""
        return finished(self.map, self.size, self.prompt)._replace(gate=self.gate)


def finished(values, size, prompt):
    """The Prediction of the model's map [h, w], resized to the image's `size` (H, W)."""
    resized = transforms.resize_image(np.ascontiguousarray(values, np.float32), size)
    density = resized / resized.sum(dtype=np.float64)
    return Prediction(resized, density.astype(np.float32, copy=False), prompt)
