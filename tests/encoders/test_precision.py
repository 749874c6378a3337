"""Reduced precision of a backbone: its products in half precision, all else in float32."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.dinov3 import DINOv3
from mindaam.encoders.lora import LoRADense, apply_lora
from mindaam.encoders.precision import PRODUCTS, compute_in, type_of
from tests.encoders.sam2_files import small_encoder
from tests.kernels import ascend

TINY = {"image_size": (32, 32), "patch": 16, "width": 32, "depth": 2, "heads": 2, "taps": (0, 1)}
KINDS = {
    "dinov2": lambda: DINOv2(**TINY, table_grid=2),
    "dinov3": lambda: DINOv3(**TINY),
    "swiglu": lambda: DINOv3(**TINY, swiglu=True),
    "sam2": small_encoder,
}


def features(backbone):
    images = np.random.default_rng(0).standard_normal((2, 3, *backbone.image_size)).astype(np.float32)
    return [each.asnumpy() for each in backbone(ms.Tensor(images))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["cpu", "ascend"])
def test_products_are_half_and_features_float32(kind, form, monkeypatch):
    ms.set_seed(0)
    backbone = KINDS[kind]()
    apply_lora(backbone, rank=2, alpha=4, dropout=0.1)
    backbone.set_train(False)
    for layer in (cell for _, cell in backbone.cells_and_names() if isinstance(cell, LoRADense)):
        layer.lora_b.set_data(ms.Tensor(np.full(layer.lora_b.shape, 0.1, np.float32)))
    if form == "ascend":
        ascend.stand_in(monkeypatch)
    whole = features(backbone)
    compute_in(backbone, ms.float16)
    for _, cell in backbone.cells_and_names():
        assert type_of(cell) == (ms.float16 if isinstance(cell, PRODUCTS) else ms.float32), cell
    for half, full in zip(features(backbone), whole, strict=True):
        assert half.dtype == np.float32 and not np.array_equal(half, full)
        np.testing.assert_allclose(half, full, rtol=0, atol=5e-3 * np.abs(full).max())


def test_rotary_positions_are_turned_in_float32(monkeypatch):
    """With angles of bfloat16, of 8 bits, patches far from the center would be turned by as much as their neighbor."""
    backbone, seen = KINDS["dinov3"](), []
    compute_in(backbone, ms.float16)
    ascend.stand_in(monkeypatch)
    monkeypatch.setattr("mindaam.kernels.rotary._rotary", lambda x, cos, sin, mode: seen.append(cos.dtype) or x)
    features(backbone)
    assert seen == [ms.float32] * 4  # queries and keys of two blocks
