"""Affine steps folded into the matrix of a linear map, so that no pass over a large feature map is spent on them."""

from mindspore import ops

from mindaam.kernels.attention import times_transposed
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.device import cpu_form
from mindaam.kernels.reductions import mean_of_last

_times = ops.BatchMatMul()  # of statistics; products with a layer's weights are `ops.bmm`


def per_channel(values):
    """[B,C] -> [B,C,1,1], to multiply a feature map with; a new shape is no operator on Ascend, unlike a new axis."""
    return values.reshape(values.shape + (1, 1))


def add_per_channel(x, shift):
    """x [B,C,H,W] + shift [B,C]; the images are laid side by side, for one bias per channel."""
    if not cpu_form():
        return x + per_channel(shift)
    batch, channels, height, width = x.shape
    together = x.reshape(1, batch * channels, height, width)
    return ops.bias_add(together, shift.reshape(-1)).reshape(x.shape)


def folded(mix, factors):
    """The matrix of mix(factors * x), bias apart: a Pointwise convolution, factors per channel [B,C,1,1] -> [B,O,C]."""
    weight = mix.weight.reshape(1, mix.weight.shape[0], -1)
    shape = (factors.shape[0],) + weight.shape[1:]
    return spread(weight, shape) * spread(factors.reshape(-1, 1, shape[2]), shape)


def product(matrix, x):
    """x [B,C,H,W] times a matrix [B or 1,O,C] -> [B,O,H,W]."""
    batch, channels, height, width = x.shape
    if matrix.shape[0] != batch:
        matrix = ops.broadcast_to(matrix, (batch,) + matrix.shape[1:])
    return ops.bmm(matrix, x.reshape(batch, channels, height * width)).reshape(batch, -1, height, width)


def mixed(matrix, bias, x):
    """`product`, plus a bias per channel [O]."""
    out = product(matrix, x)
    return add_per_channel(out, spread(bias.reshape(1, -1), out.shape[:2]))


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


def up_normalized(up, norm, x, gain, shift, factors=None):
    """norm(up(factors * x)) * gain + shift: an UpConvolution, a GroupNorm, and factors and shifts per channel.

    x [B,I,h,w], gain, shift [B,C], factors [B,I] or None for ones -> [B,C,2h,2w], by one product: all the factors are
    folded into its matrix. On Ascend it is written as it reads.
    """
    if not cpu_form():
        x = x if factors is None else x * per_channel(factors)
        return norm(up(x)) * per_channel(gain) + per_channel(shift)
    batch, channels_in, height, width = x.shape
    channels, groups = gain.shape[1], norm.groups
    x = x.reshape(batch, channels_in, height * width)
    # row 4c + i of the matrix makes channel c at place i of the 2x2 square
    weight = up.weight.reshape(channels_in, 4 * channels).swapaxes(0, 1)
    matrix = spread(weight.expand_dims(0), (batch, 4 * channels, channels_in))
    if factors is not None:
        matrix = matrix * spread(factors.expand_dims(1), matrix.shape)
    bias = up.bias.reshape(channels, 1)
    mean, variance = group_moments(matrix, ops.tile(bias, (1, 4)).reshape(-1), x, groups)
    scale = gain * (norm.gamma.reshape(1, groups, -1) / ops.sqrt(variance + norm.eps)).reshape(batch, channels)
    offset = (bias.reshape(1, groups, -1) - mean).reshape(batch, channels) * scale + norm.beta * gain + shift
    scale = ops.tile(scale.expand_dims(-1), (1, 1, 4)).reshape(batch, 4 * channels, 1)
    squares = ops.bmm(matrix * spread(scale, matrix.shape), x).reshape(batch, channels, 2, 2, height, width)
    feature = squares.transpose((0, 1, 4, 2, 5, 3)).reshape(batch, channels, 2 * height, 2 * width)
    return add_per_channel(feature, offset)


def convolved(convolution, x, factors=None):
    """convolution(factors * x): a Convolution to fewer channels, factors per channel [B,C] or None for ones."""
    if factors is None:
        return convolution(x)
    if not cpu_form():
        return convolution(x * per_channel(factors))
    matrix = convolution.matrix_of_places().expand_dims(0)
    matrix = spread(matrix, (x.shape[0],) + matrix.shape[1:])
    out = convolution.sum_of_places(product(matrix * spread(factors.expand_dims(1), matrix.shape), x))
    return ops.bias_add(out, convolution.bias)
