"""What a density is made of: fixations blurred by a Gaussian as wide as so many degrees, or the set's published map."""

from typing import Literal

import numpy as np
from pydantic import Field

from mindaam.data import transforms
from mindaam.schema import Schema

# Where nobody says how many pixels a degree has, images are taken to be 30 degrees wide.
ASSUMED_DEGREES_WIDE = 30.0


class GroundTruth(Schema):
    """source: "fixations", "maps" (the set's published maps), or None for the set's own default; where a layout lacks
    the one, the other is used. sigma_degrees: the blur of a fixation, in degrees of visual angle."""

    source: Literal["fixations", "maps"] | None = None
    sigma_degrees: float = Field(default=1.0, gt=0, le=10)


def chosen_source(wanted, record, layout):
    """Which of "fixations" and "maps" densities are made of, in this layout of a set."""
    has = {"fixations": layout.fixations is not None, "maps": bool(layout.maps)}
    source = wanted.source or layout.ground_truth or record.ground_truth
    return source if has[source] else next(each for each in has if has[each])


def pixels_per_degree(viewing, size):
    """Pixels a degree of visual angle has on an image stored at `size` (height, width). viewing: catalogue.Viewing."""
    height, width = size
    if viewing.px_per_degree is None:
        return width / ASSUMED_DEGREES_WIDE
    if viewing.screen is not None:  # on which the image was shown as large as fits
        return viewing.px_per_degree / min(viewing.screen[0] / width, viewing.screen[1] / height)
    return viewing.px_per_degree * (width / viewing.width if viewing.width else 1.0)


def blurred(fixations, stored, size, degree):
    """Fixations float32 [n,2] of an image stored at `stored` (H, W), as a density of `size` (H, W) that sums to 1.

    degree: the blur's sigma in pixels of the stored image.
    """
    sigma = (degree * size[0] / stored[0], degree * size[1] / stored[1])
    return transforms.fixation_density(transforms.scale_fixations(fixations, stored, size), size, sigma)


def inside(fixations, size):
    """Those of the fixations [n,2] that lie in an image of `size` (H, W) and are finite, float32."""
    fixations = np.asarray(fixations, np.float32).reshape(-1, 2)
    return np.ascontiguousarray(fixations[are_inside(fixations, size)])


def are_inside(fixations, size):
    """bool [n]: which of the fixations float32 [n,2] lie in an image of `size` (H, W) and are finite."""
    kept = np.isfinite(fixations).all(1)
    return kept & (fixations >= 0).all(1) & (fixations[:, 0] < size[1]) & (fixations[:, 1] < size[0])


def viewers_inside(rows, size):
    """The viewers int64 [n] of the fixations inside an image of `size` (H, W), of rows [m,3] (x, y, viewer); None of
    rows [m,2], which do not keep viewers apart."""
    return rows[are_inside(rows[:, :2], size), 2].astype(np.int64) if rows.shape[1] > 2 else None


def describe(truth, source, viewing):
    """One sentence that says what densities are made of, for reports."""
    if source == "maps":
        return "the published density maps"
    sigma = f"fixations blurred with a Gaussian of sigma {truth.sigma_degrees:g} degree"
    if viewing.px_per_degree is None:
        return f"{sigma}, images taken to be {ASSUMED_DEGREES_WIDE:g} degrees wide ({viewing.source})"
    at = f" on {viewing.width} pixels' width" if viewing.width else " of the screen" if viewing.screen else ""
    return f"{sigma} = {truth.sigma_degrees * viewing.px_per_degree:g} pixels{at} ({viewing.source})"
