"""The legend under an overlay: the scale of attention and the prompt, on a strip that hides nothing of the image."""

import os
from functools import cache, lru_cache
from importlib.util import find_spec

import numpy as np

from mindaam.inference import render
from mindaam.streams import plain

SMALLEST = (120, 160)  # height and width of an image that has space for a legend
HIGHEST = 0.3  # of the image's height; beyond, the strip is omitted, as under a panorama
FONT_SIZE, FONT_SHARE = (11, 44), 1 / 60  # pixels, of the image's width
LINES, LONGEST = 2, 600  # lines of the prompt; characters of it that are laid out at all
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 34), (96, 96, 104)
BACKGROUND = 205  # gray under the scale: the colors are shown as they appear on an image
ROW = 1.55  # of the font's size
MARGIN = 0.7
OTHER_FONTS = (  # of systems, for letters that the first font lacks
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc",
    "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "PingFang.ttc", "msyh.ttc", "Arial Unicode.ttf",
)  # fmt: skip
MISSING = "\N{WHITE SQUARE}"
UNREADABLE = "the prompt is in this file's metadata; no installed font has its letters"


class Legend:
    """The strip under overlays of one size, under one prompt and Look.

    size: (H, W) of the overlays. longest: the largest side that the file may have, in pixels. Where the image is too
    small, or look.legend is False, there is no strip. `size` is then that of the overlay.
    """

    def __init__(self, size, prompt, look, longest):
        self._strip = _strip(size, prompt, look)
        if size[0] + len(self._strip) > longest:
            self._strip = self._strip[:0]
        self.size = size[0] + len(self._strip), size[1]

    def under(self, overlay):
        """The overlay uint8 [H, W, 3] with the strip under it, uint8 [H+h, W, 3]."""
        return np.concatenate([overlay, self._strip]) if len(self._strip) else overlay


@lru_cache(maxsize=16)
def _strip(size, prompt, look):
    """The strip uint8 [h, W, 3]; h is 0 where the image has no space for it."""
    height, width = size
    if not look.legend or height < SMALLEST[0] or width < SMALLEST[1]:
        return np.zeros((0, width, 3), np.uint8)
    from PIL import Image, ImageDraw

    points = int(np.clip(round(width * FONT_SHARE), *FONT_SIZE))
    text = plain(" ".join(prompt.split()))[:LONGEST]
    text, font = _readable(text, points)
    margin, row = round(MARGIN * points), round(ROW * points)
    lines = wrapped(text, font.getlength, width - 2 * margin)
    high = margin + row * (len(lines) + 1) + margin // 2
    if high > HIGHEST * height:
        return np.zeros((0, width, 3), np.uint8)
    image = Image.new("RGB", (width, high), PAPER)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, margin + number * row), line, INK, font)
    pixels = np.array(image)
    _draw_scale(pixels, margin, margin + len(lines) * row, points, look)
    return pixels


def _draw_scale(pixels, left, top, points, look):
    """Draws "low [scale] high · lines ..." with its upper left corner at (left, top), in place."""
    from PIL import Image, ImageDraw

    width = pixels.shape[1]
    font = _font(_own_font(), points)
    note = "lines enclose half and nine tenths of"
    heat = ["low", "high attention", f"· {note} it"]
    parts = [f"{note} attention"] if look.style == "contour" else heat
    bar = 0 if look.style == "contour" else min(10 * points, width // 4)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    at = left
    for number, part in enumerate(parts):
        if at + font.getlength(part) > width - left:
            break
        draw.text((at, top), part, FAINT, font)
        at += round(font.getlength(part)) + points // 2
        if number == 0 and bar:
            ramp = np.tile(np.linspace(0.0, 1.0, bar, dtype=np.float32), (points, 1))
            gray = np.full((points, bar, 3), BACKGROUND, np.uint8)
            image.paste(Image.fromarray(render.tinted(gray, ramp, look)), (at, top + max(1, points // 7)))
            at += bar + points // 2
    pixels[:] = np.asarray(image)


def wrapped(text, length, width, most=LINES):
    """The text in at most so many lines of at most `width`; the last one ends with "…" where the text is longer.

    length: the function of a text's length. A word longer than a line is broken.
    """
    lines, rest = [], text
    while rest and len(lines) < most:
        last = len(lines) == most - 1
        fit = _fitting(rest, length, width)
        if fit == len(rest):
            lines.append(rest)
            break
        if last:
            lines.append(rest[: _fitting(rest, lambda part: length(part + "…"), width)].rstrip() + "…")
            break
        space = rest.rfind(" ", 0, fit + 1)
        fit = space if space > 0 else max(1, fit)
        lines.append(rest[:fit].rstrip())
        rest = rest[fit:].lstrip()
    return lines


def _fitting(text, length, width):
    """How many of the text's first characters fit into the width; found by bisection."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(text[:middle]) <= width else (low, middle - 1)
    return low


def _readable(text, points):
    """The text and a font that has its letters; letters that no font has are replaced by MISSING, and a text that
    consists of them by UNREADABLE."""
    own = _font(_own_font(), points)
    if not (lacking := _lacking(text, own)):
        return text, own
    for name in OTHER_FONTS:
        try:
            font = _font(name, points)
        except OSError:  # it is not installed
            continue
        if not _lacking(text, font):
            return text, font
    if 2 * sum(letter in lacking for letter in text) > len(text):
        return UNREADABLE, own
    return "".join(MISSING if letter in lacking else letter for letter in text), own


def _lacking(text, font):
    """The letters of the text that the font draws as it draws a letter that no font has."""
    none = bytes(font.getmask("\uffff"))
    return {letter for letter in set(text) if not letter.isspace() and bytes(font.getmask(letter)) == none}


@cache
def _own_font():
    """The path of DejaVu Sans, which comes with matplotlib; matplotlib itself is not imported."""
    [folder] = find_spec("matplotlib").submodule_search_locations
    return os.path.join(folder, "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


@lru_cache(maxsize=8)
def _font(name, points):
    from PIL import ImageFont

    return ImageFont.truetype(name, points, layout_engine=ImageFont.Layout.BASIC)
