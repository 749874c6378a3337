"""Sums and means against NumPy, and their gradients against those of a plain sum."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam.kernels.reductions import image_mean, image_sum, mean_of_second, per_image, sum_over

MAPS = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_sum_over_an_axis(axis):
    want = MAPS.sum(axis, keepdims=True)
    np.testing.assert_allclose(sum_over(Tensor(MAPS), axis).asnumpy(), want, rtol=1e-5, atol=1e-6)
    gradient = ms.grad(lambda x: (sum_over(x, axis) * Tensor(want)).sum())(Tensor(MAPS))
    np.testing.assert_allclose(gradient.asnumpy(), np.broadcast_to(want, MAPS.shape), rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3, 4, 4), (2, 7, 5), (3, 1, 4)])
def test_mean_of_the_second_axis(shape):
    x = np.random.default_rng(3).random(shape).astype(np.float32)
    np.testing.assert_allclose(mean_of_second(Tensor(x)).asnumpy(), x.mean(1, keepdims=True), rtol=1e-6)


def test_the_mean_of_an_image():
    np.testing.assert_allclose(image_mean(Tensor(MAPS)).asnumpy(), MAPS.mean((2, 3)), atol=1e-6)


def test_a_sum_per_map_and_one_value_for_each_of_its_pixels():
    maps = np.random.default_rng(1).random((3, 4, 5)).astype(np.float32)
    sums = maps.reshape(3, -1).sum(1)
    np.testing.assert_allclose(image_sum(Tensor(maps.reshape(12, 5)), 4).asnumpy(), sums, rtol=1e-6)
    np.testing.assert_array_equal(per_image(Tensor(sums), 4, (12, 5)).asnumpy(), np.repeat(sums, 20).reshape(12, 5))
