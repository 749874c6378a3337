"""Convolutions of maps [B,C,H,W]; on a CPU they are matrix products.

With AVX-512, MindSpore's convolution on a CPU is a reference loop, 16-90 times slower than a product; only its 1x1
convolution is a product itself. The other Cells here are written with that one, with shifts of maps, and with
`kernels.banded`. Other devices use MindSpore's own operators. Parameters and their initial values are those of
`nn.Conv2d`.
"""

from mindspore import nn, ops

from mindaam.kernels.banded import Banded
from mindaam.kernels.device import cpu_form


class Product(nn.Cell):
    """A matrix times each position's channels, with an explicit gradient: the automatic one is the reference loop."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.forward, self.back = ops.Conv2D(channels_out, 1), ops.Conv2D(channels_in, 1)
        self.outer = ops.BatchMatMul(transpose_b=True)

    def construct(self, x, matrix):
        """x [B,C_in,h,w], matrix [C_out,C_in,1,1] -> [B,C_out,h,w]."""
        return self.forward(x, matrix)

    def bprop(self, x, matrix, out, dout):
        """Gradients for x and the matrix."""
        batch, channels, height, width = x.shape
        rows = x.reshape((batch, channels, height * width))
        d_matrix = self.outer(dout.reshape((batch, -1, height * width)), rows).sum(0)
        return self.back(dout, matrix.swapaxes(0, 1)), d_matrix.reshape(matrix.shape)


class Pointwise(nn.Conv2d):
    """1x1 convolution: the same matrix at each position."""

    def __init__(self, channels_in, channels_out, has_bias=True, **initial):
        super().__init__(channels_in, channels_out, 1, has_bias=has_bias, **initial)
        self.product = Product(channels_in, channels_out)

    def construct(self, x):
        """[B,C_in,h,w] -> [B,C_out,h,w]."""
        out = self.product(x, self.weight) if cpu_form() else self.conv2d(x, self.weight)
        return self.bias_add(out, self.bias) if self.has_bias else out


class Depthwise(nn.Conv2d):
    """3x3 convolution of each channel by itself, without a bias; the map keeps its size."""

    def __init__(self, channels, dilation=1):
        super().__init__(channels, channels, 3, pad_mode="pad", padding=dilation, dilation=dilation, group=channels)
        self.banded = Banded(channels, dilation)

    def construct(self, x):
        """[B,C,h,w] -> [B,C,h,w]."""
        return self.banded(x, self.weight) if cpu_form() else self.conv2d(x, self.weight)


def surrounded(x, above, below, left, right):
    """x [B,C,h,w] with rows and columns of zeros around it; several times quicker than `ops.pad` on a CPU."""
    batch, channels, height, width = x.shape
    if left + right:
        sides = [ops.zeros((batch, channels, height, columns), x.dtype) for columns in (left, right)]
        x = ops.concat((sides[0], x, sides[1]), 3)
    if above + below:
        ends = [ops.zeros((batch, channels, rows, left + width + right), x.dtype) for rows in (above, below)]
        x = ops.concat((ends[0], x, ends[1]), 2)
    return x


class Convolution(nn.Conv2d):
    """Convolution by a square of `side` x `side`, at every stride-th position of a map with `padding` zeros around it.

    As a product: the map shifted by each of the square's places, one below the other, times the weights. With fewer
    channels out than in, and every position taken, the product comes first and its results are shifted and added.
    """

    def __init__(self, channels_in, channels_out, side, stride=1, *, padding, has_bias):
        super().__init__(channels_in, channels_out, side, stride, pad_mode="pad", padding=padding, has_bias=has_bias)
        self.side, self.step, self.border, self.reach = side, stride, padding, (side - 1) // stride
        self.shift_last = stride == 1 and channels_out < channels_in
        places_in, places_out = (1, side * side) if self.shift_last else (side * side, 1)
        self.product = Product(places_in * channels_in, places_out * channels_out)

    def construct(self, x):
        """[B,C_in,h,w] -> [B,C_out,H,W], H = floor((h + 2 padding - side) / stride) + 1, W likewise."""
        out = self.as_product(x) if cpu_form() else self.conv2d(x, self.weight)
        return self.bias_add(out, self.bias) if self.has_bias else out

    def as_product(self, x):
        """The convolution without its bias."""
        if self.shift_last:
            return self.sum_of_places(self.product(x, self.matrix_of_places().expand_dims(-1).expand_dims(-1)))
        x, (rows, columns, wide) = self.padded(x)
        out = self.shifted_first(x, rows, wide).reshape((x.shape[0], self.out_channels, rows, wide))
        return self.cut(out, columns)

    def padded(self, x):
        """x with zeros around it, so wide that a shift of it is a slice of its rows, which follow each other; and the
        rows, the columns, and the columns with zeros of the result."""
        height, width = x.shape[2:]
        rows, columns = [(length + 2 * self.border - self.side) // self.step + 1 for length in (height, width)]
        tall, wide = rows + self.reach + 1, columns + self.reach  # one row more, for the last shift
        below, right = self.step * tall - self.border - height, self.step * wide - self.border - width
        return surrounded(x, self.border, below, self.border, right), (rows, columns, wide)

    def cut(self, out, columns):
        """out [B,C,rows,wide] without what lies beyond its columns."""
        return ops.slice(out, (0, 0, 0, 0), out.shape[:3] + (columns,)) if self.reach else out

    def shifted_first(self, x, rows, wide):
        """Padded maps -> [B, C_out, rows, wide]; the columns beyond the map's are meaningless."""
        batch, channels, height, _ = x.shape
        side, step = self.side, self.step
        if step > 1:  # each of the step^2 phases of the map becomes a map of its own
            x = x.reshape((batch, channels, height // step, step, wide, step)).transpose((0, 3, 5, 1, 2, 4))
        phases = x.reshape((batch, step * step, channels, -1))
        size = (batch, 1, channels, rows * wide)
        stacked = ()
        for i in range(side):
            for j in range(side):
                begin = (0, i % step * step + j % step, 0, i // step * wide + j // step)
                stacked = stacked + (ops.slice(phases, begin, size),)
        matrix = self.weight.transpose((0, 2, 3, 1)).reshape((self.out_channels, side * side * channels, 1, 1))
        return self.product(ops.concat(stacked, 1).reshape((batch, side * side * channels, rows, wide)), matrix)

    def matrix_of_places(self):
        """The weights as a matrix [side^2 C_out, C_in], place by place of the square."""
        return self.weight.transpose((2, 3, 0, 1)).reshape((self.side * self.side * self.out_channels, -1))

    def sum_of_places(self, places):
        """Each place's product [B, side^2 C_out, h, w] -> their sum [B, C_out, h, w], each shifted to its place."""
        batch, side = places.shape[0], self.side
        places, (rows, columns, wide) = self.padded(places)
        places = places.reshape((batch, side * side, self.out_channels, -1))
        size = (batch, 1, self.out_channels, rows * wide)
        total = ops.slice(places, (0, 0, 0, 0), size)
        for place in range(1, side * side):
            total = total + ops.slice(places, (0, place, 0, place // side * wide + place % side), size)
        return self.cut(total.reshape((batch, self.out_channels, rows, wide)), columns)


class UpConvolution(nn.Conv2dTranspose):
    """Transposed 2x2 convolution of stride 2, [B,C_in,h,w] -> [B,C_out,2h,2w]: each position becomes a 2x2 square."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 2, stride=2, pad_mode="valid", has_bias=True)
        self.product = Product(channels_in, 4 * channels_out)

    def construct(self, x):
        """[B,C_in,h,w] -> [B,C_out,2h,2w]."""
        return self.bias_add(self.squares(x), self.bias) if cpu_form() else super().construct(x)

    def squares(self, x):
        """Each position's square by one product, without the bias."""
        batch, channels, height, width = x.shape
        matrix = self.weight.reshape((channels, -1)).swapaxes(0, 1).reshape((-1, channels, 1, 1))
        apart = self.product(x, matrix).reshape((batch, self.out_channels, 2, 2, height, width))
        return apart.transpose((0, 1, 4, 2, 5, 3)).reshape((batch, self.out_channels, 2 * height, 2 * width))


def patch_tokens(images, weight, bias, side):
    """Images [B,C,H,W] in squares, each through a dense layer, weight [D, C side^2] -> [B, (H/side)(W/side), D]; as a
    convolution whose stride is its kernel, in the type of the images."""
    kernel = weight.astype(images.dtype).reshape((-1, images.shape[1], side, side))
    maps = ops.conv2d(images, kernel, bias.astype(images.dtype), stride=side)
    return maps.reshape(maps.shape[:2] + (-1,)).swapaxes(1, 2)


def patches(images, side):
    """Images [B,C,H,W] cut into squares, row by row: [B, (H/side)(W/side), C side^2].

    A convolution whose stride is its kernel is a product with these; MindSpore's convolution is far slower on a CPU.
    """
    batch, channels, height, width = images.shape
    rows, columns = height // side, width // side
    split = images.reshape((batch, channels, rows, side, columns, side)).transpose((0, 2, 4, 1, 3, 5))
    return split.reshape((batch, rows * columns, channels * side * side))
