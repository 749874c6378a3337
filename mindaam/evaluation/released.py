"""Processing of ground truths and maps in the released validation, before its metrics (`metrics.RELEASED`).

`mindaam evaluate` has another protocol, `evaluation.gaze`. Sizes are (height, width); a ground truth is the gray image
of a dataset, uint8 [H,W]. Images are compared at the model's size, videos at their own.
"""

import cv2
import numpy as np
from PIL import Image

from mindaam.data import transforms
from mindaam.metrics.maps import fit

BLUR_WIDTH = 11  # pixels; OpenCV takes sigma 0.3*((11-1)/2 - 1) + 0.8 = 2.0 for it
FLAT = 1e-8  # a map with a smaller range is written as all 0


def picture_truth(gray, size):
    """An image's density at `size`, float32 in 0..1: bilinear and rounded to uint8, as Pillow does."""
    return transforms.resize_antialiased(gray, size).astype(np.float32) / np.float32(255)


def picture_fixations(gray, size):
    """An image's fixation map at `size`, float32 in 0..1: the nearest pixel, so that shrinking loses fixations."""
    nearest = Image.fromarray(gray).resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(nearest, np.float32) / np.float32(255)


def frame_truth(gray, size):
    """A frame's density at `size`, float32 in 0..1: bilinear between the nearest pixels, without averaging."""
    resized = cv2.resize(gray.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    return resized / np.float32(255) if resized.max() > 1 else resized


def picture_map(probability, size):
    """An image's map [h,w] at the truth's size, bilinear with half-pixel centers."""
    return fit(probability, size)


def frame_map(probability, size):
    """A frame's map [h,w] at the truth's size, then blurred by a Gaussian 11 pixels wide, mirrored at the borders."""
    resized = np.ascontiguousarray(fit(probability, size), np.float32)
    return cv2.GaussianBlur(resized, (BLUR_WIDTH, BLUR_WIDTH), 0, borderType=cv2.BORDER_REFLECT_101)


def grey_levels(values):
    """A map [H,W] as it is written to a PNG: 255 times its place between minimum and maximum, plus a half, rounded.

    The half and the rounding (to even) together make almost every level one too high; 0 comes from exact zeros alone.
    """
    low, high = values.min(), values.max()
    if high - low <= FLAT:
        return np.zeros(values.shape, np.uint8)
    share = (values - low) / (high - low)
    return np.clip(np.rint(share * 255 + 0.5), 0, 255).astype(np.uint8)
