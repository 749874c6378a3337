"""Operators that act on each entry by itself."""

import math

import mindspore as ms
from mindspore import mint, nn, ops

from mindaam.kernels.device import ascend_kernels, cpu_form

FEW = 4096  # numbers, below which one slow operator is cheaper than several quick ones
LINEAR = 15.0  # from here on softplus(x) equals x in float32


def softplus(x):
    """log(1 + e^x), the shape of x, float32.

    MindSpore's CPU kernel computes the last entries of each thread's block with another exponential than the rest, and
    selects the number of blocks at run time: the last digit for the same x varies, and a resumed run takes another
    path. This form is deterministic and as exact. Ascend has one kernel for it (`ops.softplus` is six operators).
    """
    if ascend_kernels():
        return mint.nn.functional.softplus(x)
    # compared in this order, so that NaN stays NaN: a kernel may clamp it to the limit
    return ops.select(x <= LINEAR, ops.log1p(ops.exp(ops.clamp(x, max=LINEAR))), x)


def sinh(x):
    """sinh of x >= 0, any shape, to 1e-6 of its value below 1 and 5e-6 up to 11, where the exponential is not better.

    MindSpore's own sinh and asinh are scalar loops on a CPU, ten times slower; of few numbers one operator is cheaper.
    Its expm1 and log1p lose the digits of small numbers, so what a rounded sum lost is added again.
    """
    if x.size < FEW or not cpu_form():
        return ops.sinh(x)
    power = ops.exp(x)
    grown = (power - 1.0) + power * (x - ops.log(power))
    return 0.5 * (grown + grown / (grown + 1.0))


def asinh(x):
    """asinh of x >= 0, any shape, to 1e-6 of its value."""
    if x.size < FEW or not cpu_form():
        return ops.asinh(x)
    grown = x + x * x / (1.0 + ops.sqrt(1.0 + x * x))
    total = 1.0 + grown
    return ops.log(total) + (grown - (total - 1.0)) / total


def minimum(a, b):
    """min(a, b), entry by entry; the backward pass of MindSpore's own minimum is ten times slower on a CPU."""
    return a - ops.relu(a - b)


# log(Phi(x) / Phi(-x)) = x P: the log-odds of the normal distribution function, so that Phi(x) = sigmoid(x P).
# P = c0 + c1 s - c2 tanh(c3 s) with s = sqrt(x^2 + c4); the constants are a minimax fit of x Phi(x), to 6.8e-7.
_LOG_ODDS = (1.45336764, 0.455722487, 0.802683269, 0.476085074, 1.57589511)
_LOG_DENSITY_AT_0 = -0.5 * math.log(2.0 * math.pi)
_TINY = 1e-30


class ExactGelu(nn.Cell):
    """GELU by the normal distribution function, x Phi(x), to 1.2e-6, with its exact derivative Phi(x) + x phi(x).

    The error function is the slowest elementwise kernel of a ViT on a CPU; twelve cheap operators cost a third of it.
    The gradient is explicit, because automatic differentiation keeps the results of all those steps.
    """

    def construct(self, x):
        """Any shape, float32, to the same shape."""
        c0, c1, c2, c3, c4 = _LOG_ODDS
        s = ops.sqrt(x * x + c4)
        return x * ops.sigmoid(x * (s * c1 - ops.tanh(s * c3) * c2 + c0))

    def bprop(self, x, out, dout):
        """Gradient from input and output: Phi is their quotient, which loses no digits, for either sign of x."""
        square = x * x
        phi = 0.5 + x * (out - 0.5 * x) / (square + _TINY)  # 1/2 at zero
        return (dout * (phi + x * ops.exp(square * -0.5 + _LOG_DENSITY_AT_0)),)


_exact_gelu = ExactGelu()


def gelu(x):
    """GELU by the normal distribution function; the shape of x. float32, by `ExactGelu`; Ascend has one kernel for it,
    which returns the type of x."""
    if ascend_kernels():
        return mint.nn.functional.gelu(x)
    # cast here: within `ExactGelu`, whose gradient is written by hand, the gradient would not be cast back
    return _exact_gelu(x.astype(ms.float32))
