"""The sparsity term of Negative Sample Attack: the mean gate where noise was heard, in both modes."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindaam import runtime
from mindaam.objectives.sparsity import gate_sparsity

GATE = np.float32([[0.1, 0.3], [0.9, 0.7], [0.4, 0.6]])


class Term(nn.Cell):
    def construct(self, gate, attacked):
        return gate_sparsity(gate, attacked)


@pytest.fixture(params=["pynative", "graph"], autouse=True)
def mode(request):
    runtime.configure("CPU", mode=request.param, seed=0)
    yield request.param
    runtime.configure("CPU", mode="pynative", seed=0)


@pytest.mark.parametrize(
    ("attacked", "expected"),
    [([1, 0, 0], 0.2), ([1, 0, 1], 0.35), ([1, 1, 1], 0.5), ([0, 0, 0], 0.0)],
)
@pytest.mark.parametrize("kind", [bool, np.float32, np.int32])
def test_the_mean_gate_of_the_attacked(attacked, expected, kind):
    term = Term()(Tensor(GATE), Tensor(np.array(attacked, kind)))
    assert term.shape == () and term.dtype == ms.float32
    assert float(term.asnumpy()) == pytest.approx(expected, abs=1e-6)


def test_gates_of_any_shape():
    gate, attacked = Tensor(GATE.reshape(3, 2, 1, 1)), Tensor(np.array([False, True, False]))
    assert float(Term()(gate, attacked).asnumpy()) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("attacked", [[1, 0, 1], [0, 0, 0]])
def test_only_the_attacked_are_pulled(attacked):
    gradient = ms.grad(Term())(Tensor(GATE), Tensor(np.array(attacked, bool))).asnumpy()
    np.testing.assert_allclose(gradient, np.float32(attacked)[:, None] * np.full((3, 2), 0.25), atol=1e-7)
