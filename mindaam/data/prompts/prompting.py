"""Which sentences each set is trained and scored with: a granularity a set, or none.

A set without a prompt gets one sentence all the same, the one that stands for having none: that of a checkpoint whose
authors gave it one ("None" among their prompts), else the first of G1, which says nothing but that somebody looks.
"""

from typing import Literal, NamedTuple

from mindaam.data import prompts
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.prompts import corpus, granularities
from mindaam.errors import ConfigError, unknown
from mindaam.schema import Schema

NONE = "none"
Granularity = Literal["G1", "G2", "G3", "G4", "none"]


class TwoGranularities(Schema):
    """Of a set that is trained under other sentences than it is scored with."""

    trained: Granularity
    scored: Granularity


class Prompting(NamedTuple):
    """general: the granularity of sets that are not named, None for the sentences that a reader has by itself. sets:
    {set: granularity or TwoGranularities}. without: the sentence of a set without a prompt, None for G1's first."""

    general: str | None = None
    sets: dict = {}
    without: str | None = None

    def has_none(self):
        """Whether anything is trained or scored without a prompt, as far as sets are named."""
        phases = [self.granularity(name, trained=trained) for name in self.sets for trained in (True, False)]
        return NONE in (self.general, *phases)

    def granularity(self, name, *, trained=False):
        """The granularity of a set's sentences in training, or in scoring."""
        own = self.sets.get(name, self.general)
        if isinstance(own, TwoGranularities):
            return own.trained if trained else own.scored
        return own


# What the released code does: FIGRIM has no prompt of its own there, and two sets have none in training alone.
RELEASED = {
    "figrim": NONE,
    "hollywood2": TwoGranularities(trained=NONE, scored="G4"),
    "ucf_sports": TwoGranularities(trained=NONE, scored="G4"),
}


class StoredPrompting(Schema):
    """A Prompting as a configuration and a checkpoint's header write it down."""

    granularity: Granularity | None = None
    granularities: dict[str, Granularity | TwoGranularities] = {}
    none_prompt: str | None = None

    def read(self):
        """The Prompting."""
        return Prompting(self.granularity, self.granularities, self.none_prompt)


def no_prompt():
    """The sentence of a set without a prompt where no checkpoint has one: the first of G1, which all sets share."""
    return corpus.prompt(corpus.sets()[0], "G1")


def prompts_for(prompting, name, reader, condition, *, trained=False):
    """The sentences of a set's condition, the one that it is scored with first.

    The corpus's for its sets, unless the reader's folder brings sentences of its own or has another condition; no
    prompt goes before all of these. name: of the set; reader: of images or videos.
    """
    granularity = prompting.granularity(name, trained=trained)
    if granularity == NONE:
        return [prompting.without or no_prompt()]
    if granularity is not None and _in_corpus(name, reader, condition):
        return corpus.pool(name, granularity)
    return reader.prompts.of(condition)


def granularity_pool(granularity, name, reader, condition):
    """The prompts of a granularity, "G1" to "G4", for a condition of a dataset, the one that it is scored with first;
    [] for a condition whose prompts have no granularity: one with prompts of its folder, or not a bundled one."""
    if _in_corpus(name, reader, condition):
        return corpus.pool(name, granularity)
    bundled = _bundled(name, reader, condition)
    return granularities.pool(bundled, granularity, "video" if reader.is_video else "image") if bundled else []


def held_out(prompting, name, reader, condition):
    """A paraphrase of the sentence that a set's condition is scored with, never trained on, or None."""
    granularity = prompting.granularity(name)
    if granularity == NONE:
        return None if prompting.without else corpus.held_out(corpus.sets()[0], "G1")
    if granularity is not None and _in_corpus(name, reader, condition):
        return corpus.held_out(name, granularity)
    return reader.prompts.held_out(condition)


def mismatched(prompting, name, reader, condition):
    """The sentence of a set with another task, or None: where there is no prompt, or none that names a task."""
    granularity = prompting.granularity(name) or "G4"
    if granularity == NONE or granularity in corpus.WITHOUT_TASK or name not in corpus.sets():
        return None
    right = prompts_for(prompting, name, reader, condition)[0]
    return corpus.mismatched(name, granularity) if right == corpus.prompt(name, granularity) else None


def mismatched_condition(name, reader, condition):
    """The prompt of the bundled condition that is the wrong one for a condition; None for a condition whose prompts are
    those of its folder, or that is not a bundled one."""
    bundled = _bundled(name, reader, condition)
    return prompts.default_prompt(granularities.mismatched(bundled)) if bundled else None


def generic(name, reader):
    """A prompt for the medium of a dataset that names no task."""
    if name in corpus.sets():
        return corpus.generic(name)
    return corpus.generic("dhf1k") if reader.is_video else prompts.generic_prompt()


def check(prompting, readers):
    """ConfigError for a granularity that cannot be obeyed: of an unknown dataset, or of one of `readers` ({name:
    reader}) whose sentences are its own."""
    for name in prompting.sets:
        if name not in catalogue() and name not in readers:
            raise unknown("dataset in granularities", name, [*catalogue(), *readers])
        asked = {prompting.granularity(name, trained=trained) for trained in (True, False)} - {NONE}
        reader = readers.get(name)
        if asked and reader is not None and not any(_in_corpus(name, reader, each) for each in reader.conditions):
            raise ConfigError(
                f"granularities.{name}: {reader.root} has sentences of its own, which have no granularity; leave "
                f"{name} out of granularities, or say {name}: none"
            )


def _bundled(name, reader, condition):
    """The bundled condition whose prompts a dataset's condition uses, or None."""
    found = prompts.pool_name(name, condition)
    return found if found in granularities.conditions() and condition not in reader.prompts.own else None


def _in_corpus(name, reader, condition):
    return name in corpus.sets() and condition == catalogue()[name].condition and condition not in reader.prompts.own
