"""Images of twelve kinds, their bytes flipped, zeroed, swapped, cut, repeated and spliced, their lengths lying."""

import numpy as np

from mindaam.data import media
from tests.reliability.mutations import mutated
from tests.reliability.originals.images import NAMES, image
from tests.reliability.row import Row, all_of, require


def make(dice, number, folder):
    """Writes image `number`."""
    suffix, content = image(NAMES[number % len(NAMES)])
    other = image(dice.choice(NAMES))[1]
    path = folder / f"image{suffix}"
    path.write_bytes(mutated(content, dice, other))
    return path


def attempt(path):
    """Reads an image in every way that the package does."""
    all_of(path, (read, read_size, _read_map))


def read_size(path):
    """The size in an image's header."""
    height, width = media.image_size(path)
    require(height > 0 and width > 0, f"a size of {height} x {width}")


def _read_map(path):
    values = media.read_map(path)
    require(values.dtype == np.float32 and values.ndim == 2, f"a map {values.dtype} {values.shape}")
    require(np.isfinite(values).all() and values.max() > 0 <= values.min(), "a map with values that no density has")


def read(path):
    """The image in a file, as it is predicted."""
    pixels = media.read_image(path)
    require(pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, f"{pixels.dtype} {pixels.shape}")
    require(pixels.size > 0, "an image without pixels")


ROW = Row(
    "images",
    "mutated images of 12 formats",
    "A damaged image file is read, or refused in one sentence.",
    "JPEG, progressive JPEG, three kinds of PNG, WebP, BMP, GIF, TIFF, PPM, AVIF and JPEG 2000 with bytes flipped, "
    "zeroed, swapped, cut, repeated or spliced and with wrong header fields, each read as an image, as a density "
    "map and for its size.",
    20_025,
    make,
    attempt,
    megabytes=2000,
)
