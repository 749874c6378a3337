"""The prompts of the published datasets, at four granularities, as AAM conditions attention on them.

A sentence follows the paper's template (Appendix B): stimulus + domain + elements + task + bias. Its granularity
(Appendix F.2) is G1, nothing but that somebody looks; G2, which kind of medium they look at; G3, the set's protocol,
coarsely; G4, the whole scene and what draws attention in it. `corpus.yaml` contains the wordings, written for
this project.
"""

from functools import cache
from importlib.resources import files

from mindaam import yaml_files
from mindaam.errors import ConfigError, unknown

GRANULARITIES = ("G1", "G2", "G3", "G4")
LEVELS = ("high", "mid", "low")
PARTS = ("stimulus", "domain", "elements", "task", "bias")
WITHOUT_TASK = ("G1", "G2")


def sets():
    """Keys of all datasets: images, then videos, then videos with audio, in the order of the paper's Tables 7 to 9;
    then those that the paper does not use."""
    return list(_content()["sets"])


def modality(key):
    """What the set shows: "image", "video" or "audio_video"; ConfigError for an unknown set."""
    return _set(key)["modality"]


def level(key):
    """What guides attention in the set, "high", "mid" or "low" (Table 11); ConfigError for an unknown set."""
    return _set(key)["level"]


def paradigm(key):
    """How the paper's Tables 7-9 file the set: "free_viewing" or "task_driven"; ConfigError for an unknown set."""
    return _set(key)["paradigm"]


def parts(key):
    """{part: its words} of the set's template, in the order of PARTS; ConfigError for an unknown set."""
    return {part: _set(key)["parts"][part] for part in PARTS}


def emphasis(key):
    """The parts that the set's level is mostly about (Table 11), a tuple; ConfigError for an unknown set."""
    return tuple(_content()["levels"][level(key)])


def compose(parts):
    """The one sentence that five parts make: {part: words} for every one of PARTS.

    stimulus is a noun with its article, domain and elements describe it, task is how it is viewed and bias
    a clause about where attention goes. Raises ConfigError for a part that is missing, empty or unknown.
    """
    for name in parts:
        if name not in PARTS:
            raise unknown("part of a sentence", name, PARTS)
    words = {name: str(parts.get(name, "")).strip() for name in PARTS}
    missing = [name for name in PARTS if not words[name]]
    if missing:
        raise ConfigError(f"a sentence of five parts lacks {' and '.join(missing)}; give {', '.join(PARTS)}")
    text = f"{words['stimulus']} {words['domain']}, {words['elements']}, {words['task']}, {words['bias']}."
    return text[0].upper() + text[1:]


def pool(key, granularity):
    """All sentences that may be trained on for a set, the one that it is scored with first.

    Raises ConfigError for an unknown set or granularity.
    """
    sentences = _pool(key, granularity)["sentences"]
    return [compose(parts(key)), *sentences] if granularity == "G4" else list(sentences)


def prompt(key, granularity="G4"):
    """The one sentence that a set is scored with; ConfigError for an unknown set or granularity."""
    return pool(key, granularity)[0]


def held_out(key, granularity):
    """A paraphrase for a set that is never trained on; ConfigError for an unknown set or granularity."""
    return _pool(key, granularity)["held_out"]


def generic(key):
    """A sentence for the set's kind of medium that names no task. Never trained on; ConfigError for an unknown set."""
    return _content()["generic"][modality(key)]


def mismatched_set(key):
    """(key, reason): the set whose sentence is the wrong one for this set, and in a word what that one speaks of.

    It is of the same modality and the other paradigm, so that a model can only fail by the task and domain that it
    names. Raises ConfigError for an unknown set.
    """
    other = _set(key)["mismatched"]
    return other["set"], other["reason"]


def mismatched(key, granularity="G4"):
    """The mismatched prompt for a set, to swap its condition: another task in another domain.

    Raises ConfigError for an unknown set or granularity, and for G1 and G2, which no set is wrong for.
    """
    other, _ = mismatched_set(key)
    found = prompt(other, granularity)
    if granularity in WITHOUT_TASK:
        raise ConfigError(f"{granularity} names no task, so no sentence of it is mismatched; take G3 or G4")
    return found


@cache
def _content():
    return yaml_files.parse(files(__package__).joinpath("corpus.yaml").read_bytes(), "corpus.yaml")


def _set(key):
    known = _content()["sets"]
    if key not in known:
        raise unknown("dataset", key, known)
    return known[key]


def _pool(key, granularity):
    """The mapping of a pool's `sentences` and `held_out`: one for all sets, one a modality, or the set's own."""
    found = _set(key)
    if granularity not in GRANULARITIES:
        raise unknown("granularity", granularity, GRANULARITIES)
    if granularity == "G1":
        return _content()["G1"]
    return _content()["G2"][found["modality"]] if granularity == "G2" else found[granularity]
