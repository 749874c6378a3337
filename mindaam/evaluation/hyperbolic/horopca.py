"""HoroPCA to two dimensions: horospherical projections onto a geodesic plane through the origin.

Two ideal points p_j = (1, u_j), |u_j| = 1, and the origin span a geodesic plane. A point x goes to the point y of the
plane on the same two horospheres, -<y,p_j>_L = -<x,p_j>_L, which keeps distances along geodesics that end in p_1 or
p_2. With e_1 halfway between u_1 and u_2, e_2 across it in their plane, and 2 theta the angle between them, the plane's
coordinates (a, b) of y follow from m = x0 - cos(theta) x.e_1:

    b = x.e_2,   sin^2(theta) a^2 - 2 m cos(theta) a + 1 + b^2 - m^2 = 0.

Of the two solutions, mirror images in the geodesic from p_1 to p_2, y is the one on the origin's side. The ideal points
maximize the variance, the mean of the squared hyperbolic distances of all pairs of projected points.
Chami, Gu, Nguyen and Ré, "HoroPCA", ICML 2021. The origin stays where it is: it is the root of the hierarchy.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from mindaam.evaluation.hyperbolic.hyperboloid import hyperbolic_cosines, times

MOST = 300  # points whose pairs the ideal points are chosen by
STARTS = 6
LARGEST = 0.5 * np.pi - 1e-3  # of theta; at pi/2 the origin is on the geodesic between the ideal points


class Plane(NamedTuple):
    """axes: e_1 and e_2, [2,n]; theta: half the angle between the ideal points, in (0, pi/2)."""

    axes: np.ndarray
    theta: float

    def ideal_points(self):
        """u_1 and u_2, [2,n], of length 1."""
        along, across = np.cos(self.theta) * self.axes[0], np.sin(self.theta) * self.axes[1]
        return np.stack([along + across, along - across])


def project(points, plane):
    """Points [N,n] of curvature -1 -> (a, b) [N,2], points of the hyperbolic plane."""
    a, b, _, _ = _solved(points, plane)
    return np.stack([a, b], -1)


def _solved(points, plane):
    """a, b, m and the root of the discriminant, [N] each.

    The solution is written without its cancellation, and the discriminant as a sum of squares.
    """
    along, b = (points @ plane.axes.T).T
    cosine, sine = np.cos(plane.theta), np.sin(plane.theta)
    x0 = times(points)
    m = x0 - cosine * along
    rest = np.maximum(np.square(points).sum(-1) - along**2 - b**2, 0.0)
    root = np.hypot(x0 * cosine - along, np.sqrt(rest) * sine)
    return (1.0 + b**2 - m**2) / (m * cosine + root), b, m, root


def variance(points, plane):
    """Mean squared distance of all pairs of projected points, and its gradient by e_1, e_2 [n] and theta."""
    a, b, _, root = _solved(points, plane)
    flat = np.stack([a, b], -1)
    y0, cosine, sine = times(flat), np.cos(plane.theta), np.sin(plane.theta)
    distance = np.arccosh(hyperbolic_cosines(flat, flat))
    slope = 4.0 * np.where(distance < 1e-6, 1.0, distance / np.sinh(np.maximum(distance, 1e-6))) / len(points) ** 2
    by_y0, by_a, by_b = slope @ y0, -(slope @ a), -(slope @ b)
    by_a, by_b = by_a + by_y0 * a / y0, by_b + by_y0 * b / y0
    root = np.maximum(root, 1e-9)
    by_m, by_b = -by_a * y0 / root, by_b + by_a * b / root
    by_theta = by_a * a * sine * y0 / root + by_m * sine * (points @ plane.axes[0])
    return np.mean(distance**2), (-cosine * by_m) @ points, by_b @ points, by_theta.sum()


def fit(points, seed=0):
    """The Plane of greatest variance for points [N,n], n >= 2: the best of STARTS local maxima.

    seed: of the starts, and of the points that are drawn where there are more than MOST.
    """
    draw = np.random.default_rng(seed)
    if len(points) > MOST:
        points = points[draw.choice(len(points), MOST, replace=False)]
    principal = np.linalg.svd(points, full_matrices=False)[2][:2]
    found = [_climbed(points, _start(draw, principal, number)) for number in range(STARTS)]
    return max(found, key=lambda each: each[0])[1]


def _start(draw, principal, number):
    """The parameters of a start: in the principal plane in the first half of them, then anywhere."""
    n = principal.shape[1]
    turn, theta = draw.uniform(0, 2 * np.pi), draw.uniform(0.1, 1.2)
    if number < STARTS // 2 and len(principal) == 2:
        cosine, sine = np.cos(turn), np.sin(turn)
        axes = np.array([[cosine, sine], [-sine, cosine]]) @ principal
    else:
        axes = draw.standard_normal((2, n))
    return np.concatenate([axes.ravel(), [theta]])


def _climbed(points, start):
    """(variance, Plane) of the local maximum that a start leads to."""
    n = points.shape[1]

    def loss(parameters):
        value, *gradient = variance(points, _plane(parameters, n))
        first, second = _through_axes(parameters, n, *gradient[:2])
        return -value, -np.concatenate([first, second, [gradient[2]]])

    bounds = [(None, None)] * (2 * n) + [(1e-3, LARGEST)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100})
    return -found.fun, _plane(found.x, n)


def _plane(parameters, n):
    """The Plane of two vectors, made orthonormal, and theta."""
    first, second = parameters[:n], parameters[n : 2 * n]
    first = first / np.linalg.norm(first)
    second = second - second @ first * first
    return Plane(np.stack([first, second / np.linalg.norm(second)]), float(parameters[-1]))


def _through_axes(parameters, n, by_first, by_second):
    """Gradients by the two vectors, given those by the orthonormal axes."""
    first, second = parameters[:n], parameters[n : 2 * n]
    length = np.linalg.norm(first)
    unit = first / length
    across = second - second @ unit * unit
    across_length = np.linalg.norm(across)
    across = across / across_length
    by_across = (by_second - by_second @ across * across) / across_length
    by_unit = by_first - second @ unit * by_across - by_across @ unit * second
    return (by_unit - by_unit @ unit * unit) / length, by_across - by_across @ unit * unit
