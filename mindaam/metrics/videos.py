"""How well maps follow a video, and how steady they are: per-frame CC, and flicker of static scenes."""

import numpy as np

from mindaam.errors import InputError
from mindaam.metrics.density import cc
from mindaam.metrics.settings import PAPER


def frame_cc(maps, truths):
    """CC of every frame [T] of maps [T,h,w] with densities [T,h,w]."""
    return np.array([cc(a, b, **PAPER.cc) for a, b in zip(maps, truths, strict=True)])


def flicker(maps):
    """Half the mean of sum |u_t - u_(t-1)| over maps [T,h,w] scaled to sum 1; 0 when still, 1 when never the same."""
    u = _densities(maps)
    return float(0.5 * np.abs(np.diff(u, axis=0)).sum((1, 2)).mean())


def total_variation(maps, others):
    """Half the mean of sum |u - v| over the frames of two sets of maps [T,h,w], scaled to sum 1."""
    u, v = _densities(maps), _densities(others)
    return float(0.5 * np.abs(u - v).sum((1, 2)).mean())


def summary(rows):
    """{"CC_moving", "CC_cut", "CC_static", "flicker_static"}: means over videos.

    rows: one (kind, maps [T,h,w], ground truth [T,h,w]) per video. Pans, zooms and shake move; flicker is of static
    videos.
    """
    groups = {"moving": ("pan", "zoom", "shake"), "cut": ("cut",), "static": ("static",)}
    scores = {}
    for name, kinds in groups.items():
        found = [frame_cc(maps, truths).mean() for kind, maps, truths in rows if kind in kinds]
        if found:
            scores[f"CC_{name}"] = float(np.mean(found))
    calm = [flicker(maps) for kind, maps, _ in rows if kind == "static"]
    return scores | ({"flicker_static": float(np.mean(calm))} if calm else {})


def _densities(maps):
    """Maps [T,h,w] scaled to sum 1 each; InputError for maps that are not finite, or sum to zero."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or not np.isfinite(maps).all():
        raise InputError("the maps of a video must be finite numbers [T,h,w]")
    sums = maps.sum((1, 2), keepdims=True, dtype=np.float64)
    if (sums <= 0).any():
        raise InputError("a map of a video sums to zero and is not a density")
    return maps / sums
