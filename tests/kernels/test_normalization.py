"""Group normalization against its definition and MindSpore's own."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from mindaam.kernels.normalization import GroupNorm
from tests.decoder.small import normal, stirred


def test_groups_are_normalized_and_channels_scaled():
    cell = stirred(GroupNorm(4, 8))
    maps = normal(1, 2, 8, 5, 3).asnumpy() * 3 + 100  # far from zero, where squares would lose the variance
    rows = maps.astype(np.float64).reshape(2, 4, -1)
    expected = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)
    gamma, beta = (value.asnumpy()[:, None, None] for value in (cell.gamma, cell.beta))
    got = cell(Tensor(maps)).asnumpy()
    np.testing.assert_allclose(got, expected.reshape(maps.shape) * gamma + beta, atol=5e-5)


def test_values_and_gradients_are_those_of_mindspore():
    ours, own = stirred(GroupNorm(2, 8, eps=1e-5)), nn.GroupNorm(2, 8, eps=1e-5)
    own.gamma.set_data(ours.gamma.value())
    own.beta.set_data(ours.beta.value())
    maps, factors = normal(2, 2, 8, 4, 6), normal(3, 2, 8, 4, 6)
    results = []
    for cell in (ours, own):

        def weighted(maps, cell=cell):
            return (cell(maps) * factors).sum()

        by_input, by_weights = ms.grad(weighted, 0, [cell.gamma, cell.beta])(maps)
        results.append([value.asnumpy() for value in (cell(maps), by_input, *by_weights)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
