"""A video in slices of positions and frames has the values of the whole block."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.dynamics.temporal_block import FokkerPlanckBlock
from mindaam.dynamics.variant import ATTENTION, PAPER, RELEASED
from mindaam.models import along


@pytest.mark.parametrize("count, size", [(7, 3), (6, 3), (2, 5), (1, 1), (3, 0)])
def test_slices_cover_everything_and_have_one_shape(count, size):
    parts = along.slices(count, size)
    assert sorted({i for part in parts for i in range(count)[part]}) == list(range(count))
    assert {len(range(count)[part]) for part in parts} == {max(1, min(size, count))}


@pytest.mark.parametrize(
    "variant", [RELEASED, PAPER, ATTENTION, PAPER._replace(coupling="none"), RELEASED._replace(feature_attention=False)]
)
@pytest.mark.parametrize("frames", [4, 9])
def test_slices_have_the_values_of_the_whole(frames, variant, monkeypatch):
    monkeypatch.setattr(along, "NUMBERS", 4 * 64 * 5)  # five positions, or six frames
    ms.set_seed(0)
    block, draw = FokkerPlanckBlock(16, variant, frames=8, heads=2), np.random.default_rng(0)
    for weight in block.get_parameters():
        weight.set_data(ms.Tensor((weight.asnumpy() + draw.normal(0, 0.3, weight.shape)).astype(np.float32)))
    clip = draw.standard_normal((frames, 16, 3, 4)).astype(np.float32)
    cells = along.cells(block)
    sliced = along.through(block, lambda name, *inputs: cells[name](*inputs), clip)
    whole, _ = block(ms.Tensor(clip[None]))
    np.testing.assert_allclose(sliced, whole.asnumpy()[0], rtol=0, atol=1e-5)
    assert np.abs(sliced - clip).max() > 0.1
