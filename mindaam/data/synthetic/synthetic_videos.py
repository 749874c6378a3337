"""Videos made from images with recorded gaze: a camera moves over an image, and the gaze moves along.

No video with gaze may be trained on here, so a temporal model is trained and tested on these: attention follows a
moving camera, starts again at a cut, and ignores noise. They cannot show which moving objects draw attention. A video
follows from its `Spec` alone, bit for bit.
"""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.data.transforms import as_seen

KINDS = ("pan", "zoom", "shake", "cut", "static")
RATE = 8.0  # frames per second of a synthetic video
LEAST_MASS = 0.25  # of the image's gaze that a window must hold
TRIES = 20
# After a cut attention is broad and centered and settles within a few tenths of a second: our choice of numbers.
BROAD_SHARE, SETTLING, BROAD_SIGMA = 0.7, 0.3, 0.25  # at the cut; seconds to fall to 1/e; of the frame's sides
NOISY_FRAMES, NOISE, GAIN = 0.5, (5.0, 25.0), 0.15  # share of frames; sigma in gray levels; brightness 1 -+ GAIN


class Spec(NamedTuple):
    """What a synthetic video is made of: a gaze folder's name, its entries' numbers, the kind of video, a seed."""

    folder: str
    entries: tuple
    kind: str
    seed: int


class SyntheticVideo(NamedTuple):
    """frames: uint8 RGB [T,H,W,3]. densities: float32 [T,h,w], each sums to 1. cuts: frames where an image starts.

    prompt: the one that the images' condition is scored with.
    """

    frames: np.ndarray
    densities: np.ndarray
    cuts: tuple
    prompt: str


def plan(folders, count, seed):
    """`count` Specs over the entries of {name: GazeFolder}: every kind equally often, every folder about so."""
    draw, names, specs = np.random.default_rng(seed), list(folders), []
    for number in range(count):
        kind, name = KINDS[number % len(KINDS)], names[draw.integers(len(names))]
        first = int(draw.integers(len(folders[name])))
        condition = folders[name].entries[first][1]
        alike = [i for i, entry in enumerate(folders[name].entries) if entry[1] == condition and i != first]
        more = min(int(draw.integers(1, 3)), len(alike)) if kind == "cut" else 0
        entries = (first, *map(int, draw.choice(alike, more, replace=False))) if more else (first,)
        specs.append(Spec(name, entries, kind, int(draw.integers(2**31))))
    return specs


def make(spec, folders, frame_size, map_size, frames, resize="area"):
    """The SyntheticVideo of a Spec: `frames` frames of frame_size (H, W), with densities of map_size (h, w).

    resize: how an image is brought to its frames' scale, as `transforms.as_seen` names it.
    """
    folder, draw = folders[spec.folder], np.random.default_rng(spec.seed)
    cuts = _cuts(draw, frames, len(spec.entries))
    shown, truths = [], []
    for entry, first, end in zip(spec.entries, cuts, (*cuts[1:], frames), strict=True):
        image, density = folder.image(entry), folder.density(entry)
        path = camera(draw, spec.kind, end - first, density)
        shown += [view.astype(np.uint8) for view in views(image, path, frame_size, resize)]
        seen = [np.maximum(view, 0) / view.sum() for view in views(density, path, map_size)]
        truths += settling(seen) if first else seen
    shown = noisy(draw, shown) if spec.kind == "static" or draw.random() < 0.5 else shown
    return SyntheticVideo(
        np.stack(shown), np.stack(truths).astype(np.float32), cuts, prompt_of(folder, spec.entries[0])
    )


def camera(draw, kind, frames, density):
    """The windows of a camera, [T,3]: center x, y and size, as shares of the image's sides.

    Of TRIES random paths it is the first whose every window holds LEAST_MASS of the density, or else the best.
    """
    best, most = None, -1.0
    for _ in range(TRIES):
        path = _path(draw, kind, frames)
        held = min(mass(density, window) for window in path)
        if held > most:
            best, most = path, held
        if held >= LEAST_MASS:
            break
    return best


def mass(density, window):
    """The share of a density [H,W] within a window (center x, y, size)."""
    x, y, size = window
    height, width = density.shape
    rows = slice(round((y - size / 2) * height), round((y + size / 2) * height))
    columns = slice(round((x - size / 2) * width), round((x + size / 2) * width))
    return float(density[rows, columns].sum() / density.sum())


def views(image, path, size, resize="area"):
    """The windows [T,3] of an image [H,W] or [H,W,3], each float32 at `size` (height, width).

    The image is first resized so that the smallest window has as many pixels as the view; then every window is sampled
    between pixels, so that a slow camera moves smoothly. resize: as in `make`.
    """
    least = path[:, 2].min()
    image = as_seen(image, tuple(max(1, round(side / least)) for side in size), resize).astype(np.float32)
    return [_view(image, window, size) for window in path]


def _view(image, window, size):
    x, y, share = window
    (height, width), (rows, columns) = image.shape[:2], size
    across, down = share * width / columns, share * height / rows  # pixels of the image per pixel of the view
    # the center of the view's pixel i lies at left + (i + 1/2) across, and that of the image's pixel j at j + 1/2
    left, top = (x - share / 2) * width + across / 2 - 0.5, (y - share / 2) * height + down / 2 - 0.5
    matrix = np.float64([[across, 0, left], [0, down, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def settling(densities):
    """Densities [h,w] after a cut: broad and centered at first, the image's own soon."""
    height, width = densities[0].shape
    rows, columns = ((np.arange(side) + 0.5) / side - 0.5 for side in (height, width))
    broad = np.exp(-0.5 * ((rows[:, None] / BROAD_SIGMA) ** 2 + (columns[None] / BROAD_SIGMA) ** 2))
    broad /= broad.sum()
    shares = BROAD_SHARE * np.exp(-np.arange(len(densities)) / (SETTLING * RATE))
    return [share * broad + (1 - share) * each for share, each in zip(shares, densities, strict=True)]


def noisy(draw, frames):
    """Frames uint8 [H,W,3], some of them with sensor noise and another brightness, as in the dark."""
    changed = []
    for frame in frames:
        if draw.random() < NOISY_FRAMES:
            gain, sigma = draw.uniform(1 - GAIN, 1 + GAIN), draw.uniform(*NOISE)
            noise = sigma * draw.standard_normal(frame.shape, np.float32)
            frame = np.clip(np.rint(gain * frame + noise), 0, 255).astype(np.uint8)
        changed.append(frame)
    return changed


def _cuts(draw, frames, images):
    """The frames at which each image starts: 0 first, each other at the start of its share, jittered by a quarter."""
    share = frames / images
    return (0, *(int(round(share * (number + draw.uniform(-0.25, 0.25)))) for number in range(1, images)))


def _path(draw, kind, frames):
    """One random path [T,3] of a kind's camera."""
    moved = _eased(np.linspace(0, 1, frames)) if frames > 1 else np.zeros(1)
    if kind == "pan":
        sizes = np.full(frames, draw.uniform(0.5, 0.7))
        start, end = (draw.uniform(sizes[0] / 2, 1 - sizes[0] / 2, 2) for _ in range(2))
    elif kind in ("zoom", "cut"):  # between two cuts the camera zooms in slowly
        near = draw.uniform(0.5, 0.7) if kind == "zoom" else draw.uniform(0.85, 1.0)
        sizes = 1.0 + (near - 1.0) * (moved if draw.random() < 0.5 or kind == "cut" else moved[::-1])
        start = end = draw.uniform(near / 2, 1 - near / 2, 2)
    else:
        sizes = np.full(frames, 0.85)
        start = end = np.full(2, 0.5)
    centers = start + (end - start) * moved[:, None]
    if kind == "shake":
        centers = centers + _wandering(draw, frames)
    half = sizes[:, None] / 2
    return np.concatenate([np.clip(centers, half, 1 - half), sizes[:, None]], 1)


def _eased(share):
    """0..1 to 0..1, starting and ending at rest."""
    return share * share * (3 - 2 * share)


def _wandering(draw, frames):
    """The shake of a hand [T,2], as shares of the image's sides: zero at first, never more than a few percent."""
    speed = np.cumsum(0.004 * draw.standard_normal((frames, 2)), 0)
    return 0.07 * np.tanh(np.cumsum(0.7 * (speed - speed[:1]), 0) / 0.07)
