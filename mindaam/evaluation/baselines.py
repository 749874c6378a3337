"""Baselines that use no pixel of the image."""

import numpy as np

from mindaam.data import transforms
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.metrics.comparison import LONGEST_SIDE


def baseline_maps(condition, size, gaze):
    """{role: map} of an image or frame that is compared at `size` (height, width), viewed under a condition.

    gaze: TrainGaze of the data. `center_bias` is the mean density of its train split, missing without one; `uniform` is
    one pixel, which resizing stretches without rounding.
    """
    bias = gaze.center_bias(condition, size)
    maps = {} if bias is None else {"center_bias": bias}
    return maps | {"uniform": np.ones((1, 1), np.float32)}


def uniform(image, sentences):
    """The same value everywhere, for each prompt: one pixel, which resizing stretches without rounding."""
    return [np.ones((1, 1), np.float32) for _ in sentences]


class CenterBias:
    """The mean density of a train split, one map per condition, stretched over every image.

    A prompt of no condition of the folder gets the mean over all conditions.
    """

    GRID = (LONGEST_SIDE * 3 // 4, LONGEST_SIDE)

    def __init__(self, train):
        """train: the `GazeFolder` of the train split; the density of each image, sum 1, has the same weight."""
        totals = {}
        for index in range(len(train)):
            density = train.density(index, transforms.fit_within(train.size(index), LONGEST_SIDE))
            # The sizes in a dataset differ; on a common grid every density still weighs one image.
            density = transforms.resize_density(density, self.GRID)
            text = prompt_of(train, index)
            totals[text] = totals.get(text, 0.0) + density.astype(np.float64)
        self._maps = totals
        self._all = sum(totals.values())

    def __call__(self, image, sentences):
        """float32 maps [H,W] of the image's size, one per prompt."""
        maps = (self._maps.get(text, self._all).astype(np.float32) for text in sentences)
        return [transforms.resize_density(each, image.shape[:2]) for each in maps]
