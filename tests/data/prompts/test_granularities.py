"""The granularities of the bundled conditions: complete, all different, short enough, and not part of any training."""

from itertools import combinations

import pytest

from mindaam.data import prompts
from mindaam.data.prompts import corpus, granularities
from mindaam.encoders.clip_tokenizer import CONTEXT, ClipTokenizer
from mindaam.encoders.minilm import MAX_TOKENS, check_prompt, load_tokenizer
from mindaam.errors import ConfigError
from mindaam.places import model_zoo_dir
from tests.data.prompts.test_corpus import SENTENCES, alike, words

OWN = {
    (condition, each): [*granularities.pool(condition, each), granularities.held_out(condition, each)]
    for condition in granularities.conditions()
    for each in ("G3", "G4")
}
TEXTS = [text for pool in OWN.values() for text in pool]


def test_every_bundled_condition_has_them():
    assert sorted(granularities.conditions()) == prompts.conditions()
    assert granularities.every_prompt() == TEXTS and set(TEXTS) <= set(prompts.every_prompt())


@pytest.mark.parametrize("pool", OWN.values(), ids=map("-".join, OWN))
def test_a_pool_has_a_scored_prompt_and_paraphrases(pool):
    assert len(pool) >= 7
    assert all(text == " ".join(text.split()) and text[0].isupper() and text[-1] in ".?" for text in pool)


def test_no_two_prompts_are_nearly_the_same():
    assert max(alike(*pair) for pool in OWN.values() for pair in combinations(pool, 2)) < 0.5
    pairs = [(a, b) for (one, a), (other, b) in combinations(OWN.items(), 2) if one[0] != other[0]]
    assert max(alike(one, other) for a, b in pairs for one in a for other in b) < 0.6


def test_none_is_trained_on():
    trained = {text for condition in prompts.conditions() for text in prompts.training_prompts("mine", condition)}
    known = {" ".join(words(text)) for text in [*trained, *SENTENCES]}
    own = [" ".join(words(text)) for text in TEXTS]
    assert len(set(own)) == len(own) and not known & set(own)


def test_every_prompt_fits_both_text_encoders_whole():
    clip = ClipTokenizer(model_zoo_dir() / "encoders" / "clip_vitl14.merges.txt.gz")
    minilm = load_tokenizer(str(model_zoo_dir() / "encoders" / "minilm_l6.tokenizer.json"))
    for text in TEXTS:
        assert len(clip.encode(text)) <= CONTEXT and len(minilm.encode(text).tokens) <= MAX_TOKENS
        check_prompt(text, minilm)


def test_detail_grows_with_the_granularity():
    for condition in granularities.conditions():
        brief, detailed = (granularities.pool(condition, each) for each in ("G3", "G4"))
        assert max(len(words(text)) for text in brief) < min(len(words(text)) for text in detailed)


def test_g1_and_g2_are_those_that_all_datasets_share():
    assert granularities.pool("count_people", "G1") == corpus.pool("osie", "G1")
    assert granularities.pool("count_people", "G2") == corpus.pool("osie", "G2")
    assert granularities.pool("count_people", "G2", "video") == corpus.pool("dhf1k", "G2")
    assert granularities.held_out("web_pages", "G2") == corpus.held_out("fiwi", "G2")


def test_the_mismatched_condition_is_another_one():
    for condition in granularities.conditions():
        assert granularities.mismatched(condition) in set(granularities.conditions()) - {condition}


def test_unknown_names_are_answered_with_the_nearest():
    for call in (granularities.pool, granularities.held_out):
        with pytest.raises(ConfigError, match='unknown granularity "g4"'):
            call("web_pages", "g4")
        with pytest.raises(ConfigError, match='did you mean "web_pages"'):
            call("web_page", "G3")
    with pytest.raises(ConfigError, match='did you mean "web_pages"'):
        granularities.mismatched("web_page")
