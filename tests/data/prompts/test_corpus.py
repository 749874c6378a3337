"""The corpus's sentences: complete, all different, short enough for both text encoders, and never on the wrong side."""

import re
from collections import Counter
from itertools import combinations

import pytest

from mindaam.data import prompts
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.prompts import corpus
from mindaam.encoders.clip_tokenizer import CONTEXT, ClipTokenizer
from mindaam.encoders.minilm import MAX_TOKENS, check_prompt, load_tokenizer
from mindaam.errors import ConfigError
from mindaam.places import model_zoo_dir

PICTURES = ["salicon", "mit1003", "cat2000", "osie", "figrim", "ueyes", "fiwi", "saleci"]
FILMS = ["dhf1k", "hollywood2", "ucf_sports", "ledov"]
WITH_SOUND = ["diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"]
BEYOND = ["ntire26"]  # not of the paper; videos with audio
TASK_DRIVEN = {"ueyes", "fiwi", "saleci", "hollywood2", "ucf_sports", "coutrot1", "coutrot2", "summe"}  # Tables 7-9
LEVELS = {  # Table 11, which leaves out FIGRIM and LEDOV
    "high": {"hollywood2", "ucf_sports", "summe"},
    "mid": {"osie", "fiwi", "ueyes", "saleci", "diem", "avad", "coutrot1", "coutrot2", "etmd"},
    "low": {"mit1003", "cat2000", "salicon", "dhf1k", "figrim", "ledov", *BEYOND},
}
EVERY = [(key, granularity) for key in corpus.sets() for granularity in corpus.GRANULARITIES]


def words(sentence):
    return re.findall(r"[a-z0-9]+", sentence.lower().replace("'", ""))


def alike(one, other):
    """Shared words over all words, 0 to 1."""
    one, other = set(words(one)), set(words(other))
    return len(one & other) / len(one | other)


def distinct_pools():
    """{name: its sentences and the held-out one}; sets share G1, and G2 within a modality."""
    pools = {}
    for key, granularity in EVERY:
        owner = {"G1": "all", "G2": corpus.modality(key)}.get(granularity, key)
        pools[granularity, owner] = [*corpus.pool(key, granularity), corpus.held_out(key, granularity)]
    return pools


POOLS = distinct_pools()
SENTENCES = [sentence for pool in POOLS.values() for sentence in pool]
GENERIC = {corpus.generic(key) for key in corpus.sets()}


def test_there_are_the_eighteen_sets_of_tables_7_to_9_and_those_beyond_the_paper():
    assert corpus.sets() == PICTURES + FILMS + WITH_SOUND + BEYOND
    assert {key for key, each in catalogue().items() if not each.published.table} == set(BEYOND)
    for modality, keys in (("image", PICTURES), ("video", FILMS), ("audio_video", WITH_SOUND + BEYOND)):
        assert {corpus.modality(key) for key in keys} == {modality}
    assert {key for key in corpus.sets() if corpus.paradigm(key) == "task_driven"} == TASK_DRIVEN
    assert len(POOLS) == 1 + 3 + 2 * 19


def test_levels_and_what_they_emphasise_are_those_of_table_11():
    emphasis = {"high": ("task", "bias"), "mid": ("elements",), "low": ("stimulus", "domain")}
    assert {name: {key for key in corpus.sets() if corpus.level(key) == name} for name in corpus.LEVELS} == LEVELS
    assert all(corpus.emphasis(key) == emphasis[corpus.level(key)] for key in corpus.sets())


@pytest.mark.parametrize(("key", "granularity"), EVERY)
def test_every_pool_has_a_scored_sentence_and_at_least_eight_paraphrases(key, granularity):
    pool = corpus.pool(key, granularity)
    assert len(pool) >= 9 and pool[0] == corpus.prompt(key, granularity)
    for sentence in [*pool, corpus.held_out(key, granularity)]:
        assert sentence == " ".join(sentence.split()) and re.match(r"[A-Z]", sentence) and sentence[-1] in ".?"
    pool.clear()  # the caller's list is its own
    assert corpus.pool(key, granularity)


def test_no_sentence_occurs_twice():
    trained = [s for c in prompts.conditions() for s in prompts._content()["conditions"][c]["sentences"]]
    held_out = [prompts._content()["conditions"][c]["held_out"] for c in prompts.conditions()]
    counts = Counter(" ".join(words(sentence)) for sentence in [*SENTENCES, *GENERIC, *trained, *held_out])
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_no_two_sentences_of_a_pool_are_nearly_the_same():
    assert max(alike(*pair) for pool in POOLS.values() for pair in combinations(pool, 2)) < 0.5


def test_sentences_of_different_pools_are_further_apart_still():
    owned = [(name, sentence) for name, pool in POOLS.items() if name[0] in ("G3", "G4") for sentence in pool]
    pairs = [(a, b) for (one, a), (other, b) in combinations(owned, 2) if one[1] != other[1]]
    assert max(alike(*pair) for pair in pairs) < 0.4


def test_what_is_held_out_or_generic_is_in_no_pool():
    trained = {" ".join(words(s)) for key, granularity in EVERY for s in corpus.pool(key, granularity)}
    for key, granularity in EVERY:
        assert " ".join(words(corpus.held_out(key, granularity))) not in trained
    assert not {" ".join(words(sentence)) for sentence in GENERIC} & trained


def test_generic_sentences_name_the_medium_alone():
    assert corpus.generic("osie") == prompts.generic_prompt()
    assert "video" in corpus.generic("dhf1k") and "sound" not in corpus.generic("dhf1k")
    assert "video" in corpus.generic("diem") and "sound" in corpus.generic("diem")


def test_every_sentence_fits_both_text_encoders_whole():
    clip = ClipTokenizer(model_zoo_dir() / "encoders" / "clip_vitl14.merges.txt.gz")
    minilm = load_tokenizer(str(model_zoo_dir() / "encoders" / "minilm_l6.tokenizer.json"))
    for sentence in [*SENTENCES, *GENERIC]:
        assert len(clip.encode(sentence)) <= CONTEXT  # raises where it would have to cut
        tokens = minilm.encode(sentence).tokens
        assert len(tokens) <= MAX_TOKENS and "[UNK]" not in tokens
        check_prompt(sentence, minilm)


@pytest.mark.parametrize("key", corpus.sets())
def test_the_detailed_sentence_is_composed_of_the_five_parts(key):
    parts = corpus.parts(key)
    assert tuple(parts) == corpus.PARTS
    sentence = corpus.compose(parts)
    assert corpus.pool(key, "G4")[0] == sentence
    places = [sentence.lower().index(parts[part].lower()) for part in corpus.PARTS]
    assert places == sorted(places)


def test_a_sentence_of_ones_own_can_be_composed():
    parts = {
        "bias": "where wheels draw the eyes",
        "stimulus": "a drawing",
        "domain": "of a street",
        "elements": "with bicycles",
        "task": "seen briefly",
    }
    assert corpus.compose(parts) == "A drawing of a street, with bicycles, seen briefly, where wheels draw the eyes."
    with pytest.raises(ConfigError, match="lacks domain and bias"):
        corpus.compose(parts | {"domain": " ", "bias": ""})
    with pytest.raises(ConfigError, match='unknown part of a sentence "taks".*did you mean "task"'):
        corpus.compose(parts | {"taks": "x"})


@pytest.mark.parametrize("key", corpus.sets())
def test_the_mismatched_sentence_is_of_another_task_and_domain(key):
    other, reason = corpus.mismatched_set(key)
    assert other != key and other in corpus.sets() and reason.isalpha()
    assert corpus.paradigm(other) != corpus.paradigm(key) and corpus.modality(other) == corpus.modality(key)
    assert all(corpus.parts(other)[part] != corpus.parts(key)[part] for part in corpus.PARTS)
    for granularity in ("G3", "G4"):
        assert corpus.mismatched(key, granularity) == corpus.prompt(other, granularity)
        assert corpus.mismatched(key, granularity) not in corpus.pool(key, granularity)


@pytest.mark.parametrize("granularity", ["G1", "G2"])
def test_a_sentence_that_names_no_task_cannot_be_mismatched(granularity):
    with pytest.raises(ConfigError, match=f"{granularity} names no task.*take G3 or G4"):
        corpus.mismatched("salicon", granularity)


def test_unknown_names_are_answered_with_the_nearest():
    for ask in (corpus.level, corpus.parts, corpus.prompt, corpus.mismatched, corpus.generic):
        with pytest.raises(ConfigError, match='unknown dataset "salicn".*did you mean "salicon"'):
            ask("salicn")
    for ask in (corpus.pool, corpus.prompt, corpus.held_out, corpus.mismatched):
        with pytest.raises(ConfigError, match='unknown granularity "g4".*G1, G2, G3, G4'):
            ask("salicon", "g4")


@pytest.mark.parametrize("key", [key for key in corpus.sets() if key not in ("osie", "fiwi")])
@pytest.mark.parametrize("condition", ["free_viewing", "action_recognition"])
def test_a_set_of_the_corpus_is_trained_on_and_scored_with_its_detailed_sentences(key, condition):
    assert prompts.training_prompts(key, condition) == corpus.pool(key, "G4")
    assert prompts.training_prompts(key, condition)[0] == corpus.prompt(key)
    assert prompts.held_out_prompt(key, condition) == corpus.held_out(key, "G4")


def test_folders_that_have_sentences_of_their_own_keep_them():
    """What the bundled model was trained with."""
    for folder in ("osie", "fiwi", "eyecrowd", "scene500", "taskfix", "interiors_search", "mine"):
        assert not set(prompts.training_prompts(folder, "free_viewing")) & set(SENTENCES)
    assert prompts.training_prompts("fiwi", "free_viewing")[0] == prompts.default_prompt("web_pages")
    assert prompts.training_prompts("osie", "free_viewing")[0] == prompts.default_prompt()
    assert len(prompts.training_prompts("osie", "free_viewing")) == 10
    assert len(prompts.training_prompts("taskfix", "free_viewing")) == 12
    assert len(prompts.training_prompts("fiwi", "free_viewing")) == 7


def test_another_task_on_pictures_of_the_corpus_keeps_its_own_sentences():
    assert prompts.training_prompts("salicon", "count_people")[0] == prompts.default_prompt("count_people")
    with pytest.raises(ConfigError, match='unknown condition "action_recognition"'):
        prompts.training_prompts("mine", "action_recognition")
