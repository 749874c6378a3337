"""Convolutions against NumPy."""

import numpy as np
from mindspore import Tensor

from mindaam.kernels.convolutions import Depthwise, patches

IMAGES = np.random.default_rng(0).standard_normal((2, 3, 4, 6)).astype(np.float32)


def test_patches_are_cut_row_by_row():
    got = patches(Tensor(IMAGES), 2).asnumpy()
    assert got.shape == (2, 6, 12)
    np.testing.assert_array_equal(got[1, 4], IMAGES[1, :, 2:4, 2:4].reshape(-1))  # second row, second column


def test_a_depthwise_convolution_keeps_the_size_and_mixes_no_channels():
    for dilation in (1, 2):
        layer = Depthwise(3, dilation)
        alone = IMAGES * np.array([0, 1, 0], np.float32).reshape(1, 3, 1, 1)
        out = layer(Tensor(alone)).asnumpy()
        assert out.shape == IMAGES.shape and np.abs(out[:, 1]).max() > 0
        np.testing.assert_array_equal(out[:, [0, 2]], 0)
