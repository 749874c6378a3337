"""A granularity a set: obeyed in training and in scoring, none for no prompt, refused where it cannot be obeyed."""

from typing import NamedTuple

import pytest

from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.prompts import corpus
from mindaam.data.prompts.prompting import (
    RELEASED,
    Prompting,
    StoredPrompting,
    TwoGranularities,
    check,
    held_out,
    mismatched,
    no_prompt,
    prompts_for,
)
from mindaam.errors import ConfigError

PAPER = Prompting("G4", {"ledov": "none"})
CODE = Prompting("G4", RELEASED)


class Reader(NamedTuple):
    """What prompting asks of a reader: of a set's name, its conditions and its sentences."""

    name: str
    conditions: tuple = ("free_viewing",)
    own: dict = {}
    root: str = "somewhere"
    is_video: bool = False

    @property
    def prompts(self):
        return SetPrompts(self.name, self.own, {})


def told(prompting, name, trained=False, **more):
    reader = Reader(name, **more)
    return prompts_for(prompting, name, reader, reader.conditions[0], trained=trained)


def of_set(name):
    from mindaam.data.datasets.catalogue import catalogue

    return {"conditions": (catalogue()[name].condition,)}


@pytest.mark.parametrize("trained", [True, False])
def test_a_set_without_a_prompt_has_the_first_general_sentence_alone(trained):
    assert told(PAPER, "ledov", trained, **of_set("ledov")) == [corpus.pool("ledov", "G1")[0]] == [no_prompt()]
    assert told(PAPER, "dhf1k", trained, **of_set("dhf1k")) == corpus.pool("dhf1k", "G4")


def test_the_released_codes_sets_are_without_a_prompt_as_there():
    for name, trained, scored in (("figrim", 1, 1), ("hollywood2", 1, 0), ("ucf_sports", 1, 0), ("ledov", 0, 0)):
        found = [told(CODE, name, each, **of_set(name)) == [no_prompt()] for each in (True, False)]
        assert found == [bool(trained), bool(scored)], name


def test_a_checkpoints_own_sentence_stands_for_none():
    theirs = PAPER._replace(without="Whatever.")
    assert told(theirs, "ledov", **of_set("ledov")) == ["Whatever."]
    reader = Reader("ledov", **of_set("ledov"))
    assert held_out(theirs, "ledov", reader, reader.conditions[0]) is None
    assert held_out(PAPER, "ledov", reader, reader.conditions[0]) == corpus.held_out("ledov", "G1")


def test_none_goes_before_a_folders_own_sentences_and_any_granularity_after_them():
    own = {"own": {"free_viewing": ["A cat looks."]}}
    assert told(Prompting("G2"), "osie", **own) == ["A cat looks."] == told(Prompting(), "osie", **own)
    assert told(Prompting("none"), "osie", **own) == [no_prompt()]
    assert told(Prompting("G4", {"mine": "none"}), "mine", **own) == [no_prompt()]


def test_without_a_granularity_the_reader_chooses():
    assert told(Prompting(), "salicon") == Reader("salicon").prompts.of("free_viewing")


@pytest.mark.parametrize(("granularity", "wrong"), [("G4", True), ("G3", True), ("G2", False), ("none", False)])
def test_only_a_sentence_that_names_a_task_can_be_the_wrong_one(granularity, wrong):
    reader = Reader("salicon", **of_set("salicon"))
    found = mismatched(Prompting(granularity), "salicon", reader, reader.conditions[0])
    assert found == (corpus.mismatched("salicon", granularity) if wrong else None)
    assert mismatched(Prompting(granularity), "mine", Reader("mine"), "free_viewing") is None


def test_what_cannot_be_obeyed_is_refused():
    with pytest.raises(ConfigError, match=r'granularities "ledof" \(did you mean "ledov"\?\)'):
        check(Prompting("G4", {"ledof": "none"}), {})
    own = {"mine": Reader("mine", own={"free_viewing": ["A cat looks."]})}
    with pytest.raises(ConfigError, match=r"granularities\.mine: somewhere has sentences of its own.*mine: none"):
        check(Prompting("G4", {"mine": "G2"}), own)
    check(Prompting("G4", {"mine": "none", **RELEASED}), own)
    check(CODE, {"figrim": Reader("figrim", **of_set("figrim"))})


def test_what_is_written_down_is_read_back():
    plain = StoredPrompting(granularity="G4", granularities=RELEASED, none_prompt="x").model_dump(mode="json")
    assert plain["granularities"]["figrim"] == "none"
    assert StoredPrompting(**plain).read() == CODE._replace(without="x")
    assert CODE.has_none() and Prompting("none").has_none() and not Prompting("G4", {"ledov": "G1"}).has_none()
    assert Prompting("G4", {"ledov": TwoGranularities(trained="none", scored="G4")}).has_none()
