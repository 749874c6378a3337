"""Operators that act on each entry by itself."""

import math

from mindspore import nn, ops

FEW = 4096
LINEAR = 15.0  # from here on softplus(x) equals x in float32


def softplus(x):
    """log(1 + e^x), the shape of x, float32.

    MindSpore's CPU kernel computes the last entries of each thread's block with another exponential than the rest, and
    selects the number of blocks at run time: the last digit for the same x varies, and a resumed run takes another
    path. This form is deterministic and as exact.
    """
    # compared in this order, so that NaN stays NaN: a kernel may clamp it to the limit
    return ops.select(x <= LINEAR, ops.log1p(ops.exp(ops.clamp(x, max=LINEAR))), x)


def sinh(x):
    """sinh of x >= 0, any shape, to 5e-6 of its value, which the exponential is off at 11.

    MindSpore's own sinh and asinh are scalar loops on a CPU, ten times slower; of few numbers one operator is cheaper.
    Its expm1 and log1p lose the digits of small numbers, so what a rounded sum lost is added again.
    """
    if x.size < FEW:
        return ops.sinh(x)
    power = ops.exp(x)
    grown = (power - 1.0) + power * (x - ops.log(power))
    return 0.5 * (grown + grown / (grown + 1.0))


def asinh(x):
    """asinh of x >= 0, any shape, to 5e-6 of its value, which the exponential is off at 11."""
    if x.size < FEW:
        return ops.asinh(x)
    grown = x + x * x / (1.0 + ops.sqrt(1.0 + x * x))
    total = 1.0 + grown
    return ops.log(total) + (grown - (total - 1.0)) / total


def minimum(a, b):
    """min(a, b), entry by entry; the backward pass of MindSpore's own minimum is ten times slower on a CPU."""
    return a - ops.relu(a - b)


# log(Phi(x) / Phi(-x)) = x P(x^2): the log-odds of the normal distribution function, so Phi(x) = sigmoid(x P(x^2)).
# The coefficients of P are a minimax fit of x Phi(x); beyond x^2 = 30 the sigmoid has long been 0 or 1.
_LOG_ODDS = (1.59574534, 0.0727311096, -1.15587812e-4, -9.45633753e-5, 5.59975145e-6, -1.13295995e-7)
_FIT_END = 30.0
_LOG_DENSITY_AT_0 = -0.5 * math.log(2.0 * math.pi)
_TINY = 1e-30


class ExactGelu(nn.Cell):
    """GELU by the normal distribution function, x Phi(x), to 1.2e-6, with its exact derivative Phi(x) + x phi(x).

    The error function is the slowest elementwise kernel of a ViT on a CPU; a polynomial and a sigmoid cost a third of
    it. The gradient is explicit, because automatic differentiation keeps the results of all those steps.
    """

    def construct(self, x):
        """Any shape, float32, to the same shape."""
        c0, c1, c2, c3, c4, c5 = _LOG_ODDS
        u = ops.minimum(x * x, _FIT_END)
        return x * ops.sigmoid(x * (c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * c5))))))

    def bprop(self, x, out, dout):
        """Gradient from input and output: Phi is their quotient, which loses no digits, for either sign of x."""
        square = x * x
        phi = 0.5 + x * (out - 0.5 * x) / (square + _TINY)  # 1/2 at zero
        return (dout * (phi + x * ops.exp(square * -0.5 + _LOG_DENSITY_AT_0)),)


_exact_gelu = ExactGelu()


def gelu(x):
    """GELU by the normal distribution function, as `ExactGelu` computes it; the shape of x, float32."""
    return _exact_gelu(x)
