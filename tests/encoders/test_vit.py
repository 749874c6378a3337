"""The transformer's building blocks against NumPy."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders.vit import Attention
from tests.encoders.encoder_files import randomise
from tests.kernels.test_attention import attention_in_numpy


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
