"""Products with weights."""

from mindspore import ops

_times_weight = ops.MatMul(transpose_b=True)
_add_bias = ops.BiasAdd()  # after a MatMul, a CPU adds the bias within the product


def dense(x, weight, bias):
    """x W^T + b over the last axis: x [...,in], weight [out,in], bias [out] -> [...,out]."""
    rows = _times_weight(x.reshape((-1, x.shape[-1])), weight)
    return _add_bias(rows, bias).reshape(x.shape[:-1] + (weight.shape[0],))
