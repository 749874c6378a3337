"""The released validation: its ground truths, maps and frames, for the protocol `released` (`metrics.RELEASED`).

Sizes are (height, width); a ground truth is the gray image of a dataset, uint8 [H,W]. Images are compared at the size
of the authors' model, IMAGE_SIZE, videos at their own. The authors average the means of batches; here each image or
video has the same weight.
"""

import cv2
import numpy as np
from PIL import Image

from mindaam.data import media, transforms
from mindaam.metrics.maps import fit, fixated, points_of

NAME = "released"  # of the protocol
IMAGE_SIZE = (448, 448)
CLIP = 32  # frames of a clip in the released validation
AUDIO_VISUAL = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")  # datasets of its audio-visual loader
BLUR_WIDTH = 11  # pixels; OpenCV takes sigma 0.3*((11-1)/2 - 1) + 0.8 = 2.0 for it
FLAT = 1e-8  # a map with a smaller range is written as all 0


def image_truth(reader, index, fixations):
    """(density float32 [448,448] in 0..1, fixations float64 [n,2] in its pixels) of an entry of a reader of images.

    fixations: float32 [n,2] in pixels of the stored image, or None, which is returned as such. They become a map of
    single pixels first, so that some can vanish: n may be 0.
    """
    if fixations is not None:
        levels = fixated(reader.size(index), fixations).astype(np.uint8) * 255
        fixations = points_of(image_fixations(levels, IMAGE_SIZE))
    return image_density(gray_map(reader, index), IMAGE_SIZE), fixations


def gray_map(reader, index):
    """The published map of an image, uint8 [H,W]. Where densities are made of fixations, and in packs, the density at
    the stored size is written as such a map: its maximum is 255."""
    if getattr(reader, "source", None) == "maps":
        levels = media.read_map(reader.map_path(index))
        levels = levels * (255 / levels.max()) if levels.max() > 255 else levels
    else:
        levels = reader.density(index)
        levels = levels * (255 / levels.max())
    return np.rint(levels).astype(np.uint8)


def predicted(reader, count):
    """bool [count]: which frames of a video the released validation predicts. Of the audio-visual datasets, whose
    windows of CLIP frames begin 2 * CLIP frames apart, this is every other window."""
    if reader.name not in AUDIO_VISUAL:
        return np.ones(count, bool)
    return np.arange(count) % (2 * CLIP) < CLIP


def image_density(gray, size):
    """An image's density at `size`, float32 in 0..1: bilinear and rounded to uint8, as Pillow does."""
    return transforms.resize_antialiased(gray, size).astype(np.float32) / np.float32(255)


def image_fixations(gray, size):
    """An image's fixation map at `size`, float32 in 0..1: the nearest pixel, so that shrinking loses fixations."""
    nearest = Image.fromarray(gray).resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(nearest, np.float32) / np.float32(255)


def frame_density(gray, size):
    """A frame's density at `size`, float32 in 0..1: bilinear between the nearest pixels, without averaging."""
    resized = cv2.resize(gray.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    return resized / np.float32(255) if resized.max() > 1 else resized


def image_map(probability, size):
    """An image's map [h,w] at the ground truth's size, bilinear with half-pixel centers."""
    return fit(probability, size)


def frame_map(probability, size):
    """A frame's map [h,w] at the ground truth's size, blurred by a Gaussian 11 pixels wide, mirrored at the borders."""
    resized = np.ascontiguousarray(fit(probability, size), np.float32)
    return cv2.GaussianBlur(resized, (BLUR_WIDTH, BLUR_WIDTH), 0, borderType=cv2.BORDER_REFLECT_101)


def gray_levels(values):
    """A map [H,W] as it is written to a PNG: 255 times its place between minimum and maximum, plus a half, rounded.

    The half and the rounding (to even) together make almost every level one too high; 0 comes from exact zeros alone.
    """
    low, high = values.min(), values.max()
    if high - low <= FLAT:
        return np.zeros(values.shape, np.uint8)
    share = (values - low) / (high - low)
    return np.clip(np.rint(share * 255 + 0.5), 0, 255).astype(np.uint8)
