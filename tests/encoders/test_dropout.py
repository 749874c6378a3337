"""Dropout that can be drawn again: the right share, masks that follow from the step, entries that behave apart."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam.encoders.dropout import Dropout, set_dropout_step
from mindaam.encoders.tables import stored_parameters

P = 0.3
pytestmark = pytest.mark.usefixtures("graph")


def dropped(layer, shape, *words):
    """The mask of a layer: 1 where an entry was dropped."""
    set_dropout_step(*words)
    return layer(ms.Tensor(np.ones(shape, np.float32))).asnumpy() == 0


def test_a_share_is_dropped_and_the_rest_keeps_the_mean():
    layer, x = Dropout(P).set_train(True), np.random.default_rng(0).standard_normal((4, 300, 384)).astype(np.float32)
    set_dropout_step(1, 2)
    y = layer(ms.Tensor(x)).asnumpy()
    assert abs((y == 0).mean() - P) < 0.003
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - P), rtol=1e-6)


def test_only_training_drops_and_nothing_is_a_weight():
    layer = Dropout(P)
    x = ms.Tensor(np.ones((3, 5), np.float32))
    assert np.array_equal(layer.set_train(False)(x).asnumpy(), x.asnumpy())
    assert np.array_equal(Dropout(0.0).set_train(True)(x).asnumpy(), x.asnumpy())
    assert stored_parameters(layer) == [] and layer.trainable_params() == []
    assert layer.parameters_dict() == {"table_moment": layer.moment}  # where a cached graph finds it


def test_masks_follow_from_the_step_and_differ_between_steps_and_layers():
    first, other = Dropout(P).set_train(True), Dropout(P, place=3).set_train(True)
    mask = dropped(first, (500, 64), 0, 7)
    assert np.array_equal(dropped(first, (500, 64), 0, 7), mask)
    for again in (dropped(first, (500, 64), 0, 8), dropped(first, (500, 64), 1, 7), dropped(other, (500, 64), 0, 7)):
        assert abs((again == mask).mean() - (P * P + (1 - P) ** 2)) < 0.01  # as two that know nothing of each other


@pytest.mark.parametrize("words", [(0,), (5, 123456), (2, 1, 7)])
def test_rows_columns_and_pairs_of_rows_are_as_of_independent_entries(words):
    rows, columns = 3000, 256
    mask = dropped(Dropout(P, place=5).set_train(True), (rows, columns), *words).astype(np.float64)
    spread = np.sqrt(P * (1 - P))
    assert mask.mean(1).std() == pytest.approx(spread / np.sqrt(columns), rel=0.1)
    assert mask.mean(0).std() == pytest.approx(spread / np.sqrt(rows), rel=0.2)
    near = np.corrcoef(mask[:300])
    np.fill_diagonal(near, 0)
    assert near.std() == pytest.approx(1 / np.sqrt(columns), rel=0.1) and np.abs(near).max() < 0.5
    along = np.mean(mask[1:] * mask[:-1]) - mask.mean() ** 2
    assert abs(along) < 4 * spread**2 / np.sqrt(mask.size)


def test_gradients_pass_where_entries_were_kept():
    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.drop = Dropout(P)

        def construct(self, x):
            return self.drop(x).sum()

    net, x = Net().set_train(True), ms.Tensor(np.ones((40, 16), np.float32))
    set_dropout_step(3)
    gradient = ms.grad(net)(x).asnumpy()
    mask = dropped(Dropout(P).set_train(True), (40, 16), 3)
    np.testing.assert_allclose(gradient, np.where(mask, 0, 1 / (1 - P)), rtol=1e-6)
