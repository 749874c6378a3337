"""Products of attention. Attention is written out: MindSpore has no fused attention kernel on a CPU."""

from mindspore import nn, ops

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
        # d_mixed v^T - total as one product with one channel more: a broadcast subtraction over N x N is slow
        ones = ops.ones(v.shape[:-1] + (1,), v.dtype)  # one for each key, of which there may be more than queries
        d_weights = times_transposed(ops.concat((d_mixed, total), -1), ops.concat((v, -ones), -1))
        d_scores = weights * d_weights
        return _times(d_scores, k), _transposed_times(d_scores, q), _transposed_times(weights, d_mixed)


def attend_columns(q, k, v):
    """v softmax(q^T k)^T: q, k, v [B,heads,d,N], tokens as columns, q already scaled -> [B,heads,d,N]; not trained.

    A dense layer can compute q, k and v in this form, head by head, and nothing is transposed.
    """
    return times_transposed(v, ops.softmax(_transposed_times(q, k), -1))
