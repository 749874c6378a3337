"""What is folded into a matrix is what would be done to the map."""

import numpy as np
import pytest
from mindspore import Tensor

from mindaam.decoder.folding import add_per_channel, convolved, folded, group_moments, mixed, up_normalized
from mindaam.kernels.convolutions import Convolution, Pointwise, UpConvolution
from mindaam.kernels.normalization import GroupNorm
from tests.decoder.small import normal, stirred


@pytest.mark.parametrize("level", [0.0, 300.0])
def test_group_moments_are_those_of_the_product(level):
    matrix, bias, x = normal(1, 2, 12, 5), normal(2, 12), normal(3, 2, 5, 40)
    x = x + level  # a mean far from zero costs the variance no digits
    product = matrix.asnumpy().astype(np.float64) @ x.asnumpy() + bias.asnumpy()[:, None]
    mean, variance = (each.asnumpy()[:, :, 0] for each in group_moments(matrix, bias, x, 3))
    np.testing.assert_allclose(mean, product.reshape(2, 3, -1).mean(-1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(variance, product.reshape(2, 3, -1).var(-1), rtol=1e-4 if level else 1e-5)


def test_up_sampling_normalizes_and_modulates_by_one_product():
    up, norm = stirred(UpConvolution(6, 16)), stirred(GroupNorm(8, 16))
    x, gain, shift = normal(1, 2, 6, 3, 5), normal(2, 2, 16), normal(3, 2, 16)
    expected = norm(up(x)) * gain.reshape(2, 16, 1, 1) + shift.reshape(2, 16, 1, 1)
    got = up_normalized(up, norm, x, gain, shift)
    assert got.shape == (2, 16, 6, 10)
    np.testing.assert_allclose(got.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=2e-5)
    factors = normal(4, 2, 6)
    expected = up_normalized(up, norm, x * factors.reshape(2, 6, 1, 1), gain, shift)
    got = up_normalized(up, norm, x, gain, shift, factors)
    np.testing.assert_allclose(got.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("batch", [1, 2])
def test_mixing_takes_factors_per_channel(batch):
    mix, x, factors = stirred(Pointwise(6, 4)), normal(1, 2, 6, 3, 5), normal(2, batch, 6, 1, 1)
    expected = mix(x * factors).asnumpy()
    got = mixed(folded(mix, factors), mix.bias, x)
    np.testing.assert_allclose(got.asnumpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_convolution_takes_factors_per_channel():
    cell, x, factors = stirred(Convolution(6, 1, 3, padding=1, has_bias=True)), normal(1, 2, 6, 3, 5), normal(2, 2, 6)
    expected = cell(x * factors.reshape(2, 6, 1, 1)).asnumpy()
    np.testing.assert_allclose(convolved(cell, x, factors).asnumpy(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(convolved(cell, x).asnumpy(), cell(x).asnumpy())


def test_each_image_has_its_own_shifts():
    x, shift = normal(1, 3, 4, 2, 5), np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = x.asnumpy() + shift[:, :, None, None]
    np.testing.assert_array_equal(add_per_channel(x, Tensor(shift)).asnumpy(), expected)
