"""Layer and group normalization."""

import mindspore as ms
from mindspore import Parameter, nn, ops
from mindspore.common.initializer import initializer

from mindaam.kernels.broadcasting import spread


def layer_norm(x, gamma, beta, eps):
    """Zero mean and unit variance over the last axis, then scale and shift: x [...,D], gamma, beta [D] -> [...,D]."""
    return ops.LayerNorm(-1, -1, eps)(x, gamma, beta)[0]


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


class GroupNorm(nn.Cell):
    """Zero mean and unit variance of each group of channels in each image, then a scale and shift per channel."""

    def __init__(self, groups, channels, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.gamma = Parameter(initializer("ones", (channels,), ms.float32), name="gamma")
        self.beta = Parameter(initializer("zeros", (channels,), ms.float32), name="beta")

    def construct(self, feature):
        """[B,C,H,W] -> [B,C,H,W]."""
        batch, channels, height, width = feature.shape
        rows = feature.reshape(batch, self.groups, channels // self.groups * height * width)
        centered = rows - spread(rows.mean(-1, keep_dims=True), rows.shape)
        deviation = ops.rsqrt((centered * centered).mean(-1, keep_dims=True) + self.eps)
        # the groups' deviation is multiplied into the channels' scale, which saves a pass over the feature
        scale = self.gamma.reshape(1, self.groups, -1) * deviation
        scaled = centered.reshape(feature.shape) * spread(scale.reshape(batch, channels, 1, 1), feature.shape)
        return scaled + spread(self.beta.reshape(1, channels, 1, 1), feature.shape)
