"""Stored embeddings: looked up for the encoder that computed them; the encoder itself is loaded for other prompts."""

import json

import numpy as np
import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo import embeddings, factory
from mindaam.zoo.embeddings import PromptEmbeddings, stored_embeddings, table_path, write_table
from mindaam.zoo.index import announced

NAME = "minilm_l6"


class Encoder:
    def __init__(self):
        self.asked = []

    def encode(self, prompts):
        self.asked.append(list(prompts))
        return np.array([[len(text)] for text in prompts], np.float32).reshape(-1, 1)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty model zoo whose index is that of the package."""
    known = announced()
    monkeypatch.setattr(embeddings, "announced", lambda: known)
    monkeypatch.setattr(embeddings, "model_zoo_dir", lambda: tmp_path)
    (tmp_path / "encoders").mkdir()
    stored_embeddings.cache_clear()
    yield tmp_path
    stored_embeddings.cache_clear()


def test_only_other_prompts_reach_the_encoder():
    loaded = []
    encoder = PromptEmbeddings({"a": np.float32([7.0])}, lambda: loaded.append(Encoder()) or loaded[-1])
    assert encoder.encode(["a", "a"]).tolist() == [[7.0], [7.0]] and not loaded
    assert encoder.encode(["ccc", "a", "ccc"]).tolist() == [[3.0], [7.0], [3.0]]
    assert encoder.encode([]).shape == (0, 1)
    assert [each.asked for each in loaded] == [[["ccc"], []]]


def test_a_table_is_for_the_encoder_that_computed_it(place):
    assert stored_embeddings(NAME) == {} and stored_embeddings("unknown") == {}
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_table(NAME, ["one", "zwei ä"], numbers)
    found = stored_embeddings(NAME)
    assert list(found) == ["one", "zwei ä"] and np.array_equal(np.stack(list(found.values())), numbers)
    texts = {"encoder": "0" * 64, "prompts": json.dumps(["one", "two"])}
    embeddings.write_safetensors(table_path(NAME), {"embeddings": numbers}, texts)
    stored_embeddings.cache_clear()
    assert stored_embeddings(NAME) == {}


def test_a_damaged_table_is_refused(place):
    write_table(NAME, ["one"], np.ones((1, 3), np.float32))
    content = bytearray(table_path(NAME).read_bytes())
    content[-1] ^= 1
    table_path(NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"minilm_l6\.prompts\.safetensors"):
        stored_embeddings(NAME)


def test_no_weights_are_read_for_the_prompt_of_a_condition(monkeypatch):
    from mindaam.data import prompts

    monkeypatch.setattr(factory, "load_sentence_encoder", lambda name: pytest.fail("the encoder was loaded"))
    factory._sentence_encoder.cache_clear()
    try:
        encode = factory.sentence_encoder(NAME).encode
        assert encode([prompts.default_prompt(each) for each in prompts.conditions()]).shape[1] == 384
    finally:
        factory._sentence_encoder.cache_clear()
