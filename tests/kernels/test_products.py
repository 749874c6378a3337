"""Products with weights against NumPy, of rows and of columns."""

import mindspore as ms
import numpy as np

from mindaam.kernels.products import dense, dense_of_columns, dense_to_columns

RNG = np.random.default_rng(0)
X, WEIGHT, BIAS = (RNG.standard_normal(shape).astype(np.float32) for shape in ((5, 3), (4, 3), (4,)))
WANTED = X @ WEIGHT.T + BIAS


def test_a_dense_layer_of_rows_of_any_leading_shape():
    got = dense(ms.Tensor(X.reshape(1, 5, 3)), ms.Tensor(WEIGHT), ms.Tensor(BIAS)).asnumpy()
    np.testing.assert_allclose(got, WANTED[None], atol=1e-6)


def test_a_dense_layer_to_columns_and_of_columns():
    weights = ms.Tensor(WEIGHT), ms.Tensor(BIAS)
    np.testing.assert_allclose(dense_to_columns(ms.Tensor(X), *weights).asnumpy(), WANTED.T, atol=1e-6)
    columns = ms.Tensor(np.ascontiguousarray(X.T))
    np.testing.assert_allclose(dense_of_columns(columns, *weights).asnumpy(), WANTED, atol=1e-6)
