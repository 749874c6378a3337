"""A 3x3 convolution of each channel by itself as products with banded matrices, for CPUs with AVX-512.

A row of a map times a matrix with three diagonals is its convolution by three weights; three of those, a row up, in
place and a row down, are the 3x3 convolution. Wide maps are cut into strips of columns, because a band of a wide matrix
is mostly zeros; strips overlap by what a convolution reaches, a map of one strip needs no zeros beside it.
"""

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops import constexpr

from mindaam.kernels.device import has_avx512

WHOLE = 64  # columns up to which a map is one strip: the copies for strips cost more than products with zeros
STRIP = 32  # columns of each strip of a wider map


@constexpr
def strips_in(width, dilation):
    """How many strips a row of `width` columns is cut into, the columns of each, and how many more it reads on either
    side; the last strip may reach beyond the row."""
    if width <= WHOLE:
        return 1, width, 0
    count = -(-width // STRIP)
    return count, -(-width // count), dilation


@constexpr
def diagonals(side, dilation, margin, flipped):
    """[9, 3 (side + 2 margin) side]: for each of the 9 weights its ones in the three matrices, one below the other.

    Matrix i takes the side + 2 margin columns of a strip to the `side` convolved ones, by the weights 3i to 3i + 2.
    flipped: the weights in reverse order, for the gradient.
    """
    ones = np.zeros((3, 3, 3, side + 2 * dilation, side), np.float32)
    to = np.arange(side)
    for row in range(3):
        for column in range(3):
            ones[row, column, row, to + column * dilation, to] = 1
    ones = ones[..., dilation - margin : dilation + side + margin, :].reshape(9, -1)
    return Tensor(np.ascontiguousarray(ones[::-1] if flipped else ones))


def moved_down(maps, rows):
    """maps [N,h,w] moved down by `rows`, zeros moved in."""
    count, height, width = maps.shape
    if rows >= height:
        return ops.zeros_like(maps)
    kept = ops.slice(maps, (0, 0, 0), (count, height - rows, width))
    return ops.concat((ops.zeros((count, rows, width), maps.dtype), kept), 1)


def moved_up(maps, rows):
    """maps [N,h,w] moved up by `rows`, zeros moved in."""
    count, height, width = maps.shape
    if rows >= height:
        return ops.zeros_like(maps)
    kept = ops.slice(maps, (0, rows, 0), (count, height - rows, width))
    return ops.concat((kept, ops.zeros((count, rows, width), maps.dtype)), 1)


class Banded(nn.Cell):
    """3x3 convolution of each channel by itself, the map keeping its size, with an explicit gradient.

    Without AVX-512 MindSpore's own operator is the quickest forward, but its gradient is several times slower than this
    one.
    """

    def __init__(self, channels, dilation):
        super().__init__()
        self.dilation = dilation
        self.plain = ops.Conv2D(channels, 3, pad_mode="pad", pad=dilation, dilation=dilation, group=channels)
        self.spread, self.gather = ops.MatMul(), ops.MatMul(transpose_b=True)
        self.times, self.transposed_times = ops.BatchMatMul(), ops.BatchMatMul(transpose_a=True)
        self.unstack = ops.Unstack(axis=1, num=3)

    def strips(self, x):
        """[B,C,h,w] -> [C, count * B * h, side + 2 margin], zeros beyond the borders."""
        batch, channels, height, width = x.shape
        count, side, margin = strips_in(width, self.dilation)
        rows = x.reshape((channels, height, width)) if batch == 1 else x.swapaxes(0, 1)
        rows = rows.reshape((channels, batch * height, width))
        if count == 1:
            return rows
        left = ops.zeros((channels, batch * height, margin), x.dtype)
        right = ops.zeros((channels, batch * height, margin + count * side - width), x.dtype)
        rows = ops.concat((left, rows, right), 2)
        size = (channels, batch * height, side + 2 * margin)
        return ops.concat([ops.slice(rows, (0, 0, i * side), size) for i in range(count)], 1)

    def joined(self, strips, shape):
        """Convolved strips [C, count * B * h, side] -> [B,C,h,w]."""
        batch, channels, height, width = shape
        count, side, _ = strips_in(width, self.dilation)
        if batch * count == 1:
            return strips.reshape(shape)
        apart = strips.reshape((channels, count, batch, height, side)).transpose((2, 0, 3, 1, 4))
        joined = apart.reshape((batch, channels, height, count * side))
        return joined if count * side == width else ops.slice(joined, (0, 0, 0, 0), shape)

    def convolve(self, strips, weight, shape, flipped):
        """strips by the weights [C,1,3,3] -> [B,C,h,w] of `shape`."""
        channels, many, wide = strips.shape
        _, side, margin = strips_in(shape[3], self.dilation)
        ones = diagonals(side, self.dilation, margin, flipped)
        matrices = self.spread(weight.reshape((channels, 9)), ones).reshape((channels, 3, wide, side))
        above, here, below = self.unstack(matrices)
        apart = (channels * many // shape[2], shape[2], side)
        down = moved_down(self.times(strips, above).reshape(apart), self.dilation)
        up = moved_up(self.times(strips, below).reshape(apart), self.dilation)
        return self.joined(self.times(strips, here) + (down + up).reshape((channels, many, side)), shape)

    def construct(self, x, weight):
        """x [B,C,h,w], weight [C,1,3,3] -> [B,C,h,w]."""
        return self.convolve(self.strips(x), weight, x.shape, False) if has_avx512() else self.plain(x, weight)

    def bprop(self, x, weight, out, dout):
        """Gradients for x and the weight; the first is a convolution by the flipped weights."""
        strips, d_strips = self.strips(x), self.strips(dout)
        channels, many, wide = strips.shape
        _, side, margin = strips_in(x.shape[3], self.dilation)
        d_inner = ops.slice(d_strips, (0, 0, margin), (channels, many, side)) if margin else d_strips
        apart = strips.reshape((channels * many // x.shape[2], x.shape[2], wide))
        down = moved_down(apart, self.dilation).reshape(strips.shape)
        up = moved_up(apart, self.dilation).reshape(strips.shape)
        d_matrices = ops.stack([self.transposed_times(each, d_inner) for each in (down, strips, up)], 1)
        d_matrices = d_matrices.reshape((channels, -1))
        d_weight = self.gather(d_matrices, diagonals(side, self.dilation, margin, False)).reshape(weight.shape)
        return self.convolve(d_strips, weight, x.shape, True), d_weight
