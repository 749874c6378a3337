"""What every metric needs first: a map as float64, at the right size, and the fixated pixels on it.

Fixations are points float [n,2], (x, y) in pixels of the image, x right and y down from the top left corner: the
point (x, y) lies in the pixel of column floor(x) and row floor(y).
"""

import numpy as np

from mindaam.errors import InputError, unknown

RESIZES = ("bilinear", None)
SCALES = ("range", None)
NORMALIZATIONS = ("range", "sum")


def as_map(values, what):
    """The map as float64 [H,W]; InputError when it is not one finite map. `what` names it in the message."""
    values = _real(values, what)
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"the {what} must be one map [H,W], got shape {values.shape}; pass maps one by one")
    if not np.isfinite(values).all():
        raise InputError(f"the {what} holds {(~np.isfinite(values)).sum()} values that are not finite numbers")
    return values


def as_points(fixations):
    """The fixations as float64 [n,2], n >= 0; InputError when they are something else, or not all finite.

    A blink that a recording keeps as NaN is no fixation: the caller removes it.
    """
    points = _real(fixations, "list of fixations")
    if points.size == 0:
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(
            f"fixations must be points (x, y), an array [n,2], got shape {points.shape}; "
            "turn a binary map into points with metrics.points_of"
        )
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise InputError(
            f"{(~finite).sum()} of {len(points)} fixations are not finite numbers, the first at index "
            f"{int(np.argmin(finite))}; remove blinks and missing gaze"
        )
    return points


def points_of(mask):
    """The fixated pixels of a binary map [H,W], as points float64 [n,2] (x, y) at the pixels' top left corners."""
    rows, columns = np.nonzero(as_map(mask, "fixation map") > 0)
    return np.stack([columns, rows], axis=1).astype(np.float64)


def fit(values, size, resize="bilinear"):
    """The map [H,W] at `size` (height, width): unchanged if it has that size, else resized by `resize`.

    "bilinear" samples between pixel centers with the borders repeated and without averaging when the map shrinks,
    which is what PyTorch's `interpolate(align_corners=False)` does; None refuses with an InputError.
    """
    if resize not in RESIZES:
        raise unknown("resizing", resize, RESIZES)
    if values.shape == tuple(size):
        return values
    if resize is None:
        raise InputError(f"the maps differ in size, {values.shape} and {tuple(size)}; resize the prediction first")
    left, right, share = _neighbors(values.shape[1], size[1])
    values = _between(values[:, left], values[:, right], share)
    above, below, share = _neighbors(values.shape[0], size[0])
    return _between(values[above], values[below], share[:, None])


def _between(low, high, share):
    """low + (high - low) * share, which keeps constants exactly, computed in place of `high`."""
    high -= low
    high *= share
    high += low
    return high


def _neighbors(source, target):
    """Of linear interpolation along an axis: the two source indices [target], and the share of the second."""
    centers = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    first = np.minimum(centers.astype(int), max(source - 2, 0))
    return first, np.minimum(first + 1, source - 1), centers - first


def scaled(values, scale):
    """The map with its values in 0..1 for the scale "range", where a constant map becomes 0; as it is for None."""
    if scale not in SCALES:
        raise unknown("scaling", scale, SCALES)
    if scale is None:
        return values
    lifted = values - values.min()
    lifted /= lifted.max() or 1.0
    return lifted


def mass(values, normalize):
    """The map as a mass >= 0 that is not yet scaled to sum 1.

    normalize: "range" stretches it to 0..1, where a constant map becomes 1, so that it is the uniform density; "sum"
    only cuts negative values off.
    """
    if normalize not in NORMALIZATIONS:
        raise unknown("normalization", normalize, NORMALIZATIONS)
    if normalize == "sum":
        return np.maximum(values, 0)
    return scaled(values, "range") if np.ptp(values) > 0 else np.ones_like(values)


def as_density(values, normalize):
    """The map scaled to sum 1 after `mass`; one without any mass becomes the uniform density."""
    values = mass(values, normalize)
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1 / values.size)


def values_at(values, points):
    """The values [n] of the pixels that hold the points; a point beyond the border counts for the border pixel."""
    rows, columns = _pixels(values.shape, points)
    return values[rows, columns]


def fixated(shape, points):
    """bool [H,W]: which pixels hold at least one of the points."""
    mask = np.zeros(shape, bool)
    mask[_pixels(shape, points)] = True
    return mask


def _pixels(shape, points):
    # Clipped before they become integers, as a coordinate may be beyond those.
    return tuple(np.clip(np.floor(points), 0, [shape[1] - 1, shape[0] - 1]).astype(int).T[::-1])


def _real(values, what):
    """An array as float64; InputError for rows of different lengths, and for anything but real numbers."""
    if np.ma.is_masked(values):
        raise InputError(f"the {what} has masked values; remove or fill them")
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise InputError(f"the {what} is no array ({error}); give rows of one length") from error
    if values.size and values.dtype.kind not in "fiub":
        raise InputError(f"the {what} must hold real numbers, got the type {values.dtype}")
    return values.astype(np.float64, copy=False)
