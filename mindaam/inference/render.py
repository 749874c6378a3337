"""Images of attention: a heat map laid over the image, and the map alone as 8-bit gray.

The overlay shows three things at once. Color and opacity grow with the predicted attention, so that unattended regions
stay visible, only grayer and darker; a white line encloses the smallest region that holds half of all attention,
and a fainter one nine tenths of it: these can be read where color cannot (a printout, a red image).
"""

import cv2
import numpy as np

from mindaam.errors import InputError

PEAK_QUANTILE = 0.999  # the value with the full color; with the maximum, one pixel would dim the whole map
OPACITY = 0.72  # of the color at the peak: the image must still show through there
SHADE = 0.7  # brightness left to unattended regions
FADE = 0.6  # share of their color taken from unattended regions, so that a red image does not look attended
CONTOURS = ((0.9, 0.4), (0.5, 1.0))  # share of all attention inside each line, and how strongly the line is drawn
SMOOTHING = 0.01  # blur before the lines are found, in longest sides: so that ripples of the map do not fray them
MARGIN = 8  # pixels around the map for the contour search
BAND = 512  # rows blended at a time: float copies of a whole 50-megapixel image would take gigabytes


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
    coarse = density[:: _stride(density, 0), :: _stride(density, 1)]
    low, high = density.min(), np.quantile(coarse, PEAK_QUANTILE)
    return float(low), float(high if high > low else density.max())


def mass_level(density, share):
    """The density at the edge of the smallest region that holds `share` (0..1) of all attention in [H, W]."""
    ordered = np.sort(np.asarray(density, np.float32).ravel())[::-1]
    held = np.cumsum(ordered, dtype=np.float64)
    return float(ordered[min(np.searchsorted(held, share * held[-1]), ordered.size - 1)])


def overlay(image, density, *, contours=True):
    """The image under its heat map.

    image: uint8 RGB [H, W, 3]. density: [H, W] >= 0, any scale. contours: draw the two lines of enclosed attention.
    Returns uint8 RGB [H, W, 3]. Raises InputError when the two sizes differ.
    """
    if image.shape[:2] != np.shape(density):
        raise InputError(
            f"an image of {image.shape[:2]} pixels does not fit a density of {np.shape(density)}; "
            "resize the density to the image first"
        )
    low, high = span(density)
    canvas = np.empty_like(image)
    for top in range(0, len(image), BAND):
        band = slice(top, top + BAND)
        power = np.clip((density[band] - low) / (high - low or 1.0), 0.0, 1.0)  # attention relative to its peak
        canvas[band] = _blend(image[band], power.astype(np.float32))
    if contours and high > low:
        _draw_contours(canvas, density)
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


def _blend(image, power):
    """Image and color mixed: opacity eases in, so that faint attention tints and does not veil."""
    power = power[..., None]
    eased = power * power * (3.0 - 2.0 * power)
    opacity = OPACITY * np.sqrt(eased)
    gray = cv2.cvtColor(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    lit = (image + (gray.astype(np.float32) - image) * (FADE * (1.0 - eased))) * (SHADE + (1.0 - SHADE) * eased)
    return np.rint(lit * (1.0 - opacity) + heat(power[..., 0]) * opacity).astype(np.uint8)


def _draw_contours(canvas, density):
    """The lines, white on a soft dark edge, in place; found on a coarse and smoothed copy of the map."""
    height, width = density.shape
    thickness = max(1, round(min(height, width) / 400))
    shrink = max(1.0, max(height, width) / 1024)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(np.asarray(density, np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), SMOOTHING * max(size), borderType=cv2.BORDER_REPLICATE)
    scale = np.array([width / size[0], height / size[1]])
    for share, presence in CONTOURS:
        inside = (small >= mass_level(small, share)).astype(np.uint8)
        # A region cut by the frame must not be outlined along it: the margin moves that piece of line out of sight.
        inside = cv2.copyMakeBorder(inside, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
        found, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        lines = [np.rint((line - MARGIN + 0.5) * scale - 0.5).astype(np.int32) for line in found]
        drawn = canvas if presence == 1.0 else canvas.copy()
        cv2.polylines(drawn, lines, True, (30, 20, 20), thickness + 2, cv2.LINE_AA)
        cv2.polylines(drawn, lines, True, (255, 255, 255), thickness, cv2.LINE_AA)
        if drawn is not canvas:
            cv2.addWeighted(drawn, presence, canvas, 1.0 - presence, 0.0, dst=canvas)


def _stride(array, axis):
    """Step that samples an axis about 1000 times: enough for a quantile, and quick on large images."""
    return max(1, array.shape[axis] // 1000)
