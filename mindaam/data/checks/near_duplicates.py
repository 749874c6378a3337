"""Near-duplicates among images: the same image at another size, in other quality, or mirrored.

An image's hash is 64 bits: which of its 64 lowest spatial frequencies are above their median (the "pHash" of C.
Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010). Hashes only propose pairs; a pair
counts when the two images, shrunk to 32x32, also look alike, because pages of text, say, share many bits.
"""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data import media
from mindaam.data.images.opening import loaded, opened

SIDE = 32  # of the shrunk image
LOW = 8  # frequencies an axis
BITS = LOW * LOW
DISTANCE = 8  # bits that two near-duplicates may differ in; resized and recompressed copies differ in 4 at most
ALIKE = 0.95  # correlation of their shrunk images, at least; of such copies it is above 0.97
CONTRAST = 4.0  # standard deviation of the shrunk image, of 255 gray levels, below which it shows nothing
BLOCK = 1_000_000  # pairs compared at a time


class Fingerprint(NamedTuple):
    """What is kept of an image: its hash and that of its mirror image, and the shrunk gray image, uint8 [32,32]."""

    hash: int
    mirrored: int
    small: np.ndarray


class Pair(NamedTuple):
    """Two near-duplicates: their places in the list, first < second, and whether one is the other's mirror image."""

    first: int
    second: int
    mirrored: bool


def fingerprint(image):
    """The Fingerprint of an image, uint8 [H,W,3] RGB or [H,W] gray; None for one that is flat, which resembles all
    that are."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(np.ascontiguousarray(gray), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if small.std() < CONTRAST:
        return None
    return Fingerprint(_hash(small), _hash(small[:, ::-1]), small)


def fingerprint_file(path):
    """The Fingerprint of an image file, None for a flat one; InputError for what `media.read_image` refuses.

    Of a JPEG only the coarse frequencies are decoded, which is several times quicker.
    """
    with opened(path) as picture:
        if picture.format == "JPEG":
            picture.draft("L", (2 * SIDE, 2 * SIDE))
            return fingerprint(np.asarray(loaded(picture, upright=True).convert("L")))
    return fingerprint(media.read_image(path))


def near_pairs(hashes, others=None, distance=DISTANCE):
    """All pairs of hashes that differ in at most `distance` bits: int64 [n,2] places in `hashes` and `others`, sorted.

    hashes, others: uint64 [n], [m]; without others, pairs within `hashes`, the lower place first. Exact: hashes that
    differ in d bits are equal in one of d + 1 bands of bits, so that only those equal in a band are compared.
    """
    hashes = np.asarray(hashes, np.uint64)
    others = hashes if others is None else np.asarray(others, np.uint64)
    within = others is hashes
    found = [np.zeros((0, 2), np.int64)]
    edges = np.linspace(0, BITS, distance + 2).round().astype(int)
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        mask = np.uint64((1 << int(stop - start)) - 1)
        found += _in_band(hashes, others, (np.uint64(start), mask), distance, within)
    return np.unique(np.concatenate(found), axis=0)


def near_duplicates(prints):
    """Pairs of near-duplicates among Fingerprints (None for images that have none), sorted.

    Of images with one and the same hash each is paired with the first only, which stands for them all: a thousand
    copies of one image are a thousand pairs, not half a million.
    """
    there = np.array([place for place, each in enumerate(prints) if each is not None], np.int64)
    hashes, first, which = np.unique(
        np.array([prints[place].hash for place in there], np.uint64), return_index=True, return_inverse=True
    )
    mirrors = np.array([prints[place].mirrored for place in there[first]], np.uint64)
    copies = np.stack([first[which], np.arange(len(there))], axis=1)
    proposed = [(False, copies), (False, first[near_pairs(hashes)]), (True, first[near_pairs(hashes, mirrors)])]
    pairs = {}
    for mirrored, found in proposed:
        for one, two in np.sort(there[found], axis=1).tolist():
            new = one != two and (one, two) not in pairs  # a symmetric image is its own mirror image
            if new and alike(prints[one].small, prints[two].small, mirrored):
                pairs[one, two] = Pair(one, two, mirrored)
    return [pairs[key] for key in sorted(pairs)]


def alike(first, second, mirrored=False):
    """Whether two shrunk images, uint8 [32,32], look the same but for brightness and contrast."""
    second = second[:, ::-1] if mirrored else second
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= ALIKE


def _hash(small):
    low = cv2.dct(small.astype(np.float32))[:LOW, :LOW].ravel()
    # The first, the image's brightness, is far above all others; it says nothing about the median.
    bits = low > np.median(low[1:])
    bits[0] = small.mean() > 127.5
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _in_band(hashes, others, band, distance, within):
    """Near pairs among those that are equal in one band of bits, a list of int64 [n,2]."""
    start, mask = band
    left, right = (hashes >> start) & mask, (others >> start) & mask
    order, values = np.argsort(right, kind="stable"), np.sort(right)
    found = []
    lows, highs = np.searchsorted(values, left, "left"), np.searchsorted(values, left, "right")
    first = 0
    while first < len(hashes):
        # as many of the left hashes as make up one block of pairs
        counts = np.cumsum(highs[first:] - lows[first:])
        last = first + max(1, int(np.searchsorted(counts, BLOCK, "right")))
        many = highs[first:last] - lows[first:last]
        ones = np.repeat(np.arange(first, last), many)
        steps = np.arange(len(ones)) - np.repeat(np.cumsum(many) - many, many)
        twos = order[np.repeat(lows[first:last], many) + steps]
        kept = bits_set(hashes[ones] ^ others[twos]) <= distance
        if within:
            kept &= ones < twos
        found.append(np.stack([ones[kept], twos[kept]], axis=1).astype(np.int64))
        first = last
    return found


def bits_set(values):
    """Number of bits that are one in each of uint64 [n], by adding neighbors in ever wider fields."""
    one, two, four = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
    values = values - ((values >> np.uint64(1)) & one)
    values = (values & two) + ((values >> np.uint64(2)) & two)
    values = (values + (values >> np.uint64(4))) & four
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
