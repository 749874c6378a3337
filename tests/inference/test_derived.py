"""The files that follow from others are up to date; if not, run: python -m mindaam.inference.derived --update."""

import numpy as np
import pytest

from mindaam.data import prompts
from mindaam.data.prompts import corpus
from mindaam.inference import derived
from mindaam.zoo.embeddings import stored_embeddings


def test_no_stored_embedding_is_missing_or_of_another_encoder():
    assert derived.bundled_encoders() == ["minilm_l6"]
    assert derived.stale_tables() == []


@pytest.mark.slow  # the encoder computes all of them again
def test_the_stored_embeddings_are_those_of_the_encoder(graph):
    assert derived.stale_tables(compare=True) == []


def test_a_few_stored_embeddings_are_those_of_the_encoder():
    stored = stored_embeddings("minilm_l6")
    some = list(stored)[::160]
    computed = derived.load_sentence_encoder("minilm_l6").encode(some)
    np.testing.assert_allclose(computed, np.stack([stored[each] for each in some]), atol=derived.CLOSE)


def test_every_prompt_that_may_be_trained_on_is_stored():
    wanted = set(derived.wanted_prompts())
    for condition in prompts.conditions():
        assert wanted >= {
            *prompts.training_prompts("unknown", condition),
            prompts.held_out_prompt("unknown", condition),
        }
    assert wanted >= {
        *prompts.training_prompts("osie", "free_viewing"),
        *prompts.training_prompts("taskfix", "free_viewing"),
    }
    assert wanted >= {prompts.generic_prompt(), *(corpus.generic(key) for key in corpus.sets())}
    assert wanted >= {text for key in corpus.sets() for each in corpus.GRANULARITIES for text in corpus.pool(key, each)}


@pytest.mark.parametrize("change", ["prompt", "encoder"])
def test_a_changed_prompt_or_encoder_makes_a_table_stale(change, monkeypatch, capsys):
    if change == "prompt":
        found = prompts.every_prompt()
        monkeypatch.setattr(prompts, "every_prompt", lambda: [*found, "A new prompt."])
    else:
        monkeypatch.setattr(derived, "stored_embeddings", lambda name: {})
    assert derived.stale_tables() == ["minilm_l6"]
    assert derived.main([]) == 2
    assert "is stale; run python -m mindaam.inference.derived --update" in capsys.readouterr().err
    assert derived.main(["--all"]) == 2
