"""Rotary positions: pairs of channels are turned, one angle each per token, always in float32."""

import mindspore as ms
from mindspore import ops

from mindaam.kernels.device import ascend_kernels

# As MindFormers 1.9 calls it. The function `ops.rotary_position_embedding`, which does the same, is deprecated.
_rotary = ops.auto_generate.RotaryPositionEmbedding()


def rotate(x, cos, sin, axis=-1):
    """Turns the channel pairs (c, c + d/2) of x [...,N,d]; the type of x.

    cos, sin: [N,d] float32, or of x's shape; the first half of `sin` carries the minus sign, so that nothing is
    negated. axis: that of the channels; -2 where tokens are columns, in the tables too.
    """
    low, high = ops.split(x, x.shape[axis] // 2, axis)
    return (x * cos + ops.concat((high, low), axis) * sin).astype(x.dtype)


def rotate_rows(x, cos, sin):
    """`rotate` of tokens as rows, x [B,N,heads,d]; tables [N,d] float32.

    Ascend has one kernel for it; there `sin` has no sign of its own, which is taken out again once for all layers.
    """
    count, width = cos.shape
    cos, sin = cos.reshape((1, count, 1, width)), sin.reshape((1, count, 1, width))
    if not ascend_kernels():
        return rotate(x, cos, sin)
    low, high = ops.split(sin, width // 2, -1)
    return _rotary(x.astype(ms.float32), cos, ops.concat((-low, high), -1), 0).astype(x.dtype)
