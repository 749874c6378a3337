"""CO-SNE: neighbors in hyperbolic space stay neighbors in the Poincaré disk, and distances to the origin are kept.

Affinities of points x are those of a hyperbolic normal distribution around each, p_{j|i} ~ exp(-d(x_i, x_j)^2 /
(2 sigma_i^2)) with sigma_i for a given perplexity, made symmetric; those of their images y in the hyperbolic plane are
of a hyperbolic Cauchy distribution, q_ij ~ 1 / (1 + d(y_i, y_j)^2 / gamma^2). The loss is

    KL(P || Q) + weight / N sum_i ((d(o, y_i) - d(o, x_i)) / gamma)^2.

gamma follows from the points, so that the result does not depend on the unit of their distances.

Guo, Guo and Yu, "CO-SNE", CVPR 2022; there the second term compares squared Euclidean norms in the ball. Points y are
kept on the hyperboloid, [y_1, y_2] and y_0; they move by Riemannian gradient descent with momentum, along geodesics.
"""

import numpy as np

from mindaam.evaluation.hyperbolic.hyperboloid import depths, pairwise_distances, times

PERPLEXITY = 6.0
NEIGHBORS, SHARE = 10, 0.7  # gamma: this share of the median distance to the neighbor of this rank
WEIGHT = 2.0  # of the depths
STEPS, EXAGGERATED = 600, 200
EXAGGERATION = 4.0
RATE = 0.3 / EXAGGERATION  # step length, times N gamma^2
REACH = 0.3  # farthest that a point moves in a step, in units of gamma
TINY = 1e-12


def affinities(points, perplexity=PERPLEXITY):
    """P [N,N], symmetric, of sum 1 and with a diagonal of 0, of points [N,n]."""
    square = pairwise_distances(points) ** 2
    np.fill_diagonal(square, np.inf)
    nearest = square.min(1, keepdims=True)
    excess = square - nearest  # a factor of each row, which the normalization removes
    goal = np.log(min(perplexity, (len(points) - 1) / 3))
    low, high = np.full((len(points), 1), -30.0), np.full((len(points), 1), 30.0)  # of ln(1 / (2 sigma^2))
    for _ in range(50):
        middle = 0.5 * (low + high)
        flat = entropy(excess, np.exp(middle)) > goal
        low, high = np.where(flat, middle, low), np.where(flat, high, middle)
    rows = np.exp(-np.exp(low) * excess)
    rows /= rows.sum(1, keepdims=True)
    return (rows + rows.T) / (2 * len(points))


def entropy(excess, rate):
    """Entropies [N,1] of the rows of exp(-rate * excess), scaled to sum 1."""
    rows = np.exp(-rate * excess)
    total = rows.sum(1, keepdims=True)
    mean = (rows * np.where(np.isinf(excess), 0.0, excess)).sum(1, keepdims=True) / total
    return np.log(total) + rate * mean


def scale_of(points):
    """gamma > 0 for points [N,n]."""
    distances = np.sort(pairwise_distances(points), 1)
    return max(SHARE * float(np.median(distances[:, min(NEIGHBORS, len(points) - 1)])), 1e-6)


def gradient(places, joint, radii, gamma):
    """Riemannian gradient of the loss, tangent vectors [N,3], time first; places: the points [N,3], time first.

    joint: P; radii: the wanted depths [N].
    """
    flipped = places * np.array([-1.0, 1.0, 1.0])
    cosh = np.maximum(-places @ flipped.T, 1.0 + TINY)
    distance = np.arccosh(cosh)
    kernel = 1.0 / (1.0 + (distance / gamma) ** 2)
    np.fill_diagonal(kernel, 0.0)
    # Each pair counts twice; d(d^2) = 2 d / sinh(d) d(cosh d), and cosh d = -<y_i, y_j>_L.
    slope = 4.0 / gamma**2 * (joint - kernel / kernel.sum()) * kernel * distance / np.sqrt(cosh**2 - 1.0)
    reach = np.maximum(np.linalg.norm(places[:, 1:], axis=1, keepdims=True), 1e-9)
    rise = 2.0 * WEIGHT / (len(places) * gamma**2) * (np.arcsinh(reach) - radii[:, None])
    outwards = np.concatenate([reach, places[:, :1] * places[:, 1:] / reach], 1)
    return tangent(places, -slope @ places) + rise * outwards


def tangent(places, vectors):
    """The parts of vectors that are tangent to the hyperboloid at places, all [N,3]."""
    return vectors + product(places, vectors) * places


def product(first, second):
    """Lorentz products [N,1] of vectors [N,3], time first."""
    return (first[:, 1:] * second[:, 1:]).sum(1, keepdims=True) - first[:, :1] * second[:, :1]


def moved(places, vectors, most):
    """Places after geodesics of the length, at most `most`, and direction of tangent vectors."""
    length = np.sqrt(np.maximum(product(vectors, vectors), TINY**2))
    stride = np.minimum(length, most)
    return with_time((np.cosh(stride) * places + np.sinh(stride) / length * vectors)[:, 1:])


def with_time(points):
    """Points [N,2] with their time parts before them, [N,3]."""
    return np.concatenate([times(points)[:, None], points], 1)


def reduce(points, start):
    """Points [N,n] of curvature -1, N >= 3 -> [N,2] of the hyperbolic plane. start: [N,2] of it, as by HoroPCA."""
    joint, radii, gamma = affinities(points), depths(points), scale_of(points)
    places, velocity = with_time(start), np.zeros((len(points), 3))
    for step in range(STEPS):
        early = step < EXAGGERATED
        slope = gradient(places, joint * (EXAGGERATION if early else 1.0), radii, gamma)
        velocity = (0.5 if early else 0.8) * tangent(places, velocity) - RATE * len(points) * gamma**2 * slope
        places = moved(places, velocity, REACH * gamma)
    return places[:, 1:]
