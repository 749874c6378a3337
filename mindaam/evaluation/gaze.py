"""Agreement of a model's maps with recorded gaze, and the effect of the prompt.

Every image of a gaze folder's split is predicted as it is stored; the map is compared, at a longest side of 400 px
(area resampling), with the density of the fixations, sigma one degree. All prompts of an image are predicted at once,
with one pass through the backbone. The condition-swap protocol scores each (image, condition) under these roles:

    right       the prompt of the condition under which the gaze was recorded
    others      the prompts of the folder's other conditions, the mean of their scores
    generic     a prompt without a task
    held_out    a paraphrase of the right prompt that is not part of the training
    mismatched  of the corpus's datasets, which have one condition: the prompt of a dataset with another task

The model uses a condition when `right` and `held_out` beat `others`, `mismatched` and `generic`.
"""

from functools import partial

import numpy as np

from mindaam import metrics
from mindaam.data import prompts, transforms
from mindaam.data.datasets.opening import other_split
from mindaam.data.prompts.prompting import Prompting, held_out, mismatched, prompts_for
from mindaam.errors import InputError
from mindaam.evaluation.markdown_text import plain, table_row
from mindaam.metrics.comparison import LONGEST_SIDE, map_scores

METRICS = ("CC", "SIM", "KLD", "NSS", "AUC_Judd", "sAUC")
ROLES = ("right", "others", "generic", "held_out", "mismatched")

# Negatives of the shuffled AUC: the fixations of so many other images, drawn from the train split.
OTHER_IMAGES = 10


def score_map(prediction, density, fixations=None, others=None, settings=metrics.PAPER):
    """All metrics of one map against one ground truth.

    prediction: [h,w], any size, resized to that of the density. density: [H,W]. fixations: [n,2] (x, y) in pixels of
    the density, or None, without NSS and AUC_Judd. others: [m,2] fixations of other images in the same pixels, or None,
    without sAUC. Returns {metric: float}; raises InputError for a map that is not finite.
    """
    prediction = transforms.resize_image(np.ascontiguousarray(prediction, np.float32), density.shape)
    scores = dict(zip(METRICS[:3], map_scores(prediction, density, settings), strict=True))
    if fixations is not None:
        scores["NSS"] = metrics.nss(prediction, fixations, **settings.nss)
        scores["AUC_Judd"] = metrics.auc_judd(prediction, fixations, **settings.auc_judd)
        if others is not None:
            scores["sAUC"] = metrics.auc_shuffled(prediction, fixations, others, **settings.auc_shuffled)
    return scores


def swap_roles(folder, condition, prompting=Prompting()):  # noqa: B008 - an immutable tuple
    """The prompts of each role for one condition of the folder: {role: [prompt, ...]}, without empty roles.

    prompting: the Prompting that chooses the right one; by default the reader's own.
    """
    right, *others = [
        prompts_for(prompting, folder.name, folder, each)[0]
        for each in (condition, *(other for other in folder.conditions if other != condition))
    ]
    paraphrase, wrong = (choose(prompting, folder.name, folder, condition) for choose in (held_out, mismatched))
    roles = {
        "right": [right],
        "others": [each for each in others if each != right],  # without a prompt all conditions are the same
        "generic": [prompts.generic_prompt()],
        "held_out": [paraphrase] if paraphrase else [],
        "mismatched": [wrong] if wrong else [],
    }
    return {role: texts for role, texts in roles.items() if texts}


def score_roles(predict_many, folder, roles_of=swap_roles, settings=metrics.PAPER, progress=iter, left_out=None):
    """Scores every entry of the folder under every role; one row per (entry, role).

    predict_many: (image uint8 RGB [H,W,3], prompts list[str]) -> maps, one [h,w] per prompt, called once per image.
    roles_of: (folder, condition) -> {role: prompts}. progress: wraps the list of images, such as tqdm. left_out:
    called as left_out(name, exception) for an image that cannot be scored, and the others are; with None it is raised.
    Returns dicts with dataset, image, condition, role and the metrics (the mean over the prompts of the role).
    """
    others = _OtherFixations(folder)
    rows = []
    for position, (name, indices) in enumerate(progress(_by_image(folder))):
        try:
            draw = partial(others.draw, position)
            rows += _rows_of_image(predict_many, folder, name, indices, roles_of, settings, draw)
        except Exception as error:  # it concerns one image of many
            if left_out is None:
                raise
            left_out(name, error)
    return rows


def _rows_of_image(predict_many, folder, name, indices, roles_of, settings, others):
    """The rows of the entries of one image; others: size -> fixations of other images, or None."""
    plans = {index: roles_of(folder, folder.entries[index][1]) for index in indices}
    needed = list(dict.fromkeys(text for plan in plans.values() for texts in plan.values() for text in texts))
    answers = predict_many(folder.image(indices[0]), needed)
    size = transforms.fit_within(folder.size(indices[0]), LONGEST_SIDE)
    maps, rows = dict(zip(needed, answers, strict=True)), []
    for index, plan in plans.items():
        truth = _truth(folder, index, size, others(size))
        scored = {text: _scored(name, maps[text], truth, settings) for texts in plan.values() for text in texts}
        entry = {"dataset": folder.name, "image": name, "condition": folder.entries[index][1]}
        for role, texts in plan.items():
            rows.append(entry | {"role": role} | mean_scores([scored[text] for text in texts]))
    return rows


def means(rows):
    """{metric: mean over the rows that have it}, in the order of METRICS."""
    return mean_scores([{key: row[key] for key in METRICS if key in row} for row in rows])


def evaluate_model(
    predict_many, folders, settings=metrics.PAPER, progress=iter, prompting=Prompting(), left_out=None  # noqa: B008
):  # fmt: skip
    """The condition-swap protocol on several folders, as one report that can be written as JSON.

    predict_many, progress and left_out as in `score_roles`; folders: `GazeFolder`s or other readers of images;
    prompting: the Prompting that the model was trained with. Returns
    {"longest_side": 400, "sets": {dataset: {"split", "ground_truth", "pictures", "pairs", "scores": {role: {metric:
    mean}}, "conditions": {condition: {role: {metric: mean}}}}}, "rows": [...]}.
    """
    report = empty_report()
    for folder in folders:
        roles_of = partial(swap_roles, prompting=prompting)
        rows = score_roles(predict_many, folder, roles_of, settings, progress, left_out)
        add_to(report, folder, rows)
    return report


def empty_report():
    """An empty report of `evaluate_model`."""
    return {"longest_side": LONGEST_SIDE, "sets": {}, "rows": []}


def add_to(report, folder, rows):
    """Adds the rows of a folder, of `score_roles`, to a report, in place."""
    report["rows"] += rows
    report["sets"][folder.name] = {
        "split": folder.split,
        "ground_truth": folder.ground_truth,
        "pictures": len({row["image"] for row in rows}),
        "pairs": len(folder),
        "scores": _by_role(rows),
        "conditions": {
            condition: _by_role([row for row in rows if row["condition"] == condition])
            for condition in folder.conditions
        },
    }


def markdown(report):
    """The report as a Markdown table: one row per dataset and role, and per condition where a dataset has several."""
    lines = ["| dataset | prompt | pairs | " + " | ".join(METRICS) + " |", "|---" * (3 + len(METRICS)) + "|"]
    for name, part in report["sets"].items():
        lines += [_line(name, role, part["pairs"], scores) for role, scores in part["scores"].items()]
        if len(part["conditions"]) > 1:
            for condition, by_role in part["conditions"].items():
                lines += [_line(f"{name}: {condition}", role, "", scores) for role, scores in by_role.items()]
    truths = [plain(f"{name}: ground truth is {part['ground_truth']}.") for name, part in report["sets"].items()]
    return "\n".join([*lines, *_gains(report), "", *truths]) + "\n"


class _OtherFixations:
    """Fixations of other images, for the shuffled AUC, as shares of an image's width and height."""

    def __init__(self, folder):
        self._shares = []
        # Maps have no points, and a folder may have no train split.
        if len(folder) == 0 or folder.fixations(0) is None:
            return
        try:
            train = other_split(folder, "train")
        except InputError:
            return
        points = ((train.fixations(index), np.array(train.size(index))[::-1]) for index in range(len(train)))
        self._shares = [fixations / size for fixations, size in points if fixations is not None]

    def draw(self, position, size):
        """The fixations [m,2] of ten train images in pixels of `size`, or None; `position` seeds the draw."""
        if not self._shares:
            return None
        count = min(OTHER_IMAGES, len(self._shares))
        # The position of the image in the split is the seed, as in the published baselines.
        picked = np.random.RandomState(position).choice(len(self._shares), count, replace=False)
        return np.concatenate([self._shares[index] for index in picked]) * np.array([size[1], size[0]])


def _by_image(folder):
    """[(name of an image, indices of its entries)], in the order of the folder; an image is predicted once."""
    images = {}
    for index, (name, _) in enumerate(folder.entries):
        images.setdefault(name, []).append(index)
    return list(images.items())


def _truth(folder, index, size, others):
    fixations = folder.fixations(index)
    if fixations is not None:
        fixations = transforms.scale_fixations(fixations, folder.size(index), size)
    return folder.density(index, size), fixations, others


def _scored(name, prediction, truth, settings):
    try:
        return score_map(prediction, *truth, settings)
    except InputError as error:
        raise InputError(f"the map predicted for {name} cannot be scored: {error}") from error


def _by_role(rows):
    roles = {role: [row for row in rows if row["role"] == role] for role in ROLES}
    return {role: means(of_role) for role, of_role in roles.items() if of_role}


def mean_scores(scores):
    """Mean of each metric over a list of {metric: value}."""
    keys = [key for key in METRICS if any(key in each for each in scores)]
    return {key: float(np.mean([each[key] for each in scores if key in each])) for key in keys}


def _gains(report):
    """A line for each dataset with several conditions: the CC of the right prompt against the others."""
    lines = []
    for name, part in report["sets"].items():
        cc = {role: of_role["CC"] for role, of_role in part["scores"].items()}
        if "others" in cc:
            against = ", ".join(f"{cc['right'] - cc[role]:+.4f} against {role}" for role in ("others", "generic"))
            lines += ["", f"{plain(name)}: CC of the right prompt {against}."]
    return lines


def _line(name, role, pairs, scores):
    cells = [f"{scores[key]:.4f}" if key in scores else "" for key in METRICS]
    return table_row([name, role.replace("_", "-"), pairs, *cells])
