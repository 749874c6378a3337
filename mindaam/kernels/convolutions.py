"""Convolutions of the encoders and the decoder."""

from mindspore import nn


def pointwise(channels_in, channels_out, has_bias=True, **initial):
    """1x1 convolution."""
    return nn.Conv2d(channels_in, channels_out, 1, has_bias=has_bias, **initial)


def depthwise(channels, dilation=1):
    """3x3 convolution of each channel by itself, without a bias; the map keeps its size."""
    return nn.Conv2d(channels, channels, 3, pad_mode="pad", padding=dilation, dilation=dilation, group=channels)


def patches(images, side):
    """Images [B,C,H,W] cut into squares, row by row: [B, (H/side)(W/side), C side^2].

    A convolution whose stride is its kernel is a product with these; MindSpore's convolution is far slower on a CPU.
    """
    batch, channels, height, width = images.shape
    rows, columns = height // side, width // side
    split = images.reshape((batch, channels, rows, side, columns, side)).transpose((0, 2, 4, 1, 3, 5))
    return split.reshape((batch, rows * columns, channels * side * side))
