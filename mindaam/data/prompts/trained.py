"""The conditions that a model was trained on, and how near a prompt is to them.

A model has learned a task only from the prompts of its training. The cosine of sentence embeddings measures how near a
prompt is to the nearest of them.
"""

from typing import NamedTuple

import numpy as np

from mindaam.data import prompts

YES, WEAKLY, NO, UNKNOWN = "trained", "weakly trained", "not trained", "not known"
# Paraphrases of trained conditions are above, most other tasks and all texts that are no prompt below
# (`python benchmarks/prompt_distance.py`).
NEAR = 0.55


class Nearest(NamedTuple):
    """The trained condition that is nearest to a prompt, and the cosine of the nearest of its prompts, -1..1."""

    condition: str
    cosine: float


class Trained:
    """Prompts of a training. conditions: the name of each one's condition; embeddings: float32 [n, E], n > 0."""

    def __init__(self, conditions, embeddings):
        self._conditions, self._embeddings = conditions, _unit(embeddings)

    def nearest(self, embedding):
        """The Nearest of the sentence embedding [E] of a prompt."""
        cosines = self._embeddings @ _unit(embedding)
        at = int(cosines.argmax())
        return Nearest(self._conditions[at], float(cosines[at]))


class Row(NamedTuple):
    """A condition: its name, YES, WEAKLY, NO or UNKNOWN, and its prompt."""

    condition: str
    state: str
    prompt: str


def rows(trained, weakly, own=None):
    """All conditions of a model as Rows, those of this package first.

    trained, weakly: {dataset: conditions} of its training, None where that is unknown; weakly: those whose gaze was not
    recorded but derived. own: {name: prompt} of a checkpoint with prompts of its own, all of which are trained.
    """
    found = [Row(name, state(name, {} if own else trained, weakly), prompts.default_prompt(name))
             for name in prompts.conditions() if name not in (own or {})]  # fmt: skip
    return found + [Row(name, YES, text) for name, text in (own or {}).items()]


def state(condition, trained, weakly=None):
    """YES, WEAKLY, NO or UNKNOWN for a condition; trained, weakly: as in `rows`."""
    if any(condition in names for names in (trained or {}).values()):
        return YES
    if any(condition in names for names in (weakly or {}).values()):
        return WEAKLY
    return UNKNOWN if trained is None else NO


def remark(prompt, embedding, trained):
    """A sentence about a prompt that is far from all of the training; None for one that is near.

    embedding: of the prompt, [E]. trained: Trained.
    """
    nearest = trained.nearest(embedding)
    if nearest.cosine >= NEAR:
        return None
    return (
        f'the prompt "{_short(prompt)}" is unlike all prompts of the training (cosine {nearest.cosine:.2f}, of '
        f"paraphrases {NEAR} and more), so its map may show another task; the nearest condition is {nearest.condition}"
    )


def trained_prompts(trained, stored):
    """The Trained of all prompts of {dataset: conditions}; None if there are none, or one of them is not stored.

    stored: {prompt: float32 [E]} of the model's text encoder, as of `zoo.embeddings.stored_embeddings`.
    """
    pairs = {}
    for dataset, conditions in trained.items():
        for condition in conditions:
            pairs.update(dict.fromkeys(prompts.training_prompts(dataset, condition), condition))
    if not pairs or not pairs.keys() <= stored.keys():
        return None
    return Trained(list(pairs.values()), np.stack([stored[text] for text in pairs]))


def _short(text, most=80):
    return text if len(text) <= most else f"{text[:most]}..."


def _unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)
