"""Affine steps folded into the matrix of a linear map, so that no pass over a large feature map is spent on them."""

from mindspore import ops

from mindaam.kernels.attention import times_transposed
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.reductions import mean_of_last

_times = ops.BatchMatMul()  # of statistics; products with a layer's weights are `ops.bmm`


def add_per_channel(x, shift):
    """x [B,C,H,W] + shift [B,C]; the images are laid side by side, for one bias per channel."""
    batch, channels, height, width = x.shape
    together = x.reshape(1, batch * channels, height, width)
    return ops.bias_add(together, shift.reshape(-1)).reshape(x.shape)


def mixed(mix, x, factors):
    """mix(factors * x) of a Pointwise convolution: x [B,C,H,W], factors per channel [B or 1,C,1,1] -> [B,O,H,W].

    The factors multiply the matrix instead of the map.
    """
    batch, channels, height, width = x.shape
    weight = mix.weight.reshape(1, -1, channels)
    shape = (batch, weight.shape[1], channels)
    matrix = spread(weight, shape) * spread(factors.reshape(-1, 1, channels), shape)
    product = ops.bmm(matrix, x.reshape(batch, channels, height * width)).reshape(batch, -1, height, width)
    return add_per_channel(product, spread(mix.bias.reshape(1, -1), shape[:2]))


def group_moments(matrix, bias, x, groups):
    """Mean and variance of W x + b over each group of rows and all columns, [B,G,1] each, without forming W x + b.

    W [B,O,I], b [O], x [B,I,N]. They follow from the mean and the covariance of x. The variance is a sum of
    non-negative terms, so that no digits cancel.
    """
    batch, rows, columns = matrix.shape[0], matrix.shape[1], x.shape[2]
    mean = mean_of_last(x)
    centered = add_per_channel(x.expand_dims(2), -mean.squeeze(-1)).squeeze(2)
    covariance = times_transposed(centered, centered) * (1.0 / columns)
    row_mean = (_times(matrix, mean) + bias.reshape(1, rows, 1)).reshape(batch, groups, -1)
    row_variance = (_times(matrix, covariance) * matrix).sum(-1).reshape(batch, groups, -1)
    group_mean = row_mean.mean(-1, keep_dims=True)
    offset = row_mean - group_mean
    return group_mean, (row_variance + offset * offset).mean(-1, keep_dims=True)


def up_normalized(up, norm, x, gain, shift):
    """norm(up(x)) * gain + shift: an UpConvolution, a GroupNorm, and factors and shifts per channel, [B,C] each.

    x [B,I,h,w] -> [B,C,2h,2w], by one product: normalization and modulation are folded into its matrix.
    """
    batch, channels_in, height, width = x.shape
    channels, groups = gain.shape[1], norm.groups
    x = x.reshape(batch, channels_in, height * width)
    # row 4c + i of the matrix makes channel c at place i of the 2x2 square
    weight = up.weight.reshape(channels_in, 4 * channels).swapaxes(0, 1)
    matrix = spread(weight.expand_dims(0), (batch, 4 * channels, channels_in))
    bias = up.bias.reshape(channels, 1)
    mean, variance = group_moments(matrix, ops.tile(bias, (1, 4)).reshape(-1), x, groups)
    scale = gain * (norm.gamma.reshape(1, groups, -1) / ops.sqrt(variance + norm.eps)).reshape(batch, channels)
    offset = (bias.reshape(1, groups, -1) - mean).reshape(batch, channels) * scale + norm.beta * gain + shift
    scale = ops.tile(scale.expand_dims(-1), (1, 1, 4)).reshape(batch, 4 * channels, 1)
    squares = ops.bmm(matrix * spread(scale, matrix.shape), x).reshape(batch, channels, 2, 2, height, width)
    feature = squares.transpose((0, 1, 4, 2, 5, 3)).reshape(batch, channels, 2 * height, 2 * width)
    return add_per_channel(feature, offset)
