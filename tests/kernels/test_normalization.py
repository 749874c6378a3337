"""Layer and group normalization against float64 NumPy: values, gradients, repeated calls."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from mindaam.kernels.normalization import GroupNorm, LayerNorm, layer_norm
from tests.encoders.encoder_files import running_in

MODES = ("pynative", "graph")


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def stirred(cell, seed=9):
    """The Cell with gamma and beta that are not 1 and 0."""
    channels = cell.gamma.shape[0]
    cell.gamma.set_data(Tensor(1 + 0.3 * normal(seed, channels)))
    cell.beta.set_data(Tensor(0.3 * normal(seed + 1, channels)))
    return cell


class Weighted(nn.Cell):
    """Sum of a Cell's result times factors: its gradient is the Cell's backward pass."""

    def __init__(self, cell, factors):
        super().__init__()
        self.cell, self.factors = cell, Tensor(factors)

    def construct(self, x):
        return (self.cell(x) * self.factors).sum()


def backward_pass(cell, x, factors):
    """Gradients for the input, gamma and beta, as arrays."""
    by_input, by_weights = ms.grad(Weighted(cell, factors), 0, [cell.gamma, cell.beta])(Tensor(x))
    return [by_input.asnumpy(), *(each.asnumpy() for each in by_weights)]


def standardized(rows, eps):
    """Rows of float64, (normalized, inverse deviations)."""
    inverse = 1 / np.sqrt(rows.var(-1, keepdims=True) + eps)
    return (rows - rows.mean(-1, keepdims=True)) * inverse, inverse


def to_input(d_normal, normal, inverse):
    """The gradient for rows from that for the normalized rows."""
    along = normal * (d_normal * normal).mean(-1, keepdims=True)
    return inverse * (d_normal - d_normal.mean(-1, keepdims=True) - along)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(7, 24), (2, 5, 24), (2, 3, 5, 24), (24,)])
def test_layer_norm_and_its_gradient(mode, shape):
    x, factors = normal(1, *shape) * 3 + 10, normal(2, *shape)
    cell = stirred(LayerNorm(24, 1e-6))
    with running_in(mode):
        got, gradients = cell(Tensor(x)).asnumpy(), backward_pass(cell, x, factors)
    gamma, beta = (each.asnumpy().astype(np.float64) for each in (cell.gamma, cell.beta))
    rows, d = x.astype(np.float64).reshape(-1, 24), factors.astype(np.float64).reshape(-1, 24)
    unit, inverse = standardized(rows, 1e-6)
    np.testing.assert_allclose(got.reshape(-1, 24), unit * gamma + beta, atol=5e-6)
    want = to_input(d * gamma, unit, inverse).reshape(shape), (d * unit).sum(0), d.sum(0)
    for a, b in zip(gradients, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


class Twice(nn.Cell):
    """Two norms of equally many rows in one graph."""

    def __init__(self):
        super().__init__()
        self.first, self.second = stirred(LayerNorm(16), 3), stirred(LayerNorm(16), 5)

    def construct(self, x):
        return self.second(self.first(x) * 3.0 + 1.0)


@pytest.mark.parametrize("mode", MODES)
def test_norms_of_one_graph_leave_each_other_alone_whatever_was_computed_before(mode):
    x = normal(1, 6, 16) * 2 + 7
    with running_in(mode):
        net = Twice()
        first = net(Tensor(x)).asnumpy()
        assert np.isnan(net(Tensor(np.where(x > 9, np.nan, x))).asnumpy()).any()
        again = net(Tensor(x)).asnumpy()
    want = x.astype(np.float64)
    for cell in (net.first, net.second):
        want = standardized(want, 1e-5)[0] * cell.gamma.asnumpy() + cell.beta.asnumpy()
        want = want * 3.0 + 1.0 if cell is net.first else want
    np.testing.assert_allclose(first, want, atol=5e-6)
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("scale, offset", [(1e-6, 0.0), (1e-3, 0.0), (1.0, 1000.0), (1e4, 0.0), (0.0, 3.0)])
def test_layer_norm_is_exact_to_round_off_of_tiny_huge_constant_and_distant_rows(scale, offset):
    gamma, beta = Tensor(np.ones(384, np.float32)), Tensor(np.zeros(384, np.float32))
    x = (normal(4, 5, 384) * scale + offset).astype(np.float32)
    want, inverse = standardized(x.astype(np.float64), 1e-6)
    allowed = 1e-6 + 2.0**-22 * abs(offset) * inverse if scale else 1e-6
    assert (abs(layer_norm(Tensor(x), gamma, beta, 1e-6).asnumpy() - want) <= allowed).all()


def test_layer_norm_takes_tensors_within_jit():
    x, gamma, beta = Tensor(normal(1, 2, 3, 8)), Parameter(Tensor(normal(2, 8))), Parameter(Tensor(normal(3, 8)))
    compiled = ms.jit(layer_norm)(x, gamma.data, beta.data, 1e-5).asnumpy()
    np.testing.assert_allclose(compiled, layer_norm(x, gamma, beta, 1e-5).asnumpy(), atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("groups", [1, 4, 8])
def test_group_norm_and_its_gradient(mode, groups):
    maps = normal(1, 2, 8, 5, 3) * 3 + 100  # far from zero, where squares would lose the variance
    factors = normal(2, *maps.shape)
    cell = stirred(GroupNorm(groups, 8))
    with running_in(mode):
        got, gradients = cell(Tensor(maps)).asnumpy(), backward_pass(cell, maps, factors)
    unit, inverse = standardized(maps.astype(np.float64).reshape(2, groups, -1), 1e-5)
    gamma, beta = (each.asnumpy().astype(np.float64)[:, None, None] for each in (cell.gamma, cell.beta))
    np.testing.assert_allclose(got, unit.reshape(maps.shape) * gamma + beta, atol=5e-5)
    d_unit = (factors * gamma).reshape(unit.shape)
    each = factors * unit.reshape(maps.shape)
    want = to_input(d_unit, unit, inverse).reshape(maps.shape), each.sum((0, 2, 3)), factors.sum((0, 2, 3))
    for a, b in zip(gradients, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_every_call_is_bit_identical():
    """A kernel searches from its sixth call on for the fastest number of blocks."""
    x, maps = Tensor(normal(1, 100, 384)), Tensor(normal(2, 2, 16, 20, 20))
    with running_in("graph"):
        for cell, values in ((LayerNorm(384), x), (GroupNorm(4, 16), maps)):
            first = cell(values).asnumpy()
            assert all(np.array_equal(cell(values).asnumpy(), first) for _ in range(20))
