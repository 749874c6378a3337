"""What a prediction is: a map and a density at the size of the image, and of a frame the small map before that."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mindaam.data import transforms
from mindaam.errors import ConfigError

if TYPE_CHECKING:
    from mindaam.inference.numbers.shares import Point, Share

SHOWN = 1000  # longest side of the image in a notebook, pixels
SAVED = (".jpg", ".jpeg", ".png", ".npy")


class Prediction(NamedTuple):
    """The prediction for one image [H, W] and one prompt.

    map: float32 [H, W], the model's own output, each pixel in 0..1 by itself. density: float32 [H, W] >= 0, the same
    map as a distribution over the image, sums to 1. prompt: the text that conditioned the model. gate: of a frame with
    audio, the predicted relevance of the audio, 0..1; None without audio. image: the one that was predicted, uint8 RGB
    [H, W, 3]; None for a frame of a video.
    """

    map: np.ndarray
    density: np.ndarray
    prompt: str
    gate: float | None = None
    image: np.ndarray | None = None

    @property
    def sentence(self) -> str:
        """The former name of `prompt`."""
        return self.prompt

    def share(self, regions: Any) -> list[Share]:
        """The `numbers.shares.Share` of each region: its share of attention and area, their ratio, its rank.

        regions: the path of a file (see `numbers.region_files`), the content of one, or a list of Regions. Raises
        InputError for regions that cannot be used with this image.
        """
        from mindaam.inference.numbers.region_files import as_regions
        from mindaam.inference.numbers.regions import areas
        from mindaam.inference.numbers.shares import shares

        return shares(self.density, areas(as_regions(regions), self.density.shape))

    def top_points(self, count: int = 5) -> list[Point]:
        """At most `count` `numbers.shares.Point`s with the most attention. Their ranks are no order in time."""
        from mindaam.inference.numbers.shares import top_points

        return top_points(self.density, count)

    def spread(self, share: float = 0.5) -> float:
        """The smallest part of the image's area, 0..1, that holds `share` of all attention."""
        from mindaam.inference.numbers.shares import spread

        return spread(self.density, share)

    def rendered(self) -> np.ndarray:
        """uint8 RGB [H, W, 3]: the image under its heat map; the colors of the map alone without an image."""
        from mindaam.inference import render

        if self.image is not None:
            return render.overlay(self.image, self.density)
        low, high = render.span(self.density)
        return render.heat((self.density - low) / (high - low or 1.0))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the `rendered` image as .jpg or .png, or the density as .npy, whole or not at all.

        Raises ConfigError for another suffix, OutputError when the file cannot be written.
        """
        from mindaam.data import media

        suffix = Path(path).suffix.lower()
        if suffix not in SAVED:
            raise ConfigError(f"{path} must end with one of {', '.join(SAVED)}")
        if suffix == ".npy":
            media.write_npy(path, self.density)
        else:
            (media.write_png if suffix == ".png" else media.write_jpeg)(path, self.rendered())

    def show(self) -> None:
        """Opens the `rendered` image in the image viewer of the desktop; a notebook shows a Prediction by itself."""
        from PIL import Image

        Image.fromarray(self.rendered()).show()

    def _repr_png_(self):
        """The PNG that a notebook shows, at most SHOWN pixels a side."""
        from PIL import Image

        image, stream = Image.fromarray(self.rendered()), io.BytesIO()
        image.thumbnail((SHOWN, SHOWN))
        image.save(stream, format="PNG")
        return stream.getvalue()


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
