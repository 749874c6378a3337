"""How far a predicted map is from the ground truth: KLD, CC and SIM as losses (equations 24-26).

A map is one density per image, shaped [B,1,H,W] or [B,H,W]; its sum need not be 1, each term normalizes what it
needs. Every term is computed in float32 for inputs of any precision, because sums over a hundred thousand pixels do not
fit half precision. The reductions are those of the released code: over each image first, then the mean over the images,
so that each image has the same weight.
"""

import mindspore as ms
from mindspore import ops

from mindaam.kernels.elementwise import minimum
from mindaam.kernels.reductions import image_sum, per_image

# Below this a sum, a density or a variance counts as zero. float32 resolves 1e-12 far from 1, so nothing is lost, and
# log and the square root keep finite values and gradients.
EPS = 1e-12


def _rows(prediction, truth):
    """Both maps as float32 matrices of pixel rows [B*H,W], and H.

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


def _density(rows, height):
    """Each map divided by its sum; an empty map stays zero."""
    return rows / per_image(ops.clamp(image_sum(rows, height), min=EPS), height, rows.shape)


def _centered(rows, height):
    """Each map minus its mean."""
    return rows - per_image(image_sum(rows, height) / (height * rows.shape[1]), height, rows.shape)


def kld_per_map(prediction, truth):
    """Kullback-Leibler divergence of the prediction P from the truth Q, sum Q log(Q/P), >= 0, per map.

    prediction, truth: [B,1,H,W] or [B,H,W], values >= 0. Returns float32 [B]; 0 for an empty truth.
    """
    prediction, truth, height = _rows(prediction, truth)
    p, q = _density(prediction, height), _density(truth, height)
    return image_sum(q * (ops.log(ops.clamp(q, min=EPS)) - ops.log(ops.clamp(p, min=EPS))), height)


def cc_per_map(prediction, truth):
    """Pearson correlation over the pixels of each map, in [-1, 1]; about 0 for a constant map.

    prediction, truth: [B,1,H,W] or [B,H,W]. Returns float32 [B].
    """
    prediction, truth, height = _rows(prediction, truth)
    p, q = _centered(prediction, height), _centered(truth, height)
    # Each variance is clamped before its root, so that a flat map gives a finite gradient instead of NaN.
    deviation_p = ops.sqrt(ops.clamp(image_sum(p * p, height), min=EPS))
    deviation_q = ops.sqrt(ops.clamp(image_sum(q * q, height), min=EPS))
    return image_sum(p * q, height) / (deviation_p * deviation_q)


def similarity_per_map(prediction, truth):
    """Shared mass of the two densities, sum min(P, Q), in [0, 1]; negative values count as 0.

    prediction, truth: [B,1,H,W] or [B,H,W]. Returns float32 [B].
    """
    prediction, truth, height = _rows(prediction, truth)
    p, q = _density(ops.relu(prediction), height), _density(ops.relu(truth), height)
    return image_sum(minimum(q, p), height)


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
