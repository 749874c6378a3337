"""Sums and means. A CPU reduces the last axis of a matrix many times faster than any other axis, or than several."""

from mindspore import ops

from mindaam.kernels.broadcasting import spread
from mindaam.kernels.device import cpu_form

_times = ops.BatchMatMul()


def sum_over(x, axis=-1):
    """Sum over `axis`, kept as length 1; over the channels of maps [B,C,H,W] a product with ones."""
    if axis != 1 or x.ndim != 4 or not cpu_form():
        return x.sum(axis=axis, keepdims=True)
    batch, channels, height, width = x.shape
    ones = ops.ones((batch, 1, channels), x.dtype)
    return ops.bmm(ones, x.reshape(batch, channels, height * width)).reshape(batch, 1, height, width)


def mean_of_second(x):
    """Mean over the second axis, kept as length 1: [B,N,...] -> [B,1,...], as a product with a row of 1/N."""
    batch, count = x.shape[:2]
    if count == 1:
        return x
    if not cpu_form():
        return ops.mean(x, 1, True)
    row = ops.full((batch, 1, count), 1.0 / count, dtype=x.dtype)
    return ops.bmm(row, x.reshape((batch, count, -1))).reshape((batch, 1) + x.shape[2:])


def image_mean(feature):
    """Mean over the positions of each channel: [B,C,H,W] -> [B,C]."""
    if not cpu_form():
        return ops.mean(feature, (2, 3))
    batch, channels, height, width = feature.shape
    return mean_of_last(feature.reshape(batch, channels, height * width)).squeeze(-1)


def mean_of_last(x):
    """Mean over the last axis, kept as length 1: [B,C,N] -> [B,C,1], as a product with a column of 1/N."""
    if not cpu_form():
        return ops.mean(x, -1, True)
    batch, _, count = x.shape
    return _times(x, ops.full((batch, count, 1), 1.0 / count, dtype=x.dtype))


def row_sums(x):
    """Sum over the last axis of maps, kept as length 1: [B,C,H,W] -> [B,C,H,1], as the sum of a matrix's rows."""
    if not cpu_form():
        return ops.sum(x, -1, True)
    return ops.sum(x.reshape(-1, x.shape[3]), 1).reshape(x.shape[:3] + (1,))


def image_sum(rows, height):
    """Sum over the pixels of each map, given as a matrix of its pixel rows: [B*height,W] -> [B].

    First along each row of pixels, which keeps two digits that one sum over a flattened map loses.
    """
    return ops.sum(ops.sum(rows, 1).reshape((-1, height)), 1)


def per_image(values, height, shape):
    """One value per map [B], repeated for each pixel of a matrix of pixel rows of `shape` (B*height, W)."""
    return spread(ops.tile(values.reshape((-1, 1)), (1, height)).reshape((-1, 1)), shape)
