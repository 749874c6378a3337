"""Images for a report: the image with its regions, maps with their top points, and the difference of two maps."""

import io

import cv2
import numpy as np
from PIL import Image

from mindaam.data.transforms import fit_within, resize_image
from mindaam.inference import render

SIDE = 720  # longest side, pixels
QUALITY = 85
FIRST, SECOND = (20, 110, 220), (230, 110, 10)  # RGB where the first and the second map have more; also in print apart
PEAK = 0.5  # of the higher peak of two maps: the difference with the full color
RANK = 10  # radius of the disc under a number, pixels
SHADE = 0.75  # brightness left to the gray image under a difference


def outlined(image, areas, size):
    """The image with the outlines of Areas in an image of `size` (H, W), numbered from 1; uint8 RGB, as small as
    `reduced`."""
    canvas, taken = reduced(image).copy(), set()
    scale = _scale(size, canvas)
    for number, area in enumerate(areas, 1):
        padded = cv2.copyMakeBorder(area.inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        found, _ = cv2.findContours(padded, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        corner = np.array([area.columns.start - 1, area.rows.start - 1])
        found = [np.rint((line + corner + 0.5) / scale - 0.5).astype(np.int32) for line in found]
        cv2.polylines(canvas, found, True, (20, 20, 30), 4, cv2.LINE_AA)
        cv2.polylines(canvas, found, True, (255, 255, 255), 2, cv2.LINE_AA)
        x, y = area.columns.start / scale[0] + RANK + 2, area.rows.start / scale[1] + RANK + 2
        while (round(x) // RANK, round(y) // RANK) in taken:  # of regions that share a corner
            x += 2 * RANK
        taken.add((round(x) // RANK, round(y) // RANK))
        _number(canvas, number, (x, y))
    return canvas


def mapped(image, density, points, size):
    """The image under the heat map of a density [H, W], with the ranks of Points in an image of `size` (H, W); as small
    as `reduced`."""
    canvas = render.overlay(reduced(image), reduced(density))
    scale = _scale(size, canvas)
    for point in points:
        _number(canvas, point.rank, (point.x / scale[0], point.y / scale[1]))
    return canvas


def difference(image, first, second):
    """The image in gray, in the color FIRST where the first of two densities [H, W] that sum to 1 is higher, in SECOND
    where the second is; as small as `reduced`."""
    small, first, second = reduced(image), reduced(first), reduced(second)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    peak = max(render.span(first)[1], render.span(second)[1]) or 1.0
    amount = np.clip((first - second) / (PEAK * peak), -1.0, 1.0)[..., None]
    color = np.where(amount > 0, np.float32(FIRST), np.float32(SECOND))
    opacity = 0.85 * np.abs(amount)
    ground = 255.0 - SHADE * (255.0 - gray) * 0.6  # pale, so that both colors stand out on dark images too
    return np.rint(ground * (1.0 - opacity) + color * opacity).astype(np.uint8)


def moved(first, second):
    """The share of attention, 0..1, that two densities [H, W] that sum to 1 put in different places."""
    return float(0.5 * np.abs(first - second).sum(dtype=np.float64))


def reduced(values):
    """An image or a map at most SIDE pixels a side."""
    return np.ascontiguousarray(resize_image(values, fit_within(values.shape[:2], SIDE)))


def jpeg(image):
    """uint8 RGB [H, W, 3] as the bytes of a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=QUALITY)
    return stream.getvalue()


def _scale(size, canvas):
    """How many pixels (x, y) of an image of `size` (H, W) one of the canvas is."""
    height, width = canvas.shape[:2]
    return np.array([size[1] / width, size[0] / height])


def _number(canvas, number, place):
    """A number on a dark disc, moved inside the canvas."""
    radius, height, width = RANK, *canvas.shape[:2]
    x = int(np.clip(place[0], radius, max(radius, width - radius)))
    y = int(np.clip(place[1], radius, max(radius, height - radius)))
    cv2.circle(canvas, (x, y), radius, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(canvas, (x, y), radius - 1, (25, 28, 40), -1, cv2.LINE_AA)
    text, font = str(number), (cv2.FONT_HERSHEY_SIMPLEX, 0.4)
    (wide, high), _ = cv2.getTextSize(text, *font, 1)
    cv2.putText(canvas, text, (x - wide // 2, y + high // 2), *font, (255, 255, 255), 1, cv2.LINE_AA)
