"""The numbers of one image or video under one prompt, and of all in one call."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data.transforms import fit_within, resize_image
from mindaam.inference.numbers.shares import attention_in, from_attention, shares, spread, top_points

MEAN_SIDE = 256  # longest side of the mean map of a video, pixels


class Record(NamedTuple):
    """The numbers of a source under one prompt.

    size: (H, W) of the image or of the frames, pixels. condition: the name that the prompt was given by, or None.
    shares, points, spread: as of `shares`; of a video shares and spread are means over its frames, points of its mean
    map. frames: of a video, else None. files: {kind: Path} of its results.
    """

    source: Path
    size: tuple
    prompt: str
    condition: str | None
    shares: list
    points: list
    spread: float
    frames: int | None = None
    files: dict = {}  # noqa: RUF012 - never changed

    @property
    def label(self):
        """The condition, or else the prompt."""
        return self.condition or self.prompt


def of_image(source, prediction, areas, condition=None, files=()):
    """The Record of an image's Prediction; areas: the Areas of its regions."""
    density = prediction.density
    found = shares(density, areas)
    points = top_points(density)
    return Record(
        source, density.shape, prediction.prompt, condition, found, points, spread(density), None, dict(files)
    )


class FrameNumbers:
    """The numbers of a video, frame by frame.

    times: seconds; held: for each frame the share of attention of each of the Areas; spreads: of each frame.
    """

    def __init__(self, areas):
        self.areas, self.times, self.held, self.spreads = areas, [], [], []
        self.size, self._sum = None, 0.0

    def add(self, time, density):
        """Adds the density of a frame, float32 [H, W], its sum 1."""
        self.size = density.shape
        self.times.append(time)
        self.held.append([attention_in(density, area) for area in self.areas])
        self.spreads.append(spread(density))
        self._sum = self._sum + resize_image(density, fit_within(density.shape, MEAN_SIDE)).astype(np.float64)

    def mean(self):
        """The mean of the densities, float32 [h, w], at most MEAN_SIDE pixels a side; its sum is 1."""
        return (self._sum / self._sum.sum()).astype(np.float32)

    def record(self, source, prompt, condition=None, files=()):
        """The Record of the frames so far, at least one."""
        held = np.mean(self.held, 0).tolist() if self.areas else []
        mean = self.mean()
        scale_y, scale_x = (full / small for full, small in zip(self.size, mean.shape, strict=True))
        points = [point._replace(x=point.x * scale_x, y=point.y * scale_y) for point in top_points(mean)]
        return Record(
            source, self.size, prompt, condition, from_attention(held, self.areas), points,
            float(np.mean(self.spreads)), len(self.times), dict(files),
        )  # fmt: skip
