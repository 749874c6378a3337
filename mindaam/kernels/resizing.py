"""Resizing of maps."""

import numpy as np
from mindspore import Tensor, ops
from mindspore.ops import constexpr

from mindaam.kernels.device import cpu_form


@constexpr
def weights(length, new, align_corners):
    """[new, length]: each new position's weights of the old ones, at most two of them not 0."""
    position = np.arange(new, dtype=np.float64)
    if align_corners:
        position *= (length - 1) / max(new - 1, 1)
    else:
        position = np.clip((position + 0.5) * length / new - 0.5, 0, length - 1)
    return Tensor(np.maximum(1 - np.abs(position[:, None] - np.arange(length)), 0).astype(np.float32))


_times = ops.BatchMatMul()
_times_transposed = ops.MatMul(transpose_b=True)


def bilinear(maps, size, align_corners=False):
    """Maps [B,C,h,w] at `size` (H, W), linear between their positions: [B,C,H,W].

    align_corners: the first and last positions of both sizes coincide; otherwise their outer borders do. It is a matrix
    of weights for each axis, and on a CPU two products with them.
    """
    if not cpu_form():
        return ops.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)
    batch, channels, height, width = maps.shape
    count = batch * channels
    wide = _times_transposed(maps.reshape((count * height, width)), weights(width, size[1], align_corners))
    tall = ops.broadcast_to(weights(height, size[0], align_corners), (count, size[0], height))
    return _times(tall, wide.reshape((count, height, size[1]))).reshape((batch, channels, size[0], size[1]))
