"""The three parts of a packed record as bytes, and back: the image, the density, the fixations."""

import struct

import cv2
import numpy as np

from mindaam.data.media import MAX_PIXELS
from mindaam.data.transforms import resize_density, resize_image
from mindaam.errors import InputError

CLOSE_CC, CLOSE_SIM = 0.9995, 0.99  # that a decoded density has with the original, at least
# (parts that the sides are divided by, levels), cheapest first: the first that is close enough is taken. Half the size
# at 8 bits serves every Gaussian of a sigma of 6 pixels or more; 16 bits are for what is sharp and faint at once.
WAYS = ((2, 255), (1, 255), (1, 65535))
PNG = b"\x89PNG\r\n\x1a\n"  # how such a file begins
# JPEG's markers of a frame, all of which have the size in the same place
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class Undecodable(Exception):
    """A part that cannot be decoded; its reader adds the place to the message."""


def encode_record(image, density, fixations, quality):
    """The parts of a record, (JPEG, PNG, pairs or None), of an image, its density and its fixations or None.

    A function by itself, so that several processes can encode for one writer. Arguments: as the functions below take
    them; InputError for a density that is none.
    """
    points = None if fixations is None else encode_fixations(fixations)
    return encode_image(image, quality), encode_density(density), points


def encode_image(image, quality):
    """uint8 RGB [H,W,3] -> JPEG of that quality (1..100), colors at half the sides, as Pillow writes it by default."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)[1].tobytes()


def decode_image(data, size):
    """JPEG of `size` (height, width) -> uint8 RGB [H,W,3], bit for bit what `media.read_image` reads; OpenCV needs a
    sixth less time for it. Undecodable for what is none, or of another size, of which nothing is decoded."""
    if _jpeg_size(data) != tuple(size):
        raise Undecodable
    return cv2.cvtColor(_decoded(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def encode_density(density):
    """float32 [H,W] >= 0 of a positive sum -> gray PNG of its square roots, their maximum being white.

    Square roots, because gaze maps have few strong places and wide faint ones. It is stored at half the size and with
    8 bits, or finer, if that is too coarse: decoded at the original's size, CC is at least 0.9995 and SIM at least 0.99
    (0.99999 and 0.998 for Gaussians of 15 pixels). InputError for a density that is blank, negative or not finite.
    """
    if not np.isfinite(density).all() or density.min() < 0 or not density.sum() > 0:
        raise InputError("the density is blank, negative or not finite; restore the map or the fixations")
    for divisor, white in WAYS:
        size = tuple(max(1, side // divisor) for side in density.shape)
        small = resize_density(density, size)
        levels = np.rint(white * np.sqrt(small / small.max()))
        data = cv2.imencode(".png", levels.astype(np.uint8 if white == 255 else np.uint16))[1].tobytes()
        if _close(density, decode_density(data, density.shape)):
            break
    return data


def decode_density(data, size):
    """What `encode_density` made -> float32 [H,W] of `size` (height, width) that sums to 1. Undecodable for what is no
    gray PNG, larger than any image, or black."""
    height, width = struct.unpack(">II", data[16:24]) if data[:8] == PNG and len(data) > 24 else (0, 0)
    levels = _decoded(data, cv2.IMREAD_UNCHANGED) if 0 < height * width <= MAX_PIXELS else None
    if levels is None or levels.ndim != 2 or not levels.any():
        raise Undecodable
    density = resize_image(np.square(levels, dtype=np.float32), size)
    density /= density.sum()  # in place: a new array of this size costs as much as the rest
    return density


def _close(original, decoded):
    """Whether both are nearly the same density: float [H,W] >= 0 each."""
    original, decoded = (each.ravel() / each.sum(dtype=np.float64) for each in (original, decoded))
    if np.minimum(original, decoded).sum() < CLOSE_SIM:
        return False
    a, b = original - original.mean(), decoded - decoded.mean()
    # where nothing stands out there is no correlation, and SIM says it all
    return a @ b >= CLOSE_CC * np.sqrt((a @ a) * (b @ b))


def encode_fixations(fixations):
    """[n,2] (x, y) -> pairs of little-endian float32, exact."""
    return np.asarray(fixations, "<f4").reshape(-1, 2).tobytes()


def decode_fixations(data):
    """What `encode_fixations` made -> float32 [n,2]; InputError for anything else, also for what is not finite."""
    points = np.frombuffer(data, "<f4") if len(data) % 8 == 0 else np.array(np.nan)
    if not np.isfinite(points).all():
        raise InputError("a record's fixations are no pairs of finite numbers; make the pack again")
    return points.reshape(-1, 2).astype(np.float32)


def _decoded(data, how):
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        image = None
    if image is None:
        raise Undecodable
    return image


def _jpeg_size(data):
    """(height, width) that a JPEG's header tells, None of what has none."""
    place = 2 if data[:2] == b"\xff\xd8" else len(data)
    while place + 9 <= len(data) and data[place] == 0xFF:
        if data[place + 1] in FRAMES:
            return struct.unpack(">HH", data[place + 5 : place + 9])
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return None
