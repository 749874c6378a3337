"""Reduced precision: products in half precision, norms and GELU in float32."""

import mindspore as ms
import numpy as np

from mindaam.encoders.vit import Block
from mindaam.kernels.normalization import LayerNorm
from mindaam.kernels.precision import FLOAT32_CELLS, compute_in


def test_products_are_half_and_what_divides_by_small_numbers_is_not():
    block = Block(8, 2, hidden=16, eps=1e-6, layer_scale=1.0)
    whole = block(ms.Tensor(np.ones((1, 3, 8), np.float32) * np.arange(8, dtype=np.float32)))
    compute_in(block, ms.float16)
    for _, cell in block.cells_and_names():
        assert cell.get_flags()["fp32"] == isinstance(cell, FLOAT32_CELLS), cell
    half = block(ms.Tensor(np.ones((1, 3, 8), np.float32) * np.arange(8, dtype=np.float32)))
    np.testing.assert_allclose(half.asnumpy(), whole.asnumpy(), rtol=1e-2, atol=1e-2)
    assert isinstance(block.norm1, LayerNorm) and not np.array_equal(half.asnumpy(), whole.asnumpy())
