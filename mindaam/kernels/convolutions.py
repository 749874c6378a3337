"""Convolutions of the encoders and the decoder, of maps [B,C,H,W]."""

from mindspore import nn


class Pointwise(nn.Conv2d):
    """1x1 convolution: the same matrix at each position."""

    def __init__(self, channels_in, channels_out, has_bias=True, **initial):
        super().__init__(channels_in, channels_out, 1, has_bias=has_bias, **initial)


class Depthwise(nn.Conv2d):
    """3x3 convolution of each channel by itself, without a bias; the map keeps its size."""

    def __init__(self, channels, dilation=1):
        super().__init__(channels, channels, 3, pad_mode="pad", padding=dilation, dilation=dilation, group=channels)


class Convolution(nn.Conv2d):
    """Convolution by a square of `side` x `side`, at every stride-th position of a map padded with zeros."""

    def __init__(self, channels_in, channels_out, side, stride=1, *, padding, has_bias):
        super().__init__(channels_in, channels_out, side, stride, pad_mode="pad", padding=padding, has_bias=has_bias)


class UpConvolution(nn.Conv2dTranspose):
    """Transposed 2x2 convolution of stride 2, [B,C_in,h,w] -> [B,C_out,2h,2w]: each position becomes a 2x2 square."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 2, stride=2, pad_mode="valid", has_bias=True)


def patches(images, side):
    """Images [B,C,H,W] cut into squares, row by row: [B, (H/side)(W/side), C side^2].

    A convolution whose stride is its kernel is a product with these; MindSpore's convolution is far slower on a CPU.
    """
    batch, channels, height, width = images.shape
    rows, columns = height // side, width // side
    split = images.reshape((batch, channels, rows, side, columns, side)).transpose((0, 2, 4, 1, 3, 5))
    return split.reshape((batch, rows * columns, channels * side * side))
