"""Noisy trees on the hyperboloid, to measure how well a reduction to the disk keeps a known hierarchy.

`python -m mindaam.evaluation.hyperbolic.trees` prints the quality of both reductions for three seeds: of a tree whose
nodes are observed several times, and of one with three branches whose nodes are observed once. There the tenth neighbor
is one of several cousins at nearly the same distance, whose order two dimensions cannot keep.
"""

import numpy as np

from mindaam.evaluation.hyperbolic import cosne, horopca, hyperboloid

DEPTH, BRANCHES, DIMENSIONS = 5, 2, 10
EDGE, TURN, NOISE = 1.0, 0.9, 0.3
OBSERVATIONS = 11  # of each node: the 10 neighbors of a point are the other ones of its node


def noisy_tree(seed=0, depth=DEPTH, branches=BRANCHES, observations=OBSERVATIONS, dimensions=DIMENSIONS):
    """Points [N,n] around the nodes of a tree with its root at the origin, level by level; 693 points by default.

    A child is at distance EDGE of its parent, in a random direction that makes an angle of TURN with the ray from the
    origin through the parent; each observation is its node, moved by a normal vector of standard deviation NOISE /
    sqrt(n).
    """
    draw, level = np.random.default_rng(seed), np.zeros((1, dimensions))
    nodes = [level]
    for _ in range(depth):
        parents = np.repeat(level, branches, 0)
        level = shot(parents, EDGE * _directions(parents, draw))
        nodes.append(level)
    nodes = np.repeat(np.concatenate(nodes), observations, 0)
    return shot(nodes, NOISE * draw.standard_normal(nodes.shape) / np.sqrt(dimensions))


def _directions(parents, draw):
    """Unit vectors [N,n] in the tangent space at the origin, to be carried to the parents; any where these are the
    origin."""
    found = _unit(draw.standard_normal(parents.shape))
    rays = _unit(parents)
    across = _unit(found - (found * rays).sum(1, keepdims=True) * rays)
    turned = np.cos(TURN) * rays + np.sin(TURN) * across
    return np.where(np.abs(parents).sum(1, keepdims=True) > 0, turned, found)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def shot(points, vectors):
    """Ends of the geodesics from points [N,n] along tangent vectors at the origin [N,n] carried there in parallel."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    along = (points * vectors).sum(1, keepdims=True) / (1.0 + hyperboloid.times(points)[:, None])
    return np.cosh(length) * points + np.sinh(length) / np.maximum(length, 1e-12) * (vectors + along * points)


def qualities(points, seed=0):
    """{"horopca", "cosne": (distance correlation, 10-neighbor recall)} of both reductions of points [N,n]."""
    flat = horopca.project(points, horopca.fit(points, seed))
    found = {"horopca": flat, "cosne": cosne.reduce(points, flat)}
    return {
        name: (hyperboloid.distance_correlation(points, each), hyperboloid.neighbor_recall(points, each))
        for name, each in found.items()
    }


if __name__ == "__main__":
    for branches, observations in ((BRANCHES, OBSERVATIONS), (3, 1)):
        for number in range(3):
            tree = noisy_tree(number, branches=branches, observations=observations)
            for name, (correlation, recall) in qualities(tree, number).items():
                print(
                    f"{branches} branches, {observations} observations, {len(tree)} points, seed {number}, {name}: "
                    f"distance correlation {correlation:.3f}, 10-neighbor recall {recall:.3f}",
                    flush=True,
                )
