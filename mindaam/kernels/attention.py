"""Attention: written out, or by the fused kernel of Ascend.

The fused kernel, `ops.flash_attention_score`, stores no weights. Its documentation (MindSpore 2.9) asks for float16 or
bfloat16 and a head size that is a multiple of 16; the layout BSH needs no transposition.
"""

import mindspore as ms
from mindspore import nn, ops

from mindaam.kernels.device import ascend_kernels, cpu_form

_times = ops.BatchMatMul()
_transposed_times = ops.BatchMatMul(transpose_a=True)
# a @ b^T over the last two axes in one operator: transposing b first costs several times the product
times_transposed = ops.BatchMatMul(transpose_b=True)


class AttentionCore(nn.Cell):
    """softmax(q k^T) v with an explicit gradient, a quarter faster than the automatic one on a CPU.

    The softmax's gradient needs, for each query, the sum over all keys of weight times gradient. That equals the sum
    over the head's channels of output times gradient: N times fewer numbers to add up.
    """

    def construct(self, q, k, v):
        """q [B,heads,M,d], already scaled; k, v [B,heads,N,d]; returns (mixed values [B,heads,M,d], weights
        [B,heads,M,N])."""
        weights = ops.softmax(times_transposed(q, k), -1)
        return _times(weights, v), weights

    def bprop(self, q, k, v, out, dout):
        """Gradients for q, k, v; the weights are returned for this and take no gradient of their own."""
        mixed, weights = out
        d_mixed = dout[0]
        total = (mixed * d_mixed).sum(-1, keepdims=True)
        if cpu_form():
            # d_mixed v^T - total as one product with one channel more: a broadcast subtraction over N x N is slow
            ones = ops.ones(v.shape[:-1] + (1,), v.dtype)  # one for each key, of which there may be more than queries
            d_weights = times_transposed(ops.concat((d_mixed, total), -1), ops.concat((v, -ones), -1))
        else:
            d_weights = times_transposed(d_mixed, v) - total
        d_scores = weights * d_weights
        return _times(d_scores, k), _transposed_times(d_scores, q), _transposed_times(weights, d_mixed)


_core = AttentionCore()


def attention(q, k, v, scaled=False):
    """softmax(q k^T / sqrt(d)) v, head by head: q [B,M,heads,d], k, v [B,N,heads,d], of one type -> [B,M,heads,d].

    scaled: q is divided by sqrt(d) already.
    """
    heads, width = q.shape[2:]
    scale = 1.0 if scaled else width**-0.5
    if ascend_kernels() and q.dtype != ms.float32 and width % 16 == 0:
        q_rows, kv_rows = q.shape[:2] + (heads * width,), k.shape[:2] + (heads * width,)
        q_bsh, k_bsh, v_bsh = q.reshape(q_rows), k.reshape(kv_rows), v.reshape(kv_rows)
        mixed = ops.flash_attention_score(q_bsh, k_bsh, v_bsh, heads, scalar_value=scale, input_layout="BSH")
        return mixed.reshape(q.shape)
    # q is scaled rather than the scores: M x d numbers instead of M x N
    mixed, _ = _core(_by_head(q if scaled else q * scale), _by_head(k), _by_head(v))
    return _by_head(mixed)


def _by_head(x):
    """[B,N,heads,d] -> [B,heads,N,d], and back."""
    return x.transpose((0, 2, 1, 3))


def attend_columns(q, k, v):
    """v softmax(q^T k)^T: q, k, v [B,heads,d,N], tokens as columns, q already scaled -> [B,heads,d,N]; not trained.

    A dense layer can compute q, k and v in this form, head by head, and nothing is transposed.
    """
    return times_transposed(v, ops.softmax(_transposed_times(q, k), -1))
