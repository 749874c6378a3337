"""The sentences that tell the model the viewer and the task, for every condition of every gaze folder.

They are kept in `sentences.yaml`: a condition has a pool of paraphrases, of which the first is the one that it is
scored with, and one held-out paraphrase that no training may use. A folder may add sentences of its own to a condition,
or put its condition under another pool; a folder that the file does not name uses the condition's pool. What the data
sets of the corpus say, at four granularities, is in `corpus`; those that `sentences.yaml` does not name use that.
"""

from functools import cache
from importlib.resources import files

from mindaam import yaml_files
from mindaam.data.prompts import corpus, granularities
from mindaam.errors import unknown

_DETAILED = "G4"  # the granularity that sets of the corpus are trained on and scored with


def conditions():
    """Names of all conditions, sorted."""
    return sorted(_content()["conditions"])


def default_prompt(condition="free_viewing"):
    """The sentence for a condition when none is given; ConfigError for an unknown condition."""
    return _condition(condition)["sentences"][0]


def generic_prompt():
    """A prompt for images that names no task, to measure what naming the task is worth. Not part of the training."""
    return _content()["generic"]


def training_prompts(dataset, condition):
    """All sentences that may be trained on for a folder's condition, the one it is scored with first.

    Raises ConfigError for an unknown condition, except for a set of the corpus: it has one, of any name.
    """
    if _in_corpus(dataset, condition):
        return corpus.pool(dataset, _DETAILED)
    own = _folder(dataset, condition)
    sentences = [*_pool(dataset, condition)["sentences"], *own.get("own", ())]
    return [own["scored_with"], *sentences] if "scored_with" in own else sentences


def held_out_prompt(dataset, condition):
    """A paraphrase for a folder's condition that is never trained on; ConfigError for an unknown condition."""
    if _in_corpus(dataset, condition):
        return corpus.held_out(dataset, _DETAILED)
    return _pool(dataset, condition)["held_out"]


def every_prompt():
    """All prompts of this package, each once: of all conditions, for training and held-out, and the generic ones."""
    content = _content()
    found = [content["generic"]]
    for pool in content["conditions"].values():
        found += [*pool["sentences"], pool["held_out"]]
    for entry in (each for folder in content["folders"].values() for each in folder.values()):
        found += [entry["scored_with"]] if "scored_with" in entry else []
        found += entry.get("own", ())
    found += granularities.every_prompt()
    for key in corpus.sets():
        found.append(corpus.generic(key))
        for granularity in corpus.GRANULARITIES:
            found += [*corpus.pool(key, granularity), corpus.held_out(key, granularity)]
    return list(dict.fromkeys(found))


@cache
def _content():
    return yaml_files.parse(files(__name__).joinpath("sentences.yaml").read_bytes(), "sentences.yaml")


def _in_corpus(dataset, condition):
    """Whether the corpus's sentences speak for this: not where a folder has its own, nor for another task, as counting.

    A set's own condition is free viewing, or bears a name that `sentences.yaml` does not know.
    """
    content = _content()
    ours = dataset in corpus.sets() and dataset not in content["folders"]
    return ours and (condition == "free_viewing" or condition not in content["conditions"])


def _condition(name):
    known = _content()["conditions"]
    if name not in known:
        raise unknown("condition", name, known)
    return known[name]


def _folder(dataset, condition):
    return _content()["folders"].get(dataset, {}).get(condition, {})


def pool_name(dataset, condition):
    """The bundled condition whose prompts a folder's condition uses; of an unknown condition its own name."""
    return _folder(dataset, condition).get("pool", condition)


def _pool(dataset, condition):
    return _condition(pool_name(dataset, condition))
