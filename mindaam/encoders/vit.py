"""Building blocks of the transformer encoders."""

import mindspore as ms
from mindspore import nn, ops
from mindspore.common.initializer import TruncatedNormal, initializer

from mindaam.encoders.lora import LoRADense
from mindaam.kernels.attention import AttentionCore, attend_columns, attention
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.convolutions import patch_tokens, patches
from mindaam.kernels.device import cpu_form
from mindaam.kernels.elementwise import gelu
from mindaam.kernels.normalization import LayerNorm, layer_norm, standardized
from mindaam.kernels.products import dense as dense_rows
from mindaam.kernels.products import dense_of_columns, dense_to_columns
from mindaam.kernels.rotary import rotate, rotate_rows

IN_CACHE = 1 << 19  # float32 numbers that a core keeps at hand: 2 MB


def dense(width_in, width_out):
    """An nn.Dense with the transformer's usual initial values: truncated normal of 0.02 and a zero bias."""
    weight = initializer(TruncatedNormal(0.02), (width_out, width_in), ms.float32)
    return nn.Dense(width_in, width_out, weight_init=weight, bias_init="zeros")


def with_prefix(tokens, prefix):
    """Tokens [B,N,D] behind those that are no patches, a tuple of [1,n,D]: [B,sum of n + N,D] of their type."""
    rows = ()
    for each in prefix:
        rows = rows + (ops.broadcast_to(each, (tokens.shape[0],) + each.shape[1:]),)
    return ops.concat(rows + (tokens.astype(prefix[0].dtype),), 1)


def without_prefix(tokens, prefix):
    """Tokens [B,prefix+N,D] without the first `prefix`: [B,N,D]."""
    _, rest = ops.split(tokens, (prefix, tokens.shape[1] - prefix), 1)
    return rest


class PatchEmbed(nn.Cell):
    """Non-overlapping patches to tokens, [B,3,H,W] to [B,N,D], row by row."""

    def __init__(self, patch, width):
        super().__init__()
        self.patch = patch
        self.proj = dense(3 * patch * patch, width)

    def construct(self, images):
        """[B,3,H,W] to [B,(H/patch)(W/patch),D]."""
        if cpu_form():
            return self.proj(patches(images, self.patch))
        return patch_tokens(images, self.proj.weight, self.proj.bias, self.patch)


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
        """[B,N,D] to [B,N,D]; queries and keys are turned by the tables of `rotate` [N,D/heads] if given."""
        qkv = self.qkv(x)
        return self.proj(self.mixed(qkv, cos, sin) if cpu_form() else mixed_rows(qkv, self.heads, cos, sin))

    def mixed(self, qkv, cos, sin):
        """`mixed_rows` in the form of a CPU: queries, keys and values are taken apart by one transposition."""
        batch, count, width = qkv.shape
        qkv = qkv.reshape((batch, count, 3, self.heads, self.head_width)).transpose((2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 0)  # indexing qkv[0] costs twenty times more in a graph
        # q is scaled rather than the scores: N x head_width numbers instead of N x N
        q = q * self.scale
        if cos is not None:
            cos, sin = spread(cos, q.shape), spread(sin, q.shape)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed, _ = self.core(q, k, v)
        return mixed.transpose((0, 2, 1, 3)).reshape((batch, count, width // 3))


class Mlp(nn.Cell):
    """Two dense layers with the exact GELU between, [B,N,D] to [B,N,D]."""

    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = dense(width, hidden)
        self.fc2 = dense(hidden, width)

    def construct(self, x):
        """[B,N,D] to [B,N,D]."""
        return self.fc2(gelu(self.fc1(x)))


def gated(gate, x):
    """silu(gate) * x, both of one shape."""
    return gate * ops.sigmoid(gate) * x


class SwiGlu(nn.Cell):
    """Gated perceptron (Shazeer 2020), w3(silu(w1 x) * w2 x), [B,N,D] to [B,N,D]; `hidden` is the gate's width."""

    def __init__(self, width, hidden):
        super().__init__()
        self.w1 = dense(width, hidden)
        self.w2 = dense(width, hidden)
        self.w3 = dense(hidden, width)

    def construct(self, x):
        """[B,N,D] to [B,N,D]."""
        return self.w3(gated(self.w1(x), self.w2(x)))


def scaled(x, gamma):
    """x [...,D] times a factor per channel, gamma [D]."""
    return x * spread(gamma, x.shape)


class LayerScale(nn.Cell):
    """A learned factor per channel on a residual branch."""

    def __init__(self, width, initial):
        super().__init__()
        self.gamma = ms.Parameter(initializer(initial, (width,), ms.float32), name="gamma")

    def construct(self, x):
        """[...,D] to [...,D]."""
        return scaled(x, self.gamma)


class Block(nn.Cell):
    """Pre-norm transformer block: x + ls1 attn(norm1 x), then x + ls2 mlp(norm2 x)."""

    def __init__(self, width, heads, *, hidden, eps, layer_scale, swiglu=False):
        super().__init__()
        self.norm1 = LayerNorm(width, eps)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width, layer_scale)
        self.norm2 = LayerNorm(width, eps)
        self.mlp = SwiGlu(width, hidden) if swiglu else Mlp(width, hidden)
        self.ls2 = LayerScale(width, layer_scale)

    def weights(self):
        """Those of its dense layers as `block` takes them, adapters merged: plain tensors that share its memory."""
        layers = (self.attn.qkv, self.attn.proj, *self.mlp.cells())
        return tuple(array for layer in layers for array in _arrays(layer))

    def channels(self):
        """(gamma, beta, scale) of its two halves as `block` takes them."""
        halves = ((self.norm1, self.ls1), (self.norm2, self.ls2))
        return tuple(each.data for norm, scale in halves for each in (norm.gamma, norm.beta, scale.gamma))

    def construct(self, x, cos=None, sin=None):
        """[B,N,D] to [B,N,D]; cos, sin: the attention's rotary tables, if it has any."""
        x = x + self.ls1(self.attn(self.norm1(x), cos, sin))
        return x + self.ls2(self.mlp(self.norm2(x)))


def folded(channels, weights):
    """A block's weights with its channels folded into them, all NumPy: what a norm multiplies and adds into the layers
    that follow, a layer scale into the one before. `block` takes them without channels, and computes the same to
    round-off."""
    gamma1, beta1, scale1, gamma2, beta2, scale2 = channels
    w_qkv, b_qkv, w_proj, b_proj, *entering, w_out, b_out = weights
    arrays = [*_entered(w_qkv, b_qkv, gamma1, beta1), w_proj * scale1[:, None], b_proj * scale1]
    for i in range(0, len(entering), 2):
        arrays += _entered(entering[i], entering[i + 1], gamma2, beta2)
    return *arrays, w_out * scale2[:, None], b_out * scale2


def _entered(weight, bias, gamma, beta):
    """W (gamma n + beta) + b = (W gamma) n + (W beta + b)."""
    return weight * gamma, weight @ beta + bias


def _arrays(layer):
    """The arrays of a layer as plain tensors; those of an adapted layer are the merged ones."""
    if isinstance(layer, LoRADense):
        return layer.effective()
    return tuple(parameter.data for parameter in layer.get_parameters())


def mixed_rows(qkv, heads, cos=None, sin=None, scaled=False):
    """Multi-head attention of tokens that are rows: queries, keys and values [B,N,3D] to mixed values [B,N,D].

    cos, sin: tables [N,D/heads] by which queries and keys are turned, if given; scaled: as in `attention`. With a fused
    kernel nothing is transposed.
    """
    batch, count, width = qkv.shape
    q, k, v = ops.split(qkv.reshape((batch, count, 3 * heads, width // (3 * heads))), heads, 2)
    if cos is not None:
        q, k = rotate_rows(q, cos, sin), rotate_rows(k, cos, sin)
    return attention(q, k, v, scaled).reshape((batch, count, width // 3))


def mixed_columns(qkv, heads, together, tables=()):
    """Multi-head attention of tokens that are columns: queries, keys and values [3D,N] to mixed values [D,N].

    together: how many heads are computed at once, a divisor of `heads`; the results are the same.
    tables: (cos, sin) as `RopeEmbed.columns` returns them, by which queries and keys are turned and scaled; or ().
    """
    width, count = qkv.shape
    head_width, groups, results = width // (3 * heads), heads // together, ()
    qkv = qkv.reshape((1, 3 * heads, head_width, count))
    # indexing an array costs twenty times more in a graph than one split
    if tables:
        turned, values = ops.split(qkv, (2 * heads, heads), 1)
        parts = ops.split(rotate(turned, tables[0], tables[1], -2), together, 1) + ops.split(values, together, 1)
    else:
        parts = ops.split(qkv, together, 1)
    for i in range(groups):
        # q is scaled rather than the scores: N x head_width numbers instead of N x N
        q = parts[i] if tables else parts[i] * head_width**-0.5
        results = results + (attend_columns(q, parts[groups + i], parts[2 * groups + i]),)
    return ops.concat(results, 1).reshape((width // 3, count))


def perceptron(x, weights):
    """`Mlp` or, of six weights, `SwiGlu` with its weights as inputs, on rows [N,D]."""
    if len(weights) == 6:
        gate, value = dense_rows(x, weights[0], weights[1]), dense_rows(x, weights[2], weights[3])
        return dense_rows(gated(gate, value), weights[4], weights[5])
    return dense_rows(gelu(dense_rows(x, weights[0], weights[1])), weights[2], weights[3])


def _normalized(x, channels, eps):
    """The norm of a half of `block`."""
    return layer_norm(x, channels[0], channels[1], eps) if channels else standardized(x, eps)


def _added(x, branch, channels):
    """The end of a half of `block`."""
    return x + (scaled(branch, channels[2]) if channels else branch)


def block(x, tables, channels, weights, heads, eps):
    """`Block` on one image's tokens [N,D] with its weights as inputs, so that one graph serves every block.

    tables: as `mixed_columns` takes them. channels, weights: as `Block` lists them. Within attention tokens are
    columns, so that nothing is transposed; the backward pass is slower so, hence the rows of `Attention`. Two heads are
    computed at once, and a few rows in the perceptron, so that what lies between stays in a core's cache.
    """
    w_qkv, b_qkv, w_proj, b_proj = weights[:4]
    perceptron_weights = weights[4:]
    count, first, second = x.shape[0], channels[:3], channels[3:]
    together, hidden = heads, 0
    if cpu_form():
        together, hidden = 2 - heads % 2, perceptron_weights[0].shape[0]
    columns = mixed_columns(dense_to_columns(_normalized(x, first, eps), w_qkv, b_qkv), heads, together, tables)
    x = _added(x, dense_of_columns(columns, w_proj, b_proj), first)
    slices = 1 + count * hidden // IN_CACHE
    results = ()
    for rows in ops.split(_normalized(x, second, eps), -(-count // slices), 0):
        results = results + (perceptron(rows, perceptron_weights),)
    return _added(x, ops.concat(results, 0), second)
