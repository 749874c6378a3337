"""The sentences that tell the model who is looking and why, for every condition of every gaze folder.

They are kept in `sentences.yaml`: a condition has a pool of paraphrases, of which the first is the one that it is
scored with, and one held-out paraphrase that no training may use. A folder may add sentences of its own to a condition,
or put its condition under another pool; a folder that the file does not name uses the condition's pool.
"""

from functools import cache
from importlib.resources import files

import yaml

from mindaam.errors import unknown


def conditions():
    """Names of all conditions, sorted."""
    return sorted(_content()["conditions"])


def default_sentence(condition="free_viewing"):
    """The sentence for a condition when none is given; ConfigError for an unknown condition."""
    return _condition(condition)["sentences"][0]


def generic_sentence():
    """A sentence that names no task, to measure what naming the task is worth. Never trained on."""
    return _content()["generic"]


def training_sentences(dataset, condition):
    """All sentences that may be trained on for a folder's condition, the one it is scored with first.

    Raises ConfigError for an unknown condition.
    """
    own = _folder(dataset, condition)
    sentences = [*_pool(dataset, condition)["sentences"], *own.get("own", ())]
    return [own["scored_with"], *sentences] if "scored_with" in own else sentences


def scoring_sentence(dataset, condition):
    """The one sentence that a folder's condition is scored with; ConfigError for an unknown condition."""
    return training_sentences(dataset, condition)[0]


def held_out_sentence(dataset, condition):
    """A paraphrase for a folder's condition that is never trained on; ConfigError for an unknown condition."""
    return _pool(dataset, condition)["held_out"]


@cache
def _content():
    return yaml.safe_load(files(__name__).joinpath("sentences.yaml").read_text(encoding="utf-8"))


def _condition(name):
    known = _content()["conditions"]
    if name not in known:
        raise unknown("condition", name, known)
    return known[name]


def _folder(dataset, condition):
    return _content()["folders"].get(dataset, {}).get(condition, {})


def _pool(dataset, condition):
    return _condition(_folder(dataset, condition).get("pool", condition))
