"""The operators that use Ascend's own kernels, by stand-ins of the same signature and layout, against the CPU form."""

import inspect

import mindspore as ms
import numpy as np
import pytest
from mindspore import mint, ops

from mindaam.encoders.rotary import rope_angles, rope_periods
from mindaam.encoders.vit import Block, PatchEmbed
from mindaam.environment import KERNELS
from mindaam.kernels.attention import attention
from mindaam.kernels.elementwise import gelu, softplus
from mindaam.kernels.rotary import rotate_rows
from tests.kernels import ascend

DRAW = np.random.default_rng(0)


def drawn(*shape, dtype=ms.float32):
    return ms.Tensor(DRAW.standard_normal(shape).astype(np.float32)).astype(dtype)


def with_gradients(function, *inputs):
    """The values of function(*inputs), and the gradients of the sum of the values times their own sine."""
    value = function(*inputs)

    def total(*each):
        return (function(*each).astype(ms.float32) * ops.sin(value.astype(ms.float32))).sum()

    found = ms.grad(total, tuple(range(len(inputs))))(*inputs)
    return [each.astype(ms.float32).asnumpy() for each in (value, *(found if isinstance(found, tuple) else (found,)))]


def assert_close(found, wanted, tolerance):
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * max(1.0, np.abs(theirs).max()))


def test_a_stand_in_has_the_kernel_s_signature():
    assert inspect.signature(ascend.flash_attention_score) == inspect.signature(ops.flash_attention_score)
    assert inspect.signature(ascend.rotary_position_embedding) == inspect.signature(ops.rotary_position_embedding)
    assert inspect.signature(ascend.softplus) == inspect.signature(mint.nn.functional.softplus)
    assert "approximate='none'" in mint.nn.functional.gelu.__doc__


@pytest.mark.parametrize("queries", [5, 7])
def test_flash_attention_is_attention(queries, monkeypatch):
    q, k, v = (drawn(2, count, 3, 16, dtype=ms.float16) for count in (queries, 7, 7))
    wanted = with_gradients(attention, *(each.astype(ms.float32) for each in (q, k, v)))
    ascend.stand_in(monkeypatch)
    assert_close(with_gradients(attention, q, k, v), wanted, 2e-3)  # float16 has 11 bits


@pytest.mark.parametrize(("width", "dtype"), [(16, ms.float32), (8, ms.float16)])
def test_attention_is_written_out_where_the_kernel_does_not_fit(width, dtype, monkeypatch):
    q, k, v = (drawn(1, 4, 2, width, dtype=dtype) for _ in range(3))
    wanted = attention(q, k, v).asnumpy()
    ascend.stand_in(monkeypatch)
    monkeypatch.setattr(ops, "flash_attention_score", None)
    np.testing.assert_array_equal(attention(q, k, v).asnumpy(), wanted)


@pytest.mark.parametrize("dtype", [ms.float32, ms.float16])
def test_rotary_positions(dtype, monkeypatch):
    angles = rope_angles(rope_periods(16), (2, 3), prefix=1)
    x, cos, sin = drawn(2, 7, 3, 16, dtype=dtype), ms.Tensor(np.cos(angles)), ms.Tensor(np.sin(angles))
    wanted = with_gradients(rotate_rows, x, cos, sin)
    ascend.stand_in(monkeypatch)
    assert rotate_rows(x, cos, sin).dtype == dtype
    assert_close(with_gradients(rotate_rows, x, cos, sin), wanted, 1e-5 if dtype == ms.float32 else 2e-3)


def test_gelu_returns_float32_or_the_type_of_its_input(monkeypatch):
    x, half = drawn(4, 5), drawn(4, 5, dtype=ms.float16)
    wanted = with_gradients(gelu, x)
    assert gelu(half).dtype == ms.float32
    ascend.stand_in(monkeypatch)
    assert_close(with_gradients(gelu, x), wanted, 1e-5)
    assert gelu(half).dtype == ms.float16


def test_softplus(monkeypatch):
    x = ms.Tensor(np.array([-90.0, -3.0, 0.0, 1.0, 14.0, 16.0, 25.0, 90.0], np.float32))
    wanted = with_gradients(softplus, x)
    ascend.stand_in(monkeypatch)
    assert_close(with_gradients(softplus, x), wanted, 1e-5)


@pytest.mark.parametrize("rotary", [False, True])
def test_a_block_in_the_ascend_form(rotary, monkeypatch):
    """All but flash attention, which asks for half precision; and as a CPU can run it."""
    block = Block(32, 2, hidden=64, eps=1e-6, layer_scale=0.5)
    angles = rope_angles(rope_periods(16), (2, 3), prefix=1)
    tables = (ms.Tensor(np.cos(angles)), ms.Tensor(np.sin(angles))) if rotary else ()
    x = drawn(2, 7, 32)
    wanted = with_gradients(block, x, *tables)
    monkeypatch.setenv(KERNELS, "ascend")
    assert_close(with_gradients(block, x, *tables), wanted, 1e-5)
    ascend.stand_in(monkeypatch)
    assert_close(with_gradients(block, x, *tables), wanted, 1e-5)


def test_patches_by_a_convolution(monkeypatch):
    embed, images = PatchEmbed(4, 6), drawn(2, 3, 8, 12)
    wanted = with_gradients(embed, images)
    monkeypatch.setenv(KERNELS, "ascend")
    assert_close(with_gradients(embed, images), wanted, 1e-5)
