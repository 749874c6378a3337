"""A 3x3 convolution of each channel by itself as products with banded matrices, for CPUs with AVX-512.

A matrix with three diagonals times the rows of a map is a convolution along its columns. Three of them side by side,
times the map moved left, in place and moved right, one below the other, are the 3x3 convolution. A map is cut into
strips of rows, because a band of a large matrix is mostly zeros; strips overlap by what a convolution reaches.
"""

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops import constexpr

from mindaam.kernels.broadcasting import spread
from mindaam.kernels.device import has_avx512

MARGIN = 2  # zeros around a map: what the larger dilation reaches; one padding serves both
ROWS = 28  # most rows of a strip


@constexpr
def strips_in(height):
    """How many strips a map is cut into, and the rows of each; the last one may reach beyond the map."""
    count = -(-height // ROWS)
    return count, -(-height // count)


@constexpr
def diagonals(rows, dilation, flipped):
    """[9, rows * 3 (rows + 2 MARGIN)]: for each of the 9 weights its ones in the matrix of a strip.

    The matrix takes rows + 2 MARGIN rows of the map moved left, of the map, and of the map moved right to `rows` rows.
    flipped: the weights in reverse order, for the gradient.
    """
    ones = np.zeros((3, 3, rows, 3, rows + 2 * MARGIN), np.float32)
    to = np.arange(rows)
    for row in range(3):
        for column in range(3):
            ones[row, column, to, column, to + MARGIN + (row - 1) * dilation] = 1
    ones = ones.reshape(9, -1)
    return Tensor(np.ascontiguousarray(ones[::-1] if flipped else ones))


def padded(maps):
    """maps [N,h,w] -> [N, ...], their rows after each other with zeros between, so that a shift is a slice.

    Two zeros follow each row. The first row follows MARGIN rows of zeros and MARGIN zeros.
    """
    number, height, width = maps.shape
    count, rows = strips_in(height)
    wide, below = width + MARGIN, count * rows - height + MARGIN
    apart = ops.concat((maps, ops.zeros((number, height, MARGIN), maps.dtype)), 2).reshape(number, height * wide)
    before = ops.zeros((number, MARGIN * wide + MARGIN), maps.dtype)
    after = ops.zeros((number, below * wide + MARGIN), maps.dtype)
    return ops.concat((before, apart, after), 1)


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
        self.times, self.times_transposed = ops.BatchMatMul(), ops.BatchMatMul(transpose_b=True)

    def strips(self, x):
        """x [B,C,h,w] -> [B * C * count, 3 (rows + 2 MARGIN), w + MARGIN]: of each strip the rows moved left, in place
        and moved right by the dilation."""
        batch, channels, height, width = x.shape
        (count, rows), wide, number = strips_in(height), width + MARGIN, batch * channels
        flat, parts = padded(x.reshape(number, height, width)).expand_dims(1), ()
        size = (number, 1, (rows + 2 * MARGIN) * wide)
        for strip in range(count):
            for shift in (-self.dilation, 0, self.dilation):
                parts = parts + (ops.slice(flat, (0, 0, strip * rows * wide + MARGIN + shift), size),)
        return ops.concat(parts, 1).reshape(number * count, 3 * (rows + 2 * MARGIN), wide)

    def convolve(self, strips, weight, shape, flipped):
        """strips by the weights [C,1,3,3] -> [B,C,h,w] of `shape`."""
        batch, channels, height, width = shape
        count, rows = strips_in(height)
        matrix = self.spread(weight.reshape(channels, 9), diagonals(rows, self.dilation, flipped))
        matrix = spread(matrix.reshape(1, channels, 1, -1), (batch, channels, count, matrix.shape[1]))
        out = self.times(matrix.reshape(batch * channels * count, rows, -1), strips)
        return ops.slice(out.reshape(batch, channels, count * rows, width + MARGIN), (0, 0, 0, 0), shape)

    def construct(self, x, weight):
        """x [B,C,h,w], weight [C,1,3,3] -> [B,C,h,w]."""
        return self.convolve(self.strips(x), weight, x.shape, False) if has_avx512() else self.plain(x, weight)

    def bprop(self, x, weight, out, dout):
        """Gradients for x and the weight; the first is a convolution by the flipped weights."""
        batch, channels, height, width = x.shape
        count, rows = strips_in(height)
        d_rows = ops.concat((dout, ops.zeros((batch, channels, height, MARGIN), x.dtype)), 3)
        below = count * rows - height
        if below:
            d_rows = ops.concat((d_rows, ops.zeros((batch, channels, below, width + MARGIN), x.dtype)), 2)
        d_matrices = self.times_transposed(d_rows.reshape(batch * channels * count, rows, -1), self.strips(x))
        d_matrix = d_matrices.reshape(batch, channels, count, -1).sum((0, 2))
        d_weight = self.gather(d_matrix, diagonals(rows, self.dilation, False)).reshape(weight.shape)
        return self.convolve(self.strips(dout), weight, x.shape, True), d_weight
