"""The sentences that a model is scored with are those that it was trained with, as its checkpoint says."""

import json

import numpy as np
import pytest

from mindaam.data.prompts.prompting import RELEASED, Prompting
from mindaam.errors import CheckpointError, ConfigError
from mindaam.places import recipe
from mindaam.training.prompting import checkpoint_prompting, header_entry
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.checkpoints import write_safetensors

CONFIG = CorpusConfig.load(recipe("aam_dinov3_vitl16_released"), ["none_prompt=Whatever."])


def checkpoint(tmp_path, **entries):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": np.zeros(1, np.float32)}, entries)
    return path


def test_a_run_hands_its_granularities_on_in_its_model_and_in_its_checkpoints(tmp_path):
    wanted = Prompting("G4", {"ledov": "G4", **RELEASED}, "Whatever.")
    assert CONFIG.prompting == wanted
    assert checkpoint_prompting(checkpoint(tmp_path, **header_entry(CONFIG))) == wanted
    entries = {"corpus": "{}", "config": CONFIG.model_dump_json()}
    assert checkpoint_prompting(checkpoint(tmp_path, **entries)) == wanted


def test_a_run_from_before_has_its_one_granularity_and_other_models_none(tmp_path):
    entries = {"corpus": "{}", "config": json.dumps({"granularity": "G2"})}
    assert checkpoint_prompting(checkpoint(tmp_path, **entries)) == Prompting("G2")
    assert checkpoint_prompting(checkpoint(tmp_path, model="m", config="{}")) == Prompting()


def test_the_authors_checkpoint_is_scored_as_their_code_does_with_their_none(tmp_path):
    entries = {"naming": "mindaam", "kind": "aam"}
    assert checkpoint_prompting(checkpoint(tmp_path, **entries)) == Prompting(None, RELEASED)
    told = json.dumps({"None": "Nothing was asked.", "SALICON": "Free viewing."})
    assert checkpoint_prompting(checkpoint(tmp_path, **entries, prompts=told)).without == "Nothing was asked."


@pytest.mark.parametrize("entry", ["[]", "{", "3"])
def test_a_damaged_header_is_one_sentence(tmp_path, entry):
    with pytest.raises(CheckpointError, match="prompts in its header is damaged"):
        checkpoint_prompting(checkpoint(tmp_path, prompting=entry))


def test_a_granularity_that_there_is_not_is_named(tmp_path):
    with pytest.raises(ConfigError, match='"granularity"'):
        checkpoint_prompting(checkpoint(tmp_path, prompting='{"granularity": "G7"}'))
