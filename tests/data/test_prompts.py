"""Every condition of every folder has several sentences, and one that training never sees."""

from types import SimpleNamespace

import pytest

from mindaam.data import prompts
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.errors import ConfigError

FOLDERS = [
    ("osie", "free_viewing"),
    ("eyecrowd", "free_viewing"),
    ("scene500", "free_viewing"),
    ("taskfix", "free_viewing"),
    ("taskfix", "count_people"),
    ("taskfix", "judge_emotion"),
    ("taskfix", "describe_occasion"),
    ("interiors_search", "visual_search"),
    ("fiwi", "free_viewing"),
]
ALL_TRAINED = {sentence for folder in FOLDERS for sentence in prompts.training_prompts(*folder)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_several_distinct_short_sentences(folder):
    sentences = prompts.training_prompts(*folder)
    assert len(sentences) >= 6 and len(set(sentences)) == len(sentences)
    for sentence in [*sentences, prompts.held_out_prompt(*folder)]:
        assert sentence.strip() == sentence and 4 <= len(sentence.split()) <= 30


@pytest.mark.parametrize("folder", FOLDERS)
def test_held_out_and_generic_sentences_are_never_trained_on(folder):
    assert prompts.held_out_prompt(*folder) not in ALL_TRAINED
    assert prompts.generic_prompt() not in ALL_TRAINED
    assert prompts.held_out_prompt(*folder) != prompts.generic_prompt()


def test_plain_free_viewing_folders_share_the_default_sentence():
    for name in ("osie", "eyecrowd", "scene500"):
        assert prompts.training_prompts(name, "free_viewing")[0] == prompts.default_prompt()
    assert prompts.default_prompt() in prompts.training_prompts("taskfix", "free_viewing")
    assert prompts.training_prompts("fiwi", "free_viewing")[0] == prompts.default_prompt("web_pages")


def test_tasks_share_no_sentence():
    pools = [
        set(prompts.training_prompts("taskfix", c)) for c in ("count_people", "judge_emotion", "describe_occasion")
    ]
    pools += [set(prompts.training_prompts(*folder)) for folder in (FOLDERS[0], FOLDERS[7], FOLDERS[8])]
    assert len(set.union(*pools)) == sum(map(len, pools))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_scored_sentence_is_a_trained_one(folder):
    name, condition = folder
    reader = SimpleNamespace(prompts=SetPrompts(name), entries=[("a.jpg", condition)])
    assert prompt_of(reader, 0) == prompts.training_prompts(name, condition)[0]


def test_a_folder_of_ones_own_uses_the_conditions_sentences():
    mine = prompts.training_prompts("mine", "count_people")
    assert mine == prompts.training_prompts("taskfix", "count_people")
    mine.clear()  # the caller's list is its own
    assert prompts.training_prompts("mine", "count_people")


def test_conditions_and_unknown_ones():
    names = ["count_people", "describe_occasion", "free_viewing", "judge_emotion", "visual_search", "web_pages"]
    assert prompts.conditions() == names
    for ask in (prompts.default_prompt, lambda c: prompts.held_out_prompt("osie", c)):
        with pytest.raises(ConfigError, match='unknown condition "free_veiwing".*did you mean "free_viewing"'):
            ask("free_veiwing")
