"""The prompts of the bundled conditions at four granularities, and the mismatched condition of each.

G1 and G2 are those that the published datasets share (`corpus`); G3 and G4, `granularities.yaml`, were written for this
project. None of them is trained on: they are for evaluations.
"""

from functools import cache
from importlib.resources import files

from mindaam import yaml_files
from mindaam.data.prompts import corpus
from mindaam.errors import unknown

_SHARED = {"image": "salicon", "video": "dhf1k"}  # published datasets whose G1 and G2 are those of all


def conditions():
    """Names of the conditions that have granularities."""
    return list(_content())


def pool(condition, granularity, modality="image"):
    """All prompts of a condition at a granularity, the one that is scored first.

    modality: "image" or "video", which G2 names. Raises ConfigError for an unknown condition or granularity.
    """
    if granularity in corpus.WITHOUT_TASK:
        return corpus.pool(_SHARED[modality], granularity)
    return list(_pool(condition, granularity)["sentences"])


def held_out(condition, granularity, modality="image"):
    """A paraphrase of `pool` that is not in it; errors as of `pool`."""
    if granularity in corpus.WITHOUT_TASK:
        return corpus.held_out(_SHARED[modality], granularity)
    return _pool(condition, granularity)["held_out"]


def mismatched(condition):
    """The condition whose prompt is the wrong one for a condition; ConfigError for an unknown condition."""
    return _condition(condition)["mismatched"]


def every_prompt():
    """All prompts of `granularities.yaml`, held-out ones too."""
    pools = [each[granularity] for each in _content().values() for granularity in ("G3", "G4")]
    return [text for each in pools for text in (*each["sentences"], each["held_out"])]


@cache
def _content():
    return yaml_files.parse(files(__package__).joinpath("granularities.yaml").read_bytes(), "granularities.yaml")


def _condition(name):
    known = _content()
    if name not in known:
        raise unknown("condition", name, known)
    return known[name]


def _pool(condition, granularity):
    if granularity not in corpus.GRANULARITIES:
        raise unknown("granularity", granularity, corpus.GRANULARITIES)
    return _condition(condition)[granularity]
