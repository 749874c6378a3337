"""`mindaam conditions`: names, states and prompts, of the bundled model and of checkpoints."""

import json

import numpy as np
import pytest

from mindaam.data import prompts
from mindaam.zoo.checkpoints import write_safetensors
from tests.cli.running import runner


@pytest.fixture
def mindaam(capsys):
    return runner(capsys)


def test_the_bundled_model_was_trained_on_four_conditions(mindaam):
    code, out, err = mindaam("conditions")
    assert (code, err) == (0, "")
    header, *lines = out.splitlines()
    assert header.split() == ["condition", "state", "prompt"] and len(lines) == len(prompts.conditions())
    trained = [line.split()[0] for line in lines if " not trained " not in line]
    assert trained == ["count_people", "describe_occasion", "free_viewing", "judge_emotion"]
    assert all(line.endswith(prompts.default_prompt(line.split()[0])) for line in lines)


def test_a_checkpoint_with_prompts_of_its_own_lists_them(mindaam, tmp_path):
    header = {"naming": "mindaam", "kind": "aam", "prompts": json.dumps({"None": "Anybody looks.", "OSIE": "Scenes."})}
    write_safetensors(tmp_path / "theirs.safetensors", {"head.x": np.ones(1, np.float32)}, header)
    code, out, _ = mindaam("conditions", "--model", tmp_path / "theirs.safetensors")
    assert code == 0 and out.splitlines()[-1].split() == ["OSIE", "trained", "Scenes."]
    write_safetensors(tmp_path / "run.safetensors", {"head.x": np.ones(1, np.float32)}, {})
    code, out, _ = mindaam("conditions", "--model", tmp_path / "run.safetensors")
    assert code == 0 and out.count(" not known ") == len(prompts.conditions())


@pytest.mark.parametrize("model", ["aam_dinov2_vits15", "gone.safetensors"])
def test_a_model_that_does_not_exist(mindaam, model):
    code, out, err = mindaam("conditions", "--model", model)
    assert code == 2 and out == "" and model in err and err.count("\n") == 1
