"""Rows of images: the maps of a MapSource and the baselines against recorded gaze."""

import numpy as np

from mindaam.errors import InputError
from mindaam.evaluation.results import CONDITION, PEOPLE
from mindaam.evaluation.train_gaze import baseline_maps
from mindaam.evaluation.truths import fitted, truth_of_image
from mindaam.metrics.protocols import METRICS
from mindaam.metrics.scoring import score


def rows_of_image(source, reader, indices, roles_of, protocol, gaze, position, people=None):
    """The rows of the entries of one image, one per (entry, role); all its prompts are predicted at once.

    source: MapSource; indices: of the entries in the reader; roles_of: condition -> {role: prompts}; protocol:
    Protocol; gaze, people: TrainGaze and People of the reader; position: of the image in its split, the seed of what is
    drawn at random. Raises InputError for damaged files and for maps that are not finite.
    """
    name = reader.entries[indices[0]][0]
    plans = {index: roles_of(reader.entries[index][1]) for index in indices}
    entry_of = {reader.entries[index][1]: index for index in indices}
    needed = list(dict.fromkeys(text for plan in plans.values() for texts in plan.values() for text in texts))
    maps = dict(zip(needed, source.image_maps(reader, indices[0], needed), strict=True))
    rows = []
    for index, plan in plans.items():
        condition = reader.entries[index][1]
        truth = truth_of_image(reader, index, protocol, gaze, position)
        texts = dict.fromkeys(text for texts in plan.values() for text in texts)
        scored = {text: _scored(name, maps[text], truth, protocol) for text in texts}
        by_role = {role: mean_scores([scored[text] for text in texts]) for role, texts in plan.items()}
        by_role |= _baselines(condition, truth, protocol, gaze)
        scores = people.scores(index, protocol, gaze, position) if people else None
        by_role |= {"people": scores} if scores else {}
        for other in _compared(plan, entry_of) if people else ():
            scores = people.across(index, entry_of[other], truth, protocol, gaze, position)
            by_role |= {f"{PEOPLE}{other}": scores} if scores else {}
        start = {"dataset": reader.name, "split": reader.split, "name": name, "condition": condition}
        rows += [start | {"role": role, "maps": 1} | scores for role, scores in by_role.items()]
    return rows


def _compared(plan, entry_of):
    """The conditions of an image whose prompts are scored under each of its conditions."""
    return [condition for condition in entry_of if f"{CONDITION}{condition}" in plan]


def mean_scores(scores):
    """Mean of each metric over a list of {metric: value} that have it, without NaN unless there is nothing else."""
    found = {}
    for metric in METRICS:
        values = [each[metric] for each in scores if metric in each]
        if values:
            found[metric] = float(np.mean([each for each in values if not np.isnan(each)] or values))
    return found


def _scored(name, prediction, truth, protocol):
    try:
        return score(fitted(prediction, truth, protocol, is_video=False), truth, protocol)
    except InputError as error:
        raise InputError(f"the map predicted for {name} cannot be scored: {error}") from error


def _baselines(condition, truth, protocol, gaze):
    """{role: scores} of the maps that use no pixel of the image."""
    maps = baseline_maps(condition, truth.density.shape, gaze)
    return {role: score(fitted(each, truth, protocol, is_video=False), truth, protocol) for role, each in maps.items()}
