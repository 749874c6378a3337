"""Conversion of SAM2's checkpoints: the image encoder of a whole model, by official names, in a file of PyTorch."""

import numpy as np
import pytest

from mindaam.encoders import sam2
from mindaam.errors import CheckpointError
from mindaam.zoo.convert import files
from tests.encoders.sam2_files import SMALL, official_state
from tests.zoo.torch_archive import write_torch

TRUNK = "image_encoder.trunk."


@pytest.fixture
def official(monkeypatch):
    """Official arrays of a small SAM2, the only variant, with some of what surrounds its image encoder."""
    monkeypatch.setattr(sam2, "VARIANTS", {"sam2_small": SMALL})
    rest = {"image_encoder.neck.convs.0.conv.weight": np.zeros((4, 4, 1, 1), np.float32), "no_mem_embed": np.zeros(3)}
    return {TRUNK + name: array for name, array in official_state(SMALL).items()} | rest


@pytest.mark.parametrize("wrapper", [(), ("model",)])
def test_the_image_encoder_of_a_whole_model_is_converted(official, tmp_path, wrapper):
    write_torch(tmp_path / "sam2.pt", official, wrapper)
    converted = files.convert(tmp_path / "sam2.pt", "sam2")
    assert converted.name == "sam2_small"
    encoder = sam2.from_official(official_state(SMALL)).state
    assert {name: array.shape for name, array in converted.state.items()} == {
        name: array.shape for name, array in encoder.items()
    }
    assert all(np.array_equal(converted.state[name], array) for name, array in encoder.items())


def test_a_missing_block_is_reported(official, tmp_path):
    write_torch(tmp_path / "sam2.pt", {name: a for name, a in official.items() if ".blocks.3." not in name})
    missing = files.convert(tmp_path / "sam2.pt", "sam2").report.missing
    assert len(missing) == 14 and all(name.startswith("blocks.3.") for name in missing)


def test_another_kind_is_named(official, tmp_path):
    write_torch(tmp_path / "sam2.pt", official)
    with pytest.raises(CheckpointError, match="checkpoint of the kind sam2; give --kind sam2"):
        files.convert(tmp_path / "sam2.pt", "dinov2")
