"""The prompts of each role: which a condition has, which are requested, which a dataset lacks."""

import json

import pytest

from mindaam.data import prompts
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.prompts import corpus, granularities
from mindaam.data.prompts.prompting import Prompting, no_prompt
from mindaam.errors import ConfigError
from mindaam.evaluation.roles import checked, missing, roles_of, swap_roles
from tests.data.prompts.test_prompting import Reader

OWN = {"free_viewing": ["My own words.", "My other words."]}


def test_a_folders_own_prompts_are_used(tasks):
    meta = json.loads((tasks.root / "meta.json").read_text())
    meta["sentences"] = {"count_people": ["A viewer counts.", "Somebody counts."]}
    (tasks.root / "meta.json").write_text(json.dumps(meta))
    folder = GazeFolder(tasks.root, "val")
    roles = swap_roles(folder, "count_people")
    assert roles["right"] == ["A viewer counts."] and "held_out" not in roles
    assert swap_roles(folder, "judge_emotion")["others"] == ["A viewer counts."]


def test_a_dataset_of_the_corpus_is_scored_with_its_mismatched_prompt_too():
    assert swap_roles(Reader("salicon"), "free_viewing")["mismatched"] == [corpus.mismatched("salicon")]
    assert "mismatched" not in swap_roles(Reader("salicon", own=OWN), "free_viewing")


def test_the_granularities_of_a_model_choose_the_prompts_of_every_role():
    reader = Reader("salicon")
    found = swap_roles(reader, "free_viewing", Prompting("G3"))
    assert found["right"] == [corpus.prompt("salicon", "G3")]
    assert found["held_out"] == [corpus.held_out("salicon", "G3")]
    assert found["mismatched"] == [corpus.mismatched("salicon", "G3")]
    none = swap_roles(reader, "free_viewing", Prompting("G4", {"salicon": "none"}, "Nothing was asked."))
    assert none["right"] == ["Nothing was asked."] and set(none) == {"right", "generic"}
    own = Reader("mine", conditions=("count_people", "judge_emotion"))
    assert set(swap_roles(own, "count_people", Prompting("none"))) == {"right", "generic", "held_out"}
    assert "others" in swap_roles(own, "count_people", Prompting("G4"))


def test_without_a_request_the_condition_is_swapped():
    reader = Reader("salicon")
    assert roles_of(reader, "free_viewing") == swap_roles(reader, "free_viewing")


def test_requested_prompts_are_scored_beside_the_right_one():
    reader = Reader("salicon")
    assert list(roles_of(reader, "free_viewing", requests=("generic",))) == ["right", "generic"]
    assert list(roles_of(reader, "free_viewing", requests=("wrong",))) == ["right", "mismatched"]
    assert roles_of(reader, "free_viewing", requests=("none",))["none"] == [no_prompt()]
    without = roles_of(reader, "free_viewing", Prompting(without="None."), ("none",))
    assert without["none"] == ["None."]
    found = roles_of(reader, "free_viewing", granularities=("G1", "G3"))
    assert list(found) == ["right", "G1", "G3"] and found["G3"] == [corpus.prompt("salicon", "G3")]


def test_wrong_prompts_are_of_other_conditions_or_of_another_dataset():
    own = Reader("mine", conditions=("count_people", "judge_emotion"))
    assert list(roles_of(own, "count_people", requests=("wrong",))) == ["right", "others"]
    # osie has its own right prompt in this project, and that of another dataset is wrong for it all the same
    assert roles_of(Reader("osie"), "free_viewing", requests=("wrong",))["mismatched"] == [corpus.mismatched("osie")]


def test_paraphrases_are_all_prompts_of_a_condition_and_the_held_out_one():
    found = roles_of(Reader("salicon"), "free_viewing", requests=("paraphrases",))
    pool = [*prompts.training_prompts("salicon", "free_viewing"), prompts.held_out_prompt("salicon", "free_viewing")]
    assert found["paraphrases"] == pool and found["right"] == pool[:1]
    assert [found[f"paraphrase_{number}"] for number in range(1, len(pool) + 1)] == [[text] for text in pool]
    own = roles_of(Reader("mine", own=OWN), "free_viewing", requests=("paraphrases",))
    assert own["paraphrases"] == OWN["free_viewing"]


def test_a_bundled_condition_has_the_prompt_of_another_as_wrong_one():
    found = roles_of(Reader("eyecrowd"), "free_viewing", requests=("wrong",))
    assert found["mismatched"] == [prompts.default_prompt("count_people")]
    searched = roles_of(Reader("mine", conditions=("visual_search",)), "visual_search", requests=("wrong",))
    assert searched["mismatched"] == [prompts.default_prompt("free_viewing")]
    assert "mismatched" not in roles_of(Reader("mine", own=OWN), "free_viewing", requests=("wrong",))
    assert "mismatched" not in swap_roles(Reader("eyecrowd"), "free_viewing")  # where it is not requested


def test_a_generic_prompt_names_the_medium():
    assert swap_roles(Reader("salicon"), "free_viewing")["generic"] == [prompts.generic_prompt()]
    assert swap_roles(Reader("mine"), "free_viewing")["generic"] == [prompts.generic_prompt()]
    assert swap_roles(Reader("dhf1k"), "free_viewing")["generic"] == [corpus.generic("dhf1k")]
    own = swap_roles(Reader("mine", is_video=True), "free_viewing")["generic"]
    assert own == [corpus.generic("dhf1k")] != [prompts.generic_prompt()]


def test_bundled_conditions_have_granularities():
    reader, every = Reader("mine", conditions=("count_people", "judge_emotion")), ("G1", "G2", "G3", "G4")
    found = roles_of(reader, "count_people", granularities=every)
    assert [found[each] for each in every] == [granularities.pool("count_people", each)[:1] for each in every]
    assert roles_of(reader, "judge_emotion", granularities=every)["G4"] != found["G4"]
    assert roles_of(Reader("fiwi2"), "free_viewing", granularities=("G3",))["G3"] != found["G3"]
    videos = roles_of(Reader("mine", is_video=True), "free_viewing", granularities=("G2",))
    assert videos["G2"] == [corpus.prompt("dhf1k", "G2")]
    assert set(roles_of(Reader("mine", own=OWN), "free_viewing", granularities=every)) == {"right"}


def test_pools_are_all_prompts_of_a_granularity():
    found = roles_of(Reader("salicon"), "free_viewing", requests=("pools",), granularities=("G3",))
    pool = corpus.pool("salicon", "G3")
    assert found["G3"] == pool[:1] and [found[f"G3_{n}"] for n in range(1, len(pool) + 1)] == [[t] for t in pool]
    assert list(found) == ["right", "G3", *(f"G3_{n}" for n in range(1, len(pool) + 1))]
    with pytest.raises(ConfigError, match="add --granularity"):
        checked(["pools"], [])


def test_conditions_are_the_prompts_of_all_tasks_of_a_folder():
    reader = Reader("mine", conditions=("count_people", "judge_emotion"))
    found = roles_of(reader, "judge_emotion", requests=("conditions",))
    assert found["condition_count_people"] == [prompts.default_prompt("count_people")]
    assert found["condition_judge_emotion"] == found["right"] == [prompts.default_prompt("judge_emotion")]
    assert list(roles_of(Reader("mine"), "free_viewing", requests=("conditions",))) == ["right"]
    assert missing(Reader("mine"), requests=("conditions",)) == []


def test_what_a_dataset_lacks_is_named():
    one = Reader("mine", own={"free_viewing": ["My own words."]})
    assert missing(one, requests=("paraphrases", "wrong", "none"), granularities=("G4",)) == [
        "paraphrases",
        "wrong",
        "G4",
    ]
    assert missing(Reader("salicon"), requests=("paraphrases", "wrong", "none"), granularities=("G1", "G4")) == []
    assert missing(one) == []


@pytest.mark.parametrize(
    ("requests", "granularities", "message"),
    [(["paraphrase"], [], 'did you mean "paraphrases"'), ([], ["G5"], "known: G1, G2, G3, G4")],
)
def test_unknown_requests_are_refused(requests, granularities, message):
    with pytest.raises(ConfigError, match=message):
        checked(requests, granularities)
    assert checked(["none", "none"], ["G2"]) == (("none",), ("G2",))
