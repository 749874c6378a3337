"""Baselines that use no pixel of an image or frame."""

import numpy as np


def baseline_maps(condition, size, gaze):
    """{role: [h,w]}: the center bias of the train split at `size`, where there is one, and a uniform map of one pixel.

    condition: of the entry; size: (height, width) of the comparison; gaze: TrainGaze.
    """
    bias = gaze.center_bias(condition, size)
    return ({} if bias is None else {"center_bias": bias}) | {"uniform": np.ones((1, 1), np.float32)}
