"""Building blocks of the transformer encoders."""

import mindspore as ms
from mindspore import nn, ops
from mindspore.common.initializer import TruncatedNormal, initializer

from mindaam.encoders.rotary import rotate
from mindaam.kernels.attention import AttentionCore
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.convolutions import patches
from mindaam.kernels.elementwise import ExactGelu


def dense(width_in, width_out):
    """An nn.Dense with the transformer's usual initial values: truncated normal of 0.02 and a zero bias."""
    weight = initializer(TruncatedNormal(0.02), (width_out, width_in), ms.float32)
    return nn.Dense(width_in, width_out, weight_init=weight, bias_init="zeros")


class PatchEmbed(nn.Cell):
    """Non-overlapping patches to tokens, [B,3,H,W] to [B,N,D], row by row."""

    def __init__(self, patch, width):
        super().__init__()
        self.patch = patch
        self.proj = dense(3 * patch * patch, width)

    def construct(self, images):
        """[B,3,H,W] to [B,(H/patch)(W/patch),D]."""
        return self.proj(patches(images, self.patch))


class Attention(nn.Cell):
    """Multi-head self-attention over all tokens, [B,N,D] to [B,N,D]."""

    def __init__(self, width, heads):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.head_width = heads, width // heads
        self.scale = self.head_width**-0.5
        self.qkv = dense(width, 3 * width)
        self.proj = dense(width, width)
        self.core = AttentionCore()

    def construct(self, x, cos=None, sin=None):
        """[B,N,D] to [B,N,D]; queries and keys are turned by the tables of `rotate` [N,D/heads] when they are given."""
        batch, count, width = x.shape
        qkv = self.qkv(x).reshape((batch, count, 3, self.heads, self.head_width)).transpose((2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 0)  # indexing qkv[0] costs twenty times more in a graph
        # q is scaled rather than the scores: N x head_width numbers instead of N x N
        q = q * self.scale
        if cos is not None:
            cos, sin = spread(cos, q.shape), spread(sin, q.shape)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed, _ = self.core(q, k, v)
        return self.proj(mixed.transpose((0, 2, 1, 3)).reshape((batch, count, width)))


class Mlp(nn.Cell):
    """Two dense layers with the exact GELU between, [B,N,D] to [B,N,D]."""

    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = dense(width, hidden)
        self.act = ExactGelu()
        self.fc2 = dense(hidden, width)

    def construct(self, x):
        """[B,N,D] to [B,N,D]."""
        # cast here: within the activation, whose gradient is written by hand, the gradient would not be cast back
        return self.fc2(self.act(self.fc1(x).astype(ms.float32)))


class SwiGlu(nn.Cell):
    """Gated perceptron (Shazeer 2020), w3(silu(w1 x) * w2 x), [B,N,D] to [B,N,D]; `hidden` is the gate's width."""

    def __init__(self, width, hidden):
        super().__init__()
        self.w1 = dense(width, hidden)
        self.w2 = dense(width, hidden)
        self.w3 = dense(hidden, width)

    def construct(self, x):
        """[B,N,D] to [B,N,D]."""
        gate = self.w1(x)
        return self.w3(gate * ops.sigmoid(gate) * self.w2(x))


class LayerScale(nn.Cell):
    """A learned factor per channel on a residual branch."""

    def __init__(self, width, initial):
        super().__init__()
        self.gamma = ms.Parameter(initializer(initial, (width,), ms.float32), name="gamma")

    def construct(self, x):
        """[...,D] to [...,D]."""
        return x * spread(self.gamma, x.shape)


class Block(nn.Cell):
    """Pre-norm transformer block: x + ls1 attn(norm1 x), then x + ls2 mlp(norm2 x)."""

    def __init__(self, width, heads, *, hidden, eps, layer_scale, swiglu=False):
        super().__init__()
        self.norm1 = nn.LayerNorm((width,), epsilon=eps)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width, layer_scale)
        self.norm2 = nn.LayerNorm((width,), epsilon=eps)
        self.mlp = SwiGlu(width, hidden) if swiglu else Mlp(width, hidden)
        self.ls2 = LayerScale(width, layer_scale)

    def construct(self, x, cos=None, sin=None):
        """[B,N,D] to [B,N,D]; cos, sin: the attention's rotary tables, if it has any."""
        x = x + self.ls1(self.attn(self.norm1(x), cos, sin))
        return x + self.ls2(self.mlp(self.norm2(x)))
