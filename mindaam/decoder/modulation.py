"""Small Cells by which a prompt, or its point in hyperbolic space, modulates feature maps."""

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from mindaam.decoder.folding import per_channel
from mindaam.decoder.lorentz_maps import curvature_of, lorentz_map
from mindaam.decoder.operations import pairwise_distance
from mindaam.decoder.variant import PAPER
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.elementwise import gelu, softplus
from mindaam.kernels.normalization import LayerNorm
from mindaam.kernels.products import Dense
from mindaam.kernels.reductions import image_mean


def times(feature, factors):
    """feature [B,C,H,W] times factors per channel, position or image, [B,C,1,1], [B,1,H,W] or [B,1,1,1]."""
    return feature * (factors if factors.size == 1 else spread(factors, feature.shape))


class SentenceFiLM(nn.Cell):
    """Feature-wise modulation u(1 + gamma) + beta, [gamma, beta] = W SiLU(prompt)."""

    def __init__(self, text_width, channels):
        super().__init__()
        self.to_modulation = Dense(text_width, 2 * channels)
        self.split = ops.Split(axis=1, output_num=2)

    def terms(self, prompt):
        """Prompt [B,E] -> 1 + gamma, beta [B,C]."""
        gamma, beta = self.split(self.to_modulation(ops.silu(prompt)))
        return 1 + gamma, beta

    def construct(self, feature, prompt):
        """feature [B,C,H,W], prompt [B,E] -> [B,C,H,W]."""
        gain, beta = self.terms(prompt)
        return times(feature, per_channel(gain)) + spread(per_channel(beta), feature.shape)


class SqueezeExcitation(nn.Cell):
    """Channel weights sigmoid(W2 relu(W1 mean(x))) from the image's mean."""

    def __init__(self, channels, hidden=8):
        super().__init__()
        self.reduce = Dense(channels, hidden, has_bias=False)
        self.expand = Dense(hidden, channels, has_bias=False)

    def weights(self, mean):
        """The image's mean [B,C] -> weights [B,C]."""
        return ops.sigmoid(self.expand(ops.relu(self.reduce(mean))))

    def construct(self, feature):
        """[B,C,H,W] -> [B,C,H,W]."""
        return times(feature, per_channel(self.weights(image_mean(feature))))


class DepthGate(nn.Cell):
    """Gate from the depth of the condition, 0.5 tanh(sigmoid(MLP(r))), in (0, 0.381)."""

    def __init__(self, channels, hidden=64):
        super().__init__()
        self.rise = Dense(1, hidden)
        self.spread = Dense(hidden, channels)

    def construct(self, depth):
        """Depth [B,1] -> [B,C,1,1]."""
        return per_channel(0.5 * ops.tanh(ops.sigmoid(self.spread(ops.silu(self.rise(depth))))))


class ScaleGate(nn.Cell):
    """Weights of the scale operators: a text-predicted base times (1 + softmax(-d_L(z_t, z_s))), equation 11."""

    def __init__(self, text_width, point_width, scales=3, hidden=128, variant=PAPER):
        super().__init__()
        self.distances = pairwise_distance(variant)
        self.norm = LayerNorm(text_width)
        self.hide = Dense(text_width, hidden)
        self.predict = Dense(hidden, scales)
        anchors = np.random.default_rng(scales).standard_normal((scales, point_width)).astype(np.float32)
        self.anchors = Parameter(Tensor(anchors), name="anchors")
        self.map = lorentz_map(point_width, variant)

    def anchor_weights(self, point, curvature):
        """Softmax over the scales of the negative distance from the condition to each anchor, [B,S]."""
        curvature = curvature_of(self.map, curvature)
        anchors = self.map(self.anchors, curvature)
        return ops.softmax(-self.distances(point, anchors, curvature), -1)

    def tangents(self):
        """The anchors' tangent vectors [S,n], for `weights_of_all`."""
        return self.map.scaled(self.anchors)

    def weights_of_all(self, tangents, point, curvatures):
        """`anchor_weights` of G gates, by a fourth of the operators: G tensors [S,n], the condition [B,n], G curvatures
        -> G tensors [B,S]."""
        curvature = curvatures[0]
        if self.map.owns_curvature:  # one for each anchor, [G S,1]
            curvature = ops.broadcast_to(ops.stack(curvatures).reshape(-1, 1), (len(tangents), tangents[0].shape[0]))
            curvature = curvature.reshape(-1, 1)
        anchors = self.map.placed(ops.concat(tangents, 0), curvature)
        distances = self.distances(point, anchors, curvature)
        return ops.unstack(ops.softmax(-distances.reshape((distances.shape[0], len(tangents), -1)), -1), 1)

    def construct(self, prompt, point, curvature, near=None):
        """Prompt [B,E], condition point [B,n] or None -> weights [B,S], positive. near: the `anchor_weights`, if they
        are there already."""
        base = softplus(self.predict(gelu(self.hide(self.norm(prompt)))))
        if point is None:
            return base
        return base * (1 + (self.anchor_weights(point, curvature) if near is None else near))
