"""Layer and group normalization.

On Ascend both are MindSpore's own operators. On a CPU both are a batch normalization whose channels are the rows to be
normalized: MindSpore's own kernels are five to twenty times slower. The gradients are explicit, since the gradient of
that batch normalization is wrong there.
"""

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn, ops
from mindspore.common.initializer import initializer
from mindspore.ops import constexpr

from mindaam.kernels.broadcasting import spread
from mindaam.kernels.device import cpu_form

_add_bias = ops.BiasAdd()
_times = ops.BatchMatMul()


@constexpr
def _constant(value, count):
    return ms.Tensor(np.full(count, value, np.float32))


def _standardized(rows, eps):
    """Rows [R,D] -> (rows of zero mean and unit variance [R,D], means [R], variances [R])."""
    count, width = rows.shape
    # the kernel updates its running statistics in place: no other operator may share that constant
    ones, zeros, overwritten = _constant(1.0, count), _constant(0.0, count), _constant(0.5, count)
    batch_norm = ops.BatchNorm(is_training=True, epsilon=eps)
    normal, _, _, means, variances = batch_norm(
        rows.reshape((1, count, width, 1)), ones, zeros, overwritten, overwritten
    )
    return normal.reshape(rows.shape), means, variances


def _of_rows(values, shape):
    """One value per row, [R], repeated along the rows of `shape` [R,D]."""
    return spread(values.reshape((-1, 1)), shape)


def _sum_of_rows(rows):
    """[R,D] -> [D], as a product with ones: a CPU reduces the first axis slowly."""
    return _times(ops.ones((1, 1, rows.shape[0]), rows.dtype), rows.expand_dims(0)).reshape((-1,))


class _LayerNormOfRows(nn.Cell):
    """Layer normalization of rows [R,D] with an explicit gradient; returned second and third: what it needs for it."""

    def construct(self, rows, gamma, beta, eps):
        """Rows [R,D], gamma, beta [D] -> (result [R,D], rows of zero mean and unit variance [R,D], variances [R])."""
        normal, _, variances = _standardized(rows, eps)
        return _add_bias(normal * spread(gamma, rows.shape), beta), normal, variances

    def bprop(self, rows, gamma, beta, eps, out, dout):
        """Gradients for rows, gamma and beta; dx = (dn - mean(dn) - n mean(n dn)) / deviation with dn = gamma dy."""
        _, normal, variances = out
        d_result = dout[0]
        d_normal = d_result * spread(gamma, rows.shape)
        along = spread((d_normal * normal).mean(-1, keep_dims=True), rows.shape)
        d_centered = d_normal - spread(d_normal.mean(-1, keep_dims=True), rows.shape) - normal * along
        d_rows = d_centered * _of_rows(1.0 / ops.sqrt(variances + eps), rows.shape)
        return d_rows, _sum_of_rows(d_result * normal), _sum_of_rows(d_result), 0.0


_layer_norm_of_rows = _LayerNormOfRows()


def layer_norm(x, gamma, beta, eps):
    """Zero mean and unit variance over the last axis, then scale and shift: x [...,D], gamma, beta [D] -> [...,D].

    float32, exact to its round-off: 1e-6, and what a mean of m among deviations of s costs, 2.4e-7 |m| / s.
    """
    if not cpu_form():
        return ops.LayerNorm(-1, -1, eps)(x, gamma, beta)[0]
    return _layer_norm_of_rows(x.reshape((-1, x.shape[-1])), gamma, beta, eps)[0].reshape(x.shape)


def standardized(x, eps):
    """`layer_norm` without scale and shift, [...,D] -> [...,D]; not trained."""
    if not cpu_form():
        return layer_norm(x, ops.ones(x.shape[-1:], x.dtype), ops.zeros(x.shape[-1:], x.dtype), eps)
    return _standardized(x.reshape((-1, x.shape[-1])), eps)[0].reshape(x.shape)


class LayerNorm(nn.Cell):
    """`layer_norm` with a learned scale and shift per channel."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gamma = Parameter(initializer("ones", (channels,), ms.float32), name="gamma")
        self.beta = Parameter(initializer("zeros", (channels,), ms.float32), name="beta")

    def construct(self, x):
        """[...,D] -> [...,D]."""
        return layer_norm(x, self.gamma, self.beta, self.eps)


class _GroupNormOfRows(nn.Cell):
    """Group normalization of channels as rows [BC,N], with an explicit gradient, which needs the last two results."""

    def construct(self, rows, gamma, beta, groups, eps):
        """Rows [BC,N], gamma, beta [C] -> (result [BC,N], its groups normalized [BC,N], variances [B groups])."""
        count, width = rows.shape
        batch = count // gamma.shape[0]
        normal, means, variances = _standardized(rows.reshape((batch * groups, -1)), eps)
        # a second batch normalization, with the groups' statistics, is all the arithmetic in one operator
        scaled = ops.BatchNorm(is_training=False, epsilon=eps)(
            rows.reshape((1, count, width, 1)),
            _per_image(gamma, batch),
            _per_image(beta, batch),
            _per_channel(means, count),
            _per_channel(variances, count),
        )[0]
        return scaled.reshape(rows.shape), normal.reshape(rows.shape), variances

    def bprop(self, rows, gamma, beta, groups, eps, out, dout):
        """Gradients for rows, gamma and beta, from two sums over each channel."""
        _, normal, variances = out
        d_result = dout[0]
        (count, width), channels = rows.shape, gamma.shape[0]
        along, total = (d_result * normal).mean(-1), d_result.mean(-1)  # over each channel, [BC]
        d_gamma, d_beta = (_sum_of_rows(each.reshape((-1, channels))) * width for each in (along, total))
        scale = _per_image(gamma, count // channels)
        inverse = _per_channel(1.0 / ops.sqrt(variances + eps), count)
        shape = (variances.shape[0], count // variances.shape[0])
        along, total = (_per_channel((scale * each).reshape(shape).mean(-1), count) for each in (along, total))
        d_rows = d_result * _of_rows(scale * inverse, rows.shape) - normal * _of_rows(along * inverse, rows.shape)
        return d_rows - _of_rows(total * inverse, rows.shape), d_gamma, d_beta, 0, 0.0


def _per_image(values, batch):
    """One value per channel, [C], repeated for each image: [BC]."""
    return ops.broadcast_to(values.reshape((1, -1)), (batch, values.shape[0])).reshape((-1,))


def _per_channel(values, count):
    """One value per group, [B groups], repeated for each of its channels: [BC] with `count` = BC."""
    groups = values.shape[0]
    return ops.broadcast_to(values.reshape((-1, 1)), (groups, count // groups)).reshape((-1,))


_group_norm_of_rows = _GroupNormOfRows()


class GroupNorm(nn.Cell):
    """Zero mean and unit variance of each group of channels in each image, then a scale and shift per channel."""

    def __init__(self, groups, channels, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.gamma = Parameter(initializer("ones", (channels,), ms.float32), name="gamma")
        self.beta = Parameter(initializer("zeros", (channels,), ms.float32), name="beta")

    def construct(self, feature):
        """[B,C,H,W] -> [B,C,H,W]."""
        if not cpu_form():
            return ops.group_norm(feature, self.groups, self.gamma, self.beta, self.eps)
        batch, channels, height, width = feature.shape
        rows = feature.reshape((batch * channels, height * width))
        return _group_norm_of_rows(rows, self.gamma, self.beta, self.groups, self.eps)[0].reshape(feature.shape)
