"""The prompts that a checkpoint brings along."""

import json

import numpy as np
import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.weights import checkpoint_prompts


def checkpoint(folder, prompts):
    write_safetensors(folder / "x.safetensors", {"a": np.ones(2, np.float32)}, {"naming": "mindaam"} | prompts)
    return folder / "x.safetensors"


def test_prompts_are_read_in_their_order_and_in_any_script(tmp_path):
    wanted = {"Zebras": "Someone counts zebras, 数える.", "None": "Anybody looks."}
    found = checkpoint_prompts(checkpoint(tmp_path, {"prompts": json.dumps(wanted)}))
    assert found == wanted and list(found) == list(wanted)


def test_most_checkpoints_have_none(tmp_path):
    assert checkpoint_prompts(checkpoint(tmp_path, {})) == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", "3", '{"None": 3}', '{"None": " "}', '{"Zebras": "Someone counts."}', "[" * 100_000]
)
def test_damaged_prompts_are_refused(tmp_path, text):
    with pytest.raises(CheckpointError, match="x.safetensors.*convert it again"):
        checkpoint_prompts(checkpoint(tmp_path, {"prompts": text}))
