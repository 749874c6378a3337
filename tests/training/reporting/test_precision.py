"""The table of types: what the run computes in, module by module."""

import mindspore as ms
import pytest

from mindaam.encoders.precision import compute_in
from mindaam.models.registry import build_model
from mindaam.training.reporting.parameters import parameter_rows
from mindaam.training.reporting.precision import precision_rows, precision_text
from tests.models import tiny_video


@pytest.fixture
def model():
    return build_model(tiny_video.NAME, "paper", changes=tiny_video.CHANGES)


def test_a_model_is_float32(model):
    titles, *rows = precision_rows(model)
    assert titles == ["module", "float32"]
    assert {row[0] for row in rows} == {row.module for row in parameter_rows(model)[:-1]}


def test_only_the_products_of_the_backbone_are_bfloat16(model):
    compute_in(model.backbone, ms.bfloat16)
    titles, *rows = precision_rows(model)
    found = {module: (half, full) for module, half, full in rows}
    assert titles == ["module", "bfloat16", "float32"]
    assert found["backbone, blocks"] == ("Dense", "Dropout, LayerNorm, LayerScale")
    assert found["backbone, adapters"] == ("LoRADense", "-")
    assert {half for module, (half, _) in found.items() if not module.startswith("backbone")} == {"-"}


def test_the_text_has_no_trailing_spaces(model):
    lines = precision_text(model).splitlines()
    assert lines[0].split() == ["module", "float32"] and not any(line != line.rstrip() for line in lines)
