"""Points of curvature -1 in NumPy, float64, for the reductions to the Poincaré disk.

As in `geometry.lorentz` a point is kept as its space part, a vector x of R^n with x0 = sqrt(1 + |x|^2). Points of
curvature -c are brought here by multiplying them with sqrt(c), distances then with 1/sqrt(c).
"""

import numpy as np


def times(points):
    """Time parts [N] >= 1 of points [N,n]."""
    return np.sqrt(1.0 + np.square(points).sum(-1))


def hyperbolic_cosines(points, others):
    """cosh of the distances [N,M] of points [N,n] to others [M,n], at least 1."""
    return np.maximum(np.outer(times(points), times(others)) - points @ others.T, 1.0)


def pairwise_distances(points):
    """Geodesic distances [N,N] of points [N,n]; 0 on the diagonal."""
    found = np.arccosh(hyperbolic_cosines(points, points))
    np.fill_diagonal(found, 0.0)
    return found


def depths(points):
    """Distances to the origin [N] of points [N,n]."""
    return np.arcsinh(np.linalg.norm(points, axis=-1))


def to_disk(points):
    """Stereographic projection x / (1 + x0) of points [N,2] to the Poincaré disk, lengths below 1."""
    return points / (1.0 + times(points))[:, None]


def distance_correlation(points, reduced):
    """Pearson correlation of the distances of all pairs of points before and after a reduction; NaN where all are
    equal."""
    pairs = np.triu_indices(len(points), 1)
    before, after = pairwise_distances(points)[pairs], pairwise_distances(reduced)[pairs]
    if len(before) < 2 or not (np.ptp(before) > 0 and np.ptp(after) > 0):
        return float("nan")
    return float(np.corrcoef(before, after)[0, 1])


def neighbor_recall(points, reduced, count=10):
    """Share of each point's `count` nearest neighbors before a reduction that are among its `count` nearest after it,
    the mean over points."""
    count = min(count, len(points) - 1)
    if count < 1:
        return float("nan")
    before, after = (_nearest(pairwise_distances(each), count) for each in (points, reduced))
    return float(np.mean([len(set(a) & set(b)) / count for a, b in zip(before, after, strict=True)]))


def _nearest(distances, count):
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, count - 1, axis=1)[:, :count]


def depth_correlation(points, reduced):
    """Pearson correlation of the distances to the origin before and after a reduction; NaN where all are equal."""
    before, after = depths(points), depths(reduced)
    if not (np.ptp(before) > 0 and np.ptp(after) > 0):
        return float("nan")
    return float(np.corrcoef(before, after)[0, 1])
