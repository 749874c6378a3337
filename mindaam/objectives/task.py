"""KLD, CC and SIM as losses between a predicted map and the ground truth (equations 24-26).

A map holds one density per image, shaped [B,1,H,W] or [B,H,W]; it need not sum to 1, each term normalizes what it
needs. Every term is computed in float32 at any input precision, because sums over a hundred thousand pixels
do not fit half precision. The reductions are those of the released code: over an image first, then the mean over
the images, so that an image counts the same at any mass.
"""

import mindspore as ms
from mindspore import ops

from mindaam.kernels.broadcasting import spread

# Below this a sum, a density or a variance counts as zero. float32 resolves 1e-12 far from 1, so nothing is lost, and
# log and the square root keep finite values and gradients.
EPS = 1e-12


def _rows(prediction, truth):
    """Both maps as float32 matrices [B*H,W], a line of pixels a row, and H.

    Rows, because a CPU sums a matrix along its last axis many times faster than a batch over two axes, and because sums
    of a row each keep two digits that one sum over a flattened map loses.
    Raises ValueError when the shapes differ or are not those of a batch of maps.
    """
    if prediction.shape != truth.shape or prediction.ndim not in (3, 4):
        raise ValueError(
            f"a loss needs two maps of one shape [B,1,H,W] or [B,H,W], got {prediction.shape} and {truth.shape}; "
            "resize the prediction to the truth first"
        )
    height, width = prediction.shape[-2:]
    prediction, truth = prediction.reshape((-1, width)), truth.reshape((-1, width))
    return ops.cast(prediction, ms.float32), ops.cast(truth, ms.float32), height


def _total(rows, height):
    """Sum over the pixels of each map, [B*H,W] -> [B]."""
    return ops.sum(ops.sum(rows, 1).reshape((-1, height)), 1)


def _each_pixel(values, rows, height):
    """One value a map, [B], repeated for each of its pixels, the shape of `rows` [B*H,W]."""
    return spread(ops.tile(values.reshape((-1, 1)), (1, height)).reshape((-1, 1)), rows.shape)


def _density(rows, height):
    """Each map divided by its sum; an empty map stays zero."""
    return rows / _each_pixel(ops.clamp(_total(rows, height), min=EPS), rows, height)


def _centred(rows, height):
    """Each map minus its mean."""
    return rows - _each_pixel(_total(rows, height) / (height * rows.shape[1]), rows, height)


def kld_per_map(prediction, truth):
    """Kullback-Leibler divergence of the prediction P from the truth Q, sum Q log(Q/P): 0 or more, one a map.

    prediction, truth: [B,1,H,W] or [B,H,W], values >= 0. Returns float32 [B]. An empty truth costs 0.
    """
    prediction, truth, height = _rows(prediction, truth)
    p, q = _density(prediction, height), _density(truth, height)
    return _total(q * (ops.log(ops.clamp(q, min=EPS)) - ops.log(ops.clamp(p, min=EPS))), height)


def cc_per_map(prediction, truth):
    """Pearson correlation over the pixels of each map, in [-1, 1]; a constant map gives about 0.

    prediction, truth: [B,1,H,W] or [B,H,W]. Returns float32 [B].
    """
    prediction, truth, height = _rows(prediction, truth)
    p, q = _centred(prediction, height), _centred(truth, height)
    # Each variance is clamped before its root, so that a flat map gives a finite gradient instead of a NaN.
    spread_p = ops.sqrt(ops.clamp(_total(p * p, height), min=EPS))
    spread_q = ops.sqrt(ops.clamp(_total(q * q, height), min=EPS))
    return _total(p * q, height) / (spread_p * spread_q)


def similarity_per_map(prediction, truth):
    """Shared mass of the two densities, sum min(P, Q), in [0, 1]; negative values count as 0.

    prediction, truth: [B,1,H,W] or [B,H,W]. Returns float32 [B].
    """
    prediction, truth, height = _rows(prediction, truth)
    p = _density(ops.relu(prediction), height)
    q = _density(ops.relu(truth), height)
    # min(p, q), whose own gradient is ten times slower on a CPU.
    return _total(q - ops.relu(q - p), height)


def kld(prediction, truth):
    """Mean over the maps of `kld_per_map`, a float32 scalar."""
    return ops.mean(kld_per_map(prediction, truth))


def cc(prediction, truth):
    """Mean over the maps of `cc_per_map`, a float32 scalar."""
    return ops.mean(cc_per_map(prediction, truth))


def similarity(prediction, truth):
    """Mean over the maps of `similarity_per_map`, a float32 scalar."""
    return ops.mean(similarity_per_map(prediction, truth))


def task_loss(prediction, truth):
    """KLD - CC - SIM with equal weights (appendix A.1), a float32 scalar; -2 for a perfect prediction."""
    return kld(prediction, truth) - cc(prediction, truth) - similarity(prediction, truth)
