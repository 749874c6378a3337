"""The matrix of prompt × true task of a dataset whose images are viewed under several tasks, and people's own."""

import numpy as np

from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.results import CONDITION, PEOPLE
from mindaam.evaluation.studies.paired import mean_of, scores
from mindaam.evaluation.studies.study import cell, names, record

SHOWN = ("CC", "SIM")  # metrics with a matrix of their own
OF_MODEL = "rows: the prompt; columns: the task of the viewers; the mean over images of the model's score"
HALVES = (
    "rows: the task of the predicting half of the viewers; columns: that of the predicted half; no viewer is in both"
)
MAPS = (
    "map against map, since the data do not keep viewers apart: rows: the task of the predicting map; columns: that of "
    "the predicted map; a map predicts itself perfectly, so that the diagonal is no bound and only rows and columns "
    "outside of it compare tasks"
)
CONTRAST = "the matching task minus the mean of the other ones, for the same gaze"
BEST = "the share of gaze maps for which the matching task has the highest CC of all"


def matrices(dataset, rows):
    """(Tables, records) of the rows of a dataset with several conditions; ([], []) without single conditions."""
    tasks, tables, records, contrasts = names(rows), [], [], []
    title = comparing.title(dataset)
    for beginning, who in ((CONDITION, "model"), (PEOPLE, "people")):
        for metric in SHOWN:
            found = {task: scores(rows, f"{beginning}{task}", metric) for task in tasks}
            if len(tasks) < 2 or not all(found.values()):
                continue
            means = {(a, b): mean_of(_under(found[a], b)) for a in tasks for b in tasks}
            cells = [[a, *(cell(means[a, b]) for b in tasks)] for a in tasks]
            note = OF_MODEL if who == "model" else _of_people(found)
            tables.append(Table(f"{title}: {metric}, {_title(who)}", [_title(who), *tasks], cells, [note]))
            records += [record(dataset, f"{beginning}{a}", metric, mean, b) for (a, b), mean in means.items()]
            if note != MAPS:  # a map that predicts itself has no contrast
                contrasts += [_contrast(who, metric, found, task) for task in ("", *tasks)]
    records += [
        record(dataset, f"{who}: matching - others", metric, mean, task) for who, metric, task, mean, _ in contrasts
    ]
    if contrasts:
        lines = [
            [who, metric, task or "all", mean.n, cell(mean, signed=True), best]
            for who, metric, task, mean, best in contrasts
        ]
        head = ["source", "metric", "task", "n", "matching − others", "matching is best"]
        tables.append(Table(f"{title}: contrast of tasks", head, lines, [CONTRAST, BEST]))
    return tables, records


def _title(who):
    return "prompt × task" if who == "model" else "people, task × task"


def _under(values, condition):
    """The values {(name, condition): value} of one condition."""
    return {pair: value for pair, value in values.items() if pair[1] == condition}


def _of_people(found):
    """How people's matrix was made: of maps, which predict themselves perfectly, or of halves of viewers."""
    own = [value for task, values in found.items() for value in _under(values, task).values()]
    return MAPS if min(own) > 1 - 1e-6 else HALVES


def _contrast(who, metric, found, task):
    """(who, metric, task, Mean of matching - others, share of pairs where matching is best as text); "" for all."""
    pairs = [pair for pair in next(iter(found.values())) if task in ("", pair[1])]
    gains, best = {}, []
    for pair in pairs:
        others = [values[pair] for name, values in found.items() if name != pair[1] and pair in values]
        own = found[pair[1]].get(pair)
        if own is not None and others:
            gains[pair] = own - float(np.mean(others))
            best.append(own > max(others))
    return who, metric, task, mean_of(gains), f"{100 * np.mean(best):.1f} %" if best else "-"
