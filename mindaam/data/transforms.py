"""Small pure operations on an image, its density and its fixations; sizes are always (height, width).

Coordinates: a fixation (x, y) is a point on the image's plane, x right and y down from the top left corner, so that
it falls into the pixel (floor(x), floor(y)); an image W wide covers 0 <= x < W.
"""

import cv2
import numpy as np
from PIL import Image

from mindaam.errors import InputError

# The blur of a fixation is followed out to four sigma (less than 0.01 % of its mass lies beyond).
BLUR_REACH = 4.0


def resize_image(image, size):
    """The image at another size: each axis that shrinks is averaged over areas, each that grows is bilinear.

    image: uint8 [H,W,3] or float32 [H,W] / [H,W,C]; size: (height, width) in pixels, both >= 1. Same dtype out.
    """
    height, width = size
    # OpenCV's area mode averages only when both axes shrink, so the shrinking axes are done first and on their own.
    shrunk = (min(height, image.shape[0]), min(width, image.shape[1]))
    if shrunk != image.shape[:2]:
        image = cv2.resize(image, shrunk[::-1], interpolation=cv2.INTER_AREA)
    if shrunk != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def resize_antialiased(image, size):
    """The image at another size, bilinear, each axis that shrinks under a triangle filter of its scale.

    image: [H,W,3] or [H,W]; uint8 is rounded to uint8, as Pillow does and the released loaders of videos; float32 stays
    exact, as in the released loaders of images. size: (height, width) in pixels, both >= 1.
    """
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    if image.ndim == 3:
        return np.stack([resize_antialiased(channel, size) for channel in np.moveaxis(image, 2, 0)], 2)
    plane = Image.fromarray(np.ascontiguousarray(image, np.float32))
    return np.asarray(plane.resize(size[::-1], Image.Resampling.BILINEAR))


RESIZING = ("area", "antialiased", "bilinear")  # of `as_seen`


def as_levels(image):
    """An image in 0..255, uint8 or float32, as uint8, rounded."""
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


def as_seen(image, size, how):
    """A uint8 image [H,W,3] at a model's `size` (height, width), resized as in the training of the model.

    how: "area" gives uint8 by `resize_image`; the others give float32 in 0..255, unrounded: "antialiased" by
    `resize_antialiased`, as torchvision does since 0.17, and "bilinear" between the nearest pixels, as it did before.
    """
    if how == "area":
        return resize_image(image, size)
    image = image.astype(np.float32)
    if how == "bilinear":
        return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    return resize_antialiased(image, size)


def resize_density(density, size):
    """The density at another size, resampled as `resize_image` does and scaled to sum 1.

    density: float32 [H,W] >= 0 with a positive sum; size: (height, width). Returns float32 [height,width].
    """
    resized = resize_image(np.ascontiguousarray(density, np.float32), size)
    return (resized / resized.sum(dtype=np.float64)).astype(np.float32)


def normalize(image, mean, std):
    """The image as a network takes it: RGB 0..255 [H,W,3] -> float32 [3,H,W], (value/255 - mean) / std per channel."""
    scale = 1.0 / (255.0 * np.asarray(std, np.float32))
    offset = np.asarray(mean, np.float32) / np.asarray(std, np.float32)
    if image.dtype != np.uint8:
        return np.ascontiguousarray((image * scale - offset).transpose(2, 0, 1), np.float32)
    table = np.ascontiguousarray((np.arange(256, dtype=np.uint8)[:, None] * scale - offset).T, np.float32)
    return np.stack([cv2.LUT(image[..., channel], table[channel]) for channel in range(3)])  # the same bits, quicker


def fit_within(size, longest):
    """The size (height, width) scaled down until its longest side is `longest` pixels; smaller ones stay as is."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def scale_fixations(fixations, from_size, to_size):
    """Fixations float32 [n,2] (x, y) of an image of `from_size` (height, width), on the same image at `to_size`."""
    factor = np.array([to_size[1] / from_size[1], to_size[0] / from_size[0]])
    return (fixations * factor).astype(np.float32)


def fixated_pixels(fixations, size):
    """The pixels that hold the fixations: float32 [n,2] (x, y) -> int64 [n,2] (x, y), inside a map of `size`.

    InputError for fixations that are not finite, which are in no pixel.
    """
    if not np.isfinite(fixations).all():
        raise InputError("fixations must be finite numbers; remove blinks and missing gaze")
    return np.clip(np.floor(fixations), 0, [size[1] - 1, size[0] - 1]).astype(np.int64)


def fixation_density(fixations, size, sigma):
    """Fixations blurred by a Gaussian: float32 [n,2] (x, y), n >= 1, on a map of `size` -> float32 [H,W], sum 1.

    sigma: pixels, one number or (sigma_y, sigma_x). What the blur carries over the border is lost, not reflected; the
    blur itself is that of `scipy.ndimage.gaussian_filter(counts, sigma, mode="constant")`, computed from the points: a
    Gaussian is separable, so the map is the product of two thin matrices, which is far quicker than two convolutions.
    """
    sigma_y, sigma_x = np.broadcast_to(np.asarray(sigma, np.float64), (2,))
    pixels = fixated_pixels(fixations, size)
    density = _profiles(pixels[:, 1], size[0], sigma_y) @ _profiles(pixels[:, 0], size[1], sigma_x).T
    return (density / density.sum()).astype(np.float32)


def _profiles(centers, length, sigma):
    """One Gaussian per column, cut at BLUR_REACH: int64 [n] centers -> float64 [length,n]."""
    distance = np.arange(length)[:, None] - centers[None, :]
    profile = np.exp(-0.5 * (distance / sigma) ** 2)
    profile[np.abs(distance) > int(BLUR_REACH * sigma + 0.5)] = 0.0
    return profile
