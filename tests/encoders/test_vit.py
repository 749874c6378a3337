"""The transformer's building blocks against float64 NumPy: values, and the gradients that are written by hand."""

import mindspore as ms
import numpy as np
import pytest
from scipy.special import ndtr

from mindaam.encoders.vit import Attention, AttentionCore, ExactGelu
from tests.encoders.encoder_files import randomise, running_in

MODES = ("pynative", "graph")


def numbers_of_all_sizes():
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, 1e-30, -1e-30, 1e-12, -1e-12, 60.0, -60.0, 1e4, -1e4]])
    return x.astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
def test_gelu_is_exact(mode):
    x = numbers_of_all_sizes()
    with running_in(mode):
        got = ExactGelu()(ms.Tensor(x)).asnumpy()
    want = x.astype(np.float64) * ndtr(x.astype(np.float64))
    assert np.allclose(got, want, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("mode", MODES)
def test_gelu_gradient_is_exact(mode):
    x = numbers_of_all_sizes()
    with running_in(mode):
        got = ms.grad(ExactGelu())(ms.Tensor(x)).asnumpy()
    wide = x.astype(np.float64)
    want = ndtr(wide) + wide * np.exp(-wide * wide / 2) / np.sqrt(2 * np.pi)
    assert np.isfinite(got).all()
    assert np.allclose(got, want, rtol=0, atol=3e-6)
    assert got[x == 0] == pytest.approx(0.5)


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


def test_attention_splits_heads_as_official_checkpoints_do():
    attention = Attention(8, 2)
    randomise(attention)
    x = np.random.default_rng(0).standard_normal((1, 5, 8)).astype(np.float32)
    weight, bias = attention.qkv.weight.asnumpy(), attention.qkv.bias.asnumpy()
    qkv = x @ weight.T + bias
    q, k, v = (qkv[..., i * 8 : i * 8 + 8].reshape(1, 5, 2, 4).transpose(0, 2, 1, 3) for i in range(3))
    mixed = attention_in_numpy(q / 2, k, v, v)[0].transpose(0, 2, 1, 3).reshape(1, 5, 8)
    want = mixed @ attention.proj.weight.asnumpy().T + attention.proj.bias.asnumpy()
    assert np.allclose(attention(ms.Tensor(x)).asnumpy(), want, atol=1e-5)


def test_width_must_divide_into_heads():
    with pytest.raises(ValueError, match="384 is not a multiple of heads 5"):
        Attention(384, 5)
