"""The core of attention against float64 NumPy: values, and the explicit gradients."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.kernels.attention import AttentionCore, attend_columns
from tests.encoders.encoder_files import running_in

MODES = ("pynative", "graph")


def attention_in_numpy(q, k, v, cotangent):
    """Values and gradients of softmax(q k^T) v, float64, by the textbook."""
    q, k, v, cotangent = (a.astype(np.float64) for a in (q, k, v, cotangent))
    scores = q @ k.swapaxes(-1, -2)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    d_weights = cotangent @ v.swapaxes(-1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
    return weights @ v, d_scores @ k, d_scores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ cotangent


class Weighted(ms.nn.Cell):
    """Sum of the core's first output times a cotangent: its gradient is the core's backward pass."""

    def __init__(self):
        super().__init__()
        self.core = AttentionCore()

    def construct(self, q, k, v, cotangent):
        mixed, _ = self.core(q, k, v)
        return (mixed * cotangent).sum()


@pytest.mark.parametrize("mode", MODES)
def test_attention_and_its_gradient(mode):
    rng = np.random.default_rng(1)
    q, k, v, cotangent = (rng.standard_normal((2, 3, 7, 8)).astype(np.float32) for _ in range(4))
    mixed, *gradients = attention_in_numpy(q, k, v, cotangent)
    tensors = [ms.Tensor(a) for a in (q, k, v, cotangent)]
    with running_in(mode):
        got, _ = AttentionCore()(*tensors[:3])
        got_gradients = ms.grad(Weighted(), (0, 1, 2))(*tensors)
    assert np.allclose(got.asnumpy(), mixed, atol=1e-6)
    for mine, theirs in zip(got_gradients, gradients, strict=True):
        assert np.allclose(mine.asnumpy(), theirs, atol=5e-6)


def test_attention_of_columns():
    rng = np.random.default_rng(2)
    q, k, v = (rng.standard_normal((2, 3, 7, 8)).astype(np.float32) for _ in range(3))
    wanted = attention_in_numpy(q, k, v, v)[0]
    columns = (ms.Tensor(np.ascontiguousarray(a.swapaxes(2, 3))) for a in (q, k, v))
    assert np.allclose(attend_columns(*columns).asnumpy(), wanted.swapaxes(2, 3), atol=1e-6)
