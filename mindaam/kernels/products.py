"""Products with weights."""

from mindspore import nn, ops

from mindaam.kernels.device import cpu_form

_times_transposed = ops.MatMul(transpose_b=True)
_transposed_times_transposed = ops.MatMul(transpose_a=True, transpose_b=True)
_add_bias = ops.BiasAdd()  # after a MatMul, a CPU adds the bias within the product
_add_bias_to_rows = ops.BiasAdd(data_format="NCHW")


def dense(x, weight, bias):
    """x W^T + b over the last axis: x [...,in], weight [out,in], bias [out] -> [...,out]."""
    if not cpu_form():
        return ops.dense(x, weight, bias)
    rows = _times_transposed(x.reshape((-1, x.shape[-1])), weight)
    return _add_bias(rows, bias).reshape(x.shape[:-1] + (weight.shape[0],))


def dense_to_columns(x, weight, bias):
    """(x W^T + b)^T: x [N,in], weight [out,in], bias [out] -> [out,N]; the tokens become columns at no cost."""
    columns = _times_transposed(weight, x)
    return _add_bias_to_rows(columns.reshape((1,) + columns.shape), bias).reshape(columns.shape)


def dense_of_columns(x, weight, bias):
    """x^T W^T + b: x [in,N], weight [out,in], bias [out] -> [N,out]."""
    return _add_bias(_transposed_times_transposed(x, weight), bias)


class Dense(nn.Dense):
    """An nn.Dense that is one operator on Ascend."""

    def construct(self, x):
        """[...,in] -> [...,out]."""
        if not cpu_form():
            return ops.dense(x, self.weight, self.bias if self.has_bias else None)
        rows = self.matmul(x.reshape((-1, x.shape[-1])), self.weight)
        rows = self.bias_add(rows, self.bias) if self.has_bias else rows
        return rows.reshape(x.shape[:-1] + (self.out_channels,))
