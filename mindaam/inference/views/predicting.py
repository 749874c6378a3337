"""The prediction of an image from several views of it, and how far these views agree."""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.transforms import fit_within
from mindaam.errors import unknown
from mindaam.inference.prediction import finished
from mindaam.inference.views import tiles

TILES, TTA = ("auto", "on", "off"), ("none", "mirror")
TALL = 2.5  # height in widths from which on "auto" predicts a page in tiles; wide scenes lose by tiles
HIGH = 700  # pixels, below which a page loses little as a whole: twice the side of the models' inputs
FINE = 1024  # longest side of the copies of maps on which their spread is measured, pixels
REDUCED = 0.75  # size of the image in the reduced view


class Views(NamedTuple):
    """Which views of an image are predicted. tiles: one of TILES. tta: one of TTA; mirror averages the maps of the
    image and of its mirror image. spread: also measure how far the views differ, which takes four of them."""

    tiles: str = "auto"
    tta: str = "none"
    spread: bool = False


class Seen(NamedTuple):
    """A Prediction, and where Views.spread asks for it the standard deviation of the density over the views in units of
    its maximum, float32 [H, W]; else None."""

    prediction: object
    spread: np.ndarray | None


def checked_views(views):
    """The Views; ConfigError for an unknown value."""
    if views.tiles not in TILES:
        raise unknown("value of --tiles", views.tiles, TILES)
    if views.tta not in TTA:
        raise unknown("value of --tta", views.tta, TTA)
    return views


def in_tiles(shape, choice):
    """The number of tiles in which an image [H, W] is predicted; 1 is the whole image. choice: one of TILES."""
    height, width = shape
    if choice == "off" or (choice == "auto" and height < max(HIGH, TALL * width)):
        return 1
    return len(tiles.boxes(shape))


def predict(predictor, image, prompts, views=Views()):  # noqa: B008
    """The Seen of an image under each of the prompts, a list.

    image: uint8 RGB [H, W, 3]. Raises InputError for an unusable prompt.
    """
    if not views.spread and views.tta == "none" and in_tiles(image.shape[:2], views.tiles) == 1:
        [predictions] = predictor.predict_many([image], prompts)
        return [Seen(each, None) for each in predictions]
    plain = _maps(predictor, image, prompts, views.tiles)
    others = []
    if views.tta == "mirror" or views.spread:
        others.append(_mirrored(predictor, image, prompts, views.tiles))
    if views.spread:
        others += _reduced(predictor, image, prompts, views.tiles)
    found = []
    for number, prompt in enumerate(prompts):
        values = plain[number]
        if views.tta == "mirror":
            values = (values + others[0][number]) / 2
        each = finished(values, image.shape[:2], prompt)._replace(image=image)
        of_views = [plain[number], *(other[number] for other in others)]
        found.append(Seen(each, _spread(of_views) if views.spread else None))
    return found


def _maps(predictor, image, prompts, choice):
    """The map [H, W] of an image under each prompt, from tiles where `choice` and the shape ask for them."""
    shape = image.shape[:2]
    if in_tiles(shape, choice) == 1:
        [predictions] = predictor.predict_many([image], prompts)
        return [each.map for each in predictions]
    places = tiles.boxes(shape)
    cut = (np.ascontiguousarray(image[top : top + h, left : left + w]) for top, left, h, w in places)
    parts = list(predictor.predict_many(cut, prompts))
    return [
        tiles.blended(shape, ((place, part[number].map) for place, part in zip(places, parts, strict=True)))
        for number in range(len(prompts))
    ]


def _mirrored(predictor, image, prompts, choice):
    mirror = np.ascontiguousarray(image[:, ::-1])
    return [values[:, ::-1] for values in _maps(predictor, mirror, prompts, choice)]


def _reduced(predictor, image, prompts, choice):
    """The maps of the image at REDUCED of its size on a canvas of its mean color, and of the mirror image of that."""
    height, width = image.shape[:2]
    h, w = max(1, round(REDUCED * height)), max(1, round(REDUCED * width))
    top, left = (height - h) // 2, (width - w) // 2
    canvas = np.empty_like(image)
    canvas[:] = image.mean((0, 1)).round().astype(np.uint8)
    canvas[top : top + h, left : left + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    found = [_maps(predictor, canvas, prompts, choice), _mirrored(predictor, canvas, prompts, choice)]

    def back(values):
        return cv2.resize(np.ascontiguousarray(values[top : top + h, left : left + w]), (width, height))

    return [[back(values) for values in maps] for maps in found]


def _spread(maps):
    """The standard deviation of the views' densities in units of the maximum of their mean, [H, W]; measured on copies
    of at most FINE pixels a side, since large images have large maps."""
    height, width = maps[0].shape
    size = fit_within((height, width), FINE)[::-1]
    small = [cv2.resize(np.ascontiguousarray(values), size, interpolation=cv2.INTER_AREA) for values in maps]
    densities = np.stack([values / values.sum(dtype=np.float64) for values in small])
    spread = (densities.std(0) / densities.mean(0).max()).astype(np.float32)
    return cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
