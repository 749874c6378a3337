"""The backbone as three small graphs gives what its Cells give, and each graph is compiled once."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders import vit
from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.dinov3 import DINOv3
from mindaam.encoders.lora import apply_lora
from mindaam.models import features
from mindaam.models.features import Blocks, graph_of, tapped_features
from tests.encoders.encoder_files import randomise

SIZES = {"width": 16, "depth": 3, "taps": (0, 2)}


def filled(kind, heads, patch, adapters, **settings):
    backbone = kind(image_size=(3 * patch, 2 * patch), patch=patch, heads=heads, **SIZES, **settings)
    if adapters:
        apply_lora(backbone, 2, 4.0, last_n_blocks=2)
    randomise(backbone)
    backbone.set_image_size(backbone.image_size)
    return backbone.set_train(False)


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize(
    ("kind", "heads", "settings"),
    [
        (DINOv2, 4, {"table_grid": 3}),
        (DINOv3, 4, {"swiglu": True}),
        (DINOv3, 1, {"storage_tokens": 0}),
    ],
)
def test_graphs_and_cells_agree(kind, heads, settings, adapters, monkeypatch):
    monkeypatch.setattr(vit, "IN_CACHE", 200)  # several slices of rows, the last one shorter
    backbone = filled(kind, heads, 4, adapters, **settings)
    image = np.random.default_rng(0).standard_normal((1, 3, 12, 8)).astype(np.float32)
    wanted = [tap.asnumpy() for tap in backbone(ms.Tensor(image))]
    for compiled in (True, False):
        got = tapped_features(backbone, image, compiled)
        assert len(got) == len(wanted) == 2
        for mine, theirs in zip(got, wanted, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=2e-6)
    assert ms.get_context("mode") == ms.PYNATIVE_MODE


def test_a_graph_serves_all_blocks_and_follows_weights():
    backbone = filled(DINOv2, 4, 4, False, table_grid=3)
    image = np.random.default_rng(0).standard_normal((1, 3, 12, 8)).astype(np.float32)
    before = tapped_features(backbone, image)
    assert graph_of(Blocks, 2, 4, 1e-6, 0, 0) is graph_of(Blocks, 2, 4, 1e-6, 0, 0)
    weight = backbone.blocks[2].mlp.fc2.weight
    weight.set_data(ms.Tensor(weight.asnumpy() * 2))
    after = tapped_features(backbone, image)
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_allclose(after[1], backbone(ms.Tensor(image))[1].asnumpy(), rtol=1e-5, atol=2e-6)
    assert not np.allclose(after[1], before[1])


@pytest.mark.parametrize(("kind", "settings"), [(DINOv2, {"table_grid": 3}), (DINOv3, {"swiglu": True})])
@pytest.mark.parametrize("folds", [True, False])
def test_channels_that_change_are_noticed(kind, settings, folds, monkeypatch):
    monkeypatch.setattr(features, "FOLDED", features.FOLDED if folds else 0)
    backbone = filled(kind, 4, 4, False, **settings)
    image = np.random.default_rng(0).standard_normal((1, 3, 12, 8)).astype(np.float32)
    before = tapped_features(backbone, image)[1]
    assert all((channels == ()) == folds for channels, _ in features._blocks(backbone))
    block, ones = backbone.blocks[2], ms.Tensor(np.ones(16, np.float32))
    for channel, value in ((block.norm1.gamma, 2.0), (block.norm1.beta, 0.5), (block.ls1.gamma, 3.0)):
        for change in (channel.set_data, lambda array, channel=channel: ms.ops.assign(channel, array)):
            change(value * ones)  # replaced, or in place as an optimizer does
            value = -value
            wanted = backbone(ms.Tensor(image))[1].asnumpy()
            got = tapped_features(backbone, image)[1]
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
            assert np.abs(got - before).max() > 1e-3
            before = got
