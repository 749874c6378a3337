"""Broadcasting: the same numbers and gradients as the framework's own, without its tables of indices."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam import runtime
from mindaam.kernels.broadcasting import spread


class Times(nn.Cell):
    def __init__(self, spreads):
        super().__init__()
        self.spreads = spreads

    def construct(self, x, factors):
        return x * (spread(factors, x.shape) if self.spreads else factors)


@pytest.mark.parametrize("mode", ["graph", "pynative"])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 1, 5), (2, 3, 4, 1), (1, 3, 1, 1), (1,)])
def test_what_is_spread_multiplies_as_the_framework_broadcasts(mode, shape):
    runtime.configure(mode=mode)
    draw = np.random.default_rng(0)
    x, factors = (ms.Tensor(draw.standard_normal(each).astype(np.float32)) for each in ((2, 3, 4, 5), shape))
    results = []
    for spreads in (True, False):
        cell = Times(spreads)
        results.append([cell(x, factors), *ms.grad(cell, (0, 1))(x, factors)])
    runtime.configure(mode="pynative")
    (product, to_x, to_factors), (other, other_x, other_factors) = results
    assert np.array_equal(product.asnumpy(), other.asnumpy()) and np.array_equal(to_x.asnumpy(), other_x.asnumpy())
    assert to_factors.shape == shape
    np.testing.assert_allclose(to_factors.asnumpy(), other_factors.asnumpy(), rtol=1e-5, atol=1e-5)


def test_on_another_device_nothing_is_repeated(monkeypatch):
    monkeypatch.setattr("mindaam.kernels.broadcasting.cpu_form", lambda: False)
    factors = ms.Tensor(np.ones((1, 3, 1, 1), np.float32))
    assert spread(factors, (2, 3, 4, 5)) is factors
