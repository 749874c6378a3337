"""Earth mover's distance: the least work that turns the predicted density into the truth."""

import os

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.errors import ConfigError, InputError
from mindaam.metrics.maps import as_density, as_map, fit

ITERATIONS = 10**8  # of the network simplex, far more than it needs


def emd(prediction, truth, *, reduction=32, normalize="sum", resize="bilinear"):
    """Earth mover's distance between the two densities, in pixels of the reduced maps, >= 0 and exact.

    prediction, truth: [H,W]. reduction: both maps are averaged over areas to ceil(H / reduction) x ceil(W / reduction)
    pixels, then scaled to sum 1; the cost of a share of the mass is the distance in such pixels, so that times
    `reduction` it is in pixels of the truth. normalize: "sum" only cuts negative values off; "range" stretches each map
    to 0..1 first. A constant or empty map is the uniform density; a map that is reduced to one pixel gives 0.
    """
    if reduction < 1:
        raise ConfigError(f"the reduction of maps must be 1 or more, got {reduction}")
    truth = as_map(truth, "ground truth")
    prediction = fit(as_map(prediction, "prediction"), truth.shape, resize)
    p, q = (as_density(_reduced(each, reduction), normalize) for each in (prediction, truth))
    return _transport(p - q)


def _reduced(values, reduction):
    size = tuple(-(-side // reduction) for side in values.shape)
    return resize_image(np.ascontiguousarray(values), size)


def _transport(excess):
    """Work that moves the excess [H,W], which sums to 0, from where it is positive to where it is negative.

    Mass that both densities have in a pixel stays there: with a distance that is a metric no plan is better.
    """
    givers, takers = np.argwhere(excess > 0), np.argwhere(excess < 0)
    given, taken = excess[tuple(givers.T)], -excess[tuple(takers.T)]
    if not len(given) or not len(taken):
        return 0.0
    distance = np.sqrt(((givers[:, None] - takers[None]) ** 2.0).sum(2))
    amount = (given.sum() + taken.sum()) / 2
    work, log = _solver()(given / given.sum(), taken / taken.sum(), distance, numItermax=ITERATIONS, log=True)
    if log["warning"]:
        raise InputError(f"the earth mover's distance of these maps cannot be computed: {log['warning']}")
    return float(work * amount)


def _solver():
    """POT's exact solver, imported where it is used: that takes a second, and would import PyTorch, JAX and TensorFlow
    as well, where they are installed."""
    for library in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{library}", "1")
    from ot.lp import emd2

    return emd2
