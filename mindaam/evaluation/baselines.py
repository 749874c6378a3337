"""Baselines that use no pixel of the image."""

import numpy as np


def baseline_maps(condition, size, gaze):
    """{role: map} of an image or frame that is compared at `size` (height, width), viewed under a condition.

    gaze: TrainGaze of the data. `center_bias` is the mean density of its train split, missing without one; `uniform` is
    one pixel, which resizing stretches without rounding.
    """
    bias = gaze.center_bias(condition, size)
    maps = {} if bias is None else {"center_bias": bias}
    return maps | {"uniform": np.ones((1, 1), np.float32)}
