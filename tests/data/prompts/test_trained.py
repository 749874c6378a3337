"""Trained conditions, and how near a prompt is to them."""

import numpy as np
import pytest

from mindaam.data import prompts
from mindaam.data.prompts import trained
from mindaam.zoo.embeddings import stored_embeddings
from mindaam.zoo.index import record

ENCODER = "minilm_l6"


@pytest.fixture(scope="module")
def bundled():
    return trained.trained_prompts(record("aam_dinov2_vits14").trained, stored_embeddings(ENCODER))


def test_states_of_conditions():
    known, weakly = {"a": ["count_people"], "b": ["free_viewing"]}, {"c": ["visual_search", "free_viewing"]}
    found = {row.condition: row.state for row in trained.rows(known, weakly)}
    assert list(found) == prompts.conditions()
    assert found["count_people"] == found["free_viewing"] == "trained"
    assert found["visual_search"] == "weakly trained" and found["web_pages"] == "not trained"
    assert {row.state for row in trained.rows(None, None)} == {"not known"}


def test_prompts_of_a_checkpoint_are_trained_and_come_last():
    own = {"OSIE": "Anybody looks.", "free_viewing": "Mine."}
    rows = trained.rows(None, None, own)
    assert rows[-2:] == [("OSIE", "trained", "Anybody looks."), ("free_viewing", "trained", "Mine.")]
    assert {row.state for row in rows[:-2]} == {"not trained"} and len(rows) == len(prompts.conditions()) + 1


@pytest.mark.parametrize("condition", ["free_viewing", "count_people", "judge_emotion", "describe_occasion"])
def test_a_held_out_paraphrase_is_near_its_own_condition(bundled, condition):
    text = prompts.held_out_prompt("", condition)
    embedding = stored_embeddings(ENCODER)[text]
    assert bundled.nearest(embedding).condition == condition
    assert trained.NEAR < bundled.nearest(embedding).cosine < 0.9
    assert trained.remark(text, embedding, bundled) is None
    assert bundled.nearest(stored_embeddings(ENCODER)[prompts.default_prompt(condition)]).cosine == pytest.approx(1)


def test_another_task_is_remarked_on_and_the_nearest_condition_named(bundled):
    text = prompts.training_prompts("", "visual_search")[1]
    found = trained.remark(text, stored_embeddings(ENCODER)[text], bundled)
    assert text in found and "cosine 0.33" in found and found.endswith("the nearest condition is free_viewing")
    assert len(trained.remark("word " * 500, np.ones(384), bundled)) < 400


def test_prompts_without_stored_embeddings_are_no_training(bundled):
    assert trained.trained_prompts({"osie": ["free_viewing"]}, {}) is None
    assert trained.trained_prompts({}, stored_embeddings(ENCODER)) is None
