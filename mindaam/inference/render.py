"""Images of attention: a heat map laid over the image, and the map alone as 8-bit gray.

The overlay shows three things at once. Color and opacity grow with the predicted attention, so that unattended regions
stay visible, as bright as they are and with less color; a white line encloses the smallest region that holds half of
all attention, and a fainter one nine tenths of it: these can be read where color cannot (a printout, a red image). In
place of heat, a fog can hide what is not attended, or the lines can be the only thing drawn.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.transforms import fit_within
from mindaam.errors import ConfigError, InputError, unknown

STYLES = ("heat", "fog", "contour")
PEAK_QUANTILE = 0.999  # the value with the full color; with the maximum, one pixel would dim the whole map
OPACITY = 0.72  # of the color at the peak: the image must still show through there
FOG = (26, 28, 36)  # the color of the fog
FADE = 0.6  # share of their color taken from unattended regions, so that a red image does not look attended
CONTOURS = ((0.9, 0.4), (0.5, 1.0))  # share of all attention inside each line, and how strongly the line is drawn
SMOOTHING = 0.01  # blur before the lines are found, in longest sides: so that ripples of the map do not fray them
MARGIN = 8  # pixels around the map for the contour search
COARSE, FINE = 512, 1024  # longest side of the copies of a map on which levels are measured, and lines found
BAND = 64  # rows blended at a time, so that their copies stay in the processor's cache


class Look(NamedTuple):
    """How an overlay is drawn. style: one of STYLES. opacity: 0..1, of the heat at the peak, of the fog where attention
    is lowest, or of the lines alone; None is OPACITY, and 1 for lines. legend: whether files get a legend."""

    style: str = "heat"
    opacity: float | None = None
    legend: bool = True

    @property
    def strength(self):
        """The opacity in effect."""
        if self.opacity is None:
            return 1.0 if self.style == "contour" else OPACITY
        return self.opacity


def checked_look(look):
    """The Look; ConfigError for an unknown style, or an opacity that is not within 0..1."""
    if look.style not in STYLES:
        raise unknown("style of overlay", look.style, STYLES)
    if look.opacity is not None and not 0.0 <= look.opacity <= 1.0:
        raise ConfigError(f"--opacity must be between 0 and 1, not {look.opacity:g}")
    return look


def heat(values):
    """Colors, uint8 RGB [..., 3], of values in [0, 1]: OpenCV's inferno from a dark red on.

    Inferno rises evenly in lightness, so it reads the same in gray and to color-blind eyes; its black start is
    removed because opacity, not darkness, shows low attention.
    """
    steps = np.linspace(70, 255, 256).round().astype(np.uint8)
    table = cv2.applyColorMap(steps[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    return table[(np.clip(values, 0.0, 1.0) * 255).round().astype(np.uint8)]


def span(density):
    """The values of a density [H, W] that get no color and the full color; equal if it is flat."""
    return _span(_coarse(density))


def mass_level(density, share):
    """The density at the edge of the smallest region that holds `share` (0..1) of all attention in [H, W]."""
    ordered = np.sort(np.asarray(density, np.float32).ravel())[::-1]
    held = np.cumsum(ordered, dtype=np.float64)
    return float(ordered[min(np.searchsorted(held, share * held[-1]), ordered.size - 1)])


def overlay(image, density, *, contours=True, look=Look()):  # noqa: B008
    """The image under its heat map.

    image: uint8 RGB [H, W, 3]. density: [H, W] >= 0, any scale. contours: draw the two lines of enclosed attention.
    look: style and opacity. Returns uint8 RGB [H, W, 3]. Raises InputError when the two sizes differ.
    """
    if image.shape[:2] != np.shape(density):
        raise InputError(
            f"an image of {image.shape[:2]} pixels does not fit a density of {np.shape(density)}; "
            "resize the density to the image first"
        )
    density, image = np.asarray(density, np.float32), np.ascontiguousarray(image)
    coarse = _coarse(density)
    low, high = _span(coarse)
    canvas = image.copy() if look.style == "contour" else _tinted(image, density, low, high, look)
    if contours and high > low:
        _draw_contours(canvas, coarse, look.strength if look.style == "contour" else 1.0)
    return canvas


def tinted(image, power, look):
    """The image uint8 RGB [H, W, 3] in the heat or fog of a `power` [H, W] in 0..1, without lines."""
    return _tinted(np.ascontiguousarray(image), np.asarray(power, np.float32), 0.0, 1.0, look)


def _tinted(image, density, low, high, look):
    scale = 255.0 / (high - low or 1.0)
    tables, canvas = _tables(look.style, look.strength), np.empty_like(image)
    for top in range(0, len(image), BAND):
        band = slice(top, top + BAND)
        levels = cv2.convertScaleAbs(np.maximum(density[band], low), alpha=scale, beta=-low * scale)
        _blend(image[band], levels, tables, canvas[band])
    return canvas


def gray_map(values):
    """8-bit image uint8 [H, W] of values [H, W]: the minimum becomes 0, the maximum 255; a flat map is all 0."""
    values = np.array(values, np.float32)  # a copy, worked on in place: large images have large maps
    low, high = values.min(), values.max()
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    values -= low
    values *= np.float32(255.0 / (high - low))
    return np.rint(values, out=values).astype(np.uint8)


def _coarse(density):
    """The density at no more than COARSE pixels a side, averaged over areas, float32."""
    density = np.asarray(density, np.float32)
    return cv2.resize(density, fit_within(density.shape, COARSE)[::-1], interpolation=cv2.INTER_AREA)


def _span(coarse):
    low, high = coarse.min(), np.quantile(coarse, PEAK_QUANTILE)
    return float(low), float(high if high > low else coarse.max())


@cache
def _tables(style, strength):
    """What each of the 256 levels of attention makes of a pixel: its color and its gray value times the first two
    weights, plus the third, a color; uint8 [256, 1, 3], [256] and [256, 1, 3], the weights times 255.

    Opacity eases in, so that faint attention tints and does not veil. A white pixel without attention stays white.
    """
    power = np.linspace(0.0, 1.0, 256)
    eased = power * power * (3.0 - 2.0 * power)
    faded = FADE * (1.0 - eased)
    if style == "fog":
        opacity, color = strength * (1.0 - np.sqrt(eased)), np.broadcast_to(np.float64(FOG), (256, 3))
    else:
        opacity, color = strength * np.sqrt(eased), heat(power)
    lit = 255.0 * (1.0 - opacity)
    own, gray, added = lit * (1.0 - faded), lit * faded, color * opacity[:, None]
    own, gray, added = (np.rint(table).astype(np.uint8) for table in (own, gray, added))
    return np.repeat(own[:, None, None], 3, 2), gray, added[:, None]


def _blend(image, levels, tables, out):
    """Mixes an image and the colors of its levels, uint8 [h, w], into `out`; a value is at most 3 off the exact one."""
    own, gray, added = tables
    grays = cv2.multiply(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.LUT(levels, gray), scale=1 / 255)
    cv2.multiply(image, cv2.applyColorMap(levels, own), dst=out, scale=1 / 255)
    cv2.add(out, cv2.applyColorMap(levels, added), dst=out)
    cv2.add(out, cv2.cvtColor(grays, cv2.COLOR_GRAY2RGB), dst=out)


def _draw_contours(canvas, coarse, strength):
    """The lines, white on a soft dark edge, times `strength`, in place; found on a smoothed copy of the map, finer than
    `coarse`."""
    height, width = canvas.shape[:2]
    thickness = max(1, round(min(height, width) / 400))
    smooth = cv2.GaussianBlur(coarse, (0, 0), SMOOTHING * max(coarse.shape), borderType=cv2.BORDER_REPLICATE)
    size = fit_within((height, width), FINE)
    fine = cv2.resize(smooth, size[::-1], interpolation=cv2.INTER_LINEAR)
    scale = np.array([width / size[1], height / size[0]])
    for share, presence in CONTOURS:
        inside = (fine >= mass_level(smooth, share)).astype(np.uint8)
        # A region cut by the frame must not be outlined along it: the margin moves that piece of line out of sight.
        inside = cv2.copyMakeBorder(inside, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
        found, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        lines = [np.rint((line - MARGIN + 0.5) * scale - 0.5).astype(np.int32) for line in found]
        presence *= strength
        drawn = canvas if presence == 1.0 else canvas.copy()
        cv2.polylines(drawn, lines, True, (30, 20, 20), thickness + 2, cv2.LINE_AA)
        cv2.polylines(drawn, lines, True, (255, 255, 255), thickness, cv2.LINE_AA)
        if drawn is not canvas:
            cv2.addWeighted(drawn, presence, canvas, 1.0 - presence, 0.0, dst=canvas)
