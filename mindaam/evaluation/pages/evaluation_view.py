"""What a page shows of an evaluation, as plain values for the templates.

An evaluation may come from a folder that others wrote: values of other types than `evaluation.results` describes are
shown as unknown.
"""

import math

from mindaam.evaluation.pages.evaluation_plots import distribution, dots, interval_of
from mindaam.evaluation.pages.example_images import triptychs
from mindaam.evaluation.pages.page import UNKNOWN, digits
from mindaam.evaluation.pages.run_view import mapping
from mindaam.evaluation.results import METRICS, ROLES, Mean, by_condition, by_role

LABELS = {"AUC_Judd": "AUC-Judd", "AUC_Borji": "AUC-Borji"}
LOWER = ("KLD", "EMD")  # the smaller the better
BASELINES = {"center_bias": "center bias", "uniform": "uniform map", "people": "people predict people"}
OUTLINED = ("center_bias", "people")  # in the plot of the distribution, beside the predictions
MEANINGS = {
    "right": "matching prompt",
    "others": "prompts of other conditions",
    "generic": "prompt without a task",
    "held_out": "held-out paraphrase",
    "mismatched": "mismatched prompt",
    "paraphrases": "mean over paraphrases",
    "none": "no prompt",
}


def evaluation_view(evaluation, images):
    """The values of an Evaluation: title, facts, sets. images: the example_images.Images of the page."""
    settings = evaluation.settings
    sets = [_set(evaluation, name, mapping(entry), images) for name, entry in settings["sets"].items()]
    return {"title": subject(settings), "facts": list(_facts(settings)), "sets": sets, "finished": finished(settings)}


def subject(settings):
    """What was evaluated: the name of a model, or the folder of maps of another tool."""
    source = mapping(settings.get("source"))
    return source.get("model") or (f"maps of {source['maps']}" if source.get("maps") else "unnamed predictions")


def finished(settings):
    """Whether the evaluation came to its end."""
    return bool(settings.get("finished"))


def scores_of(evaluation, name):
    """{role: {metric: Mean}} of a dataset: as stored at the end of the evaluation, else from the rows."""
    stored = mapping(mapping(evaluation.settings["sets"].get(name)).get("scores"))
    if not stored:
        return by_role(evaluation.rows_of(name))
    roles = sorted(stored, key=lambda role: (ROLES.index(role) if role in ROLES else len(ROLES), role))
    return {role: _means(stored[role]) for role in roles}


def first_role(scores):
    """The role that stands for the predictions: `right`, or the first that is not a baseline; None without one."""
    return next((role for role in ("right", *scores) if role in scores and role not in BASELINES), None)


def metrics_of(scores):
    """The metrics that a role has, in order."""
    return [metric for metric in METRICS if any(metric in of_role for of_role in scores.values())]


def head_of(metrics):
    """[(title, class)] of the columns of metrics; an arrow points to better values."""
    return [(f"{LABELS.get(each, each)} {'↓' if each in LOWER else '↑'}", "n") for each in metrics]


def cell(mean, count=None):
    """A Mean, or None, as texts: value, interval ("" where it is unknown), n where it is not `count`."""
    if mean is None:
        return {"value": "", "interval": "", "n": ""}
    return {"value": digits(mean.mean), "interval": interval_of(mean), "n": "" if mean.n == count else f"n = {mean.n}"}


def _set(evaluation, name, entry, images):
    scores = scores_of(evaluation, name)
    rows = evaluation.rows_of(name)
    conditions = mapping(entry.get("conditions")) or by_condition(rows)
    shown = {
        each: {role: _means(of_role) for role, of_role in mapping(found).items()} for each, found in conditions.items()
    }
    values = {role: _values(evaluation, name, role) for role in (first_role(scores), *OUTLINED) if role in scores}
    return {
        "name": name,
        "facts": list(_set_facts(entry, len({row["name"] for row in rows}))),
        "table": table_of(scores),
        "dots": dots([(label_of(role), of_role.get("CC"), kind_of(role)) for role, of_role in scores.items()]),
        "distribution": distribution(values),
        "legend": [(label_of(role), role if role in OUTLINED else "model") for role in values],
        "conditions": [(each, table_of(found)) for each, found in shown.items()] if len(shown) > 1 else [],
        "examples": triptychs(images, name),
        "notes": _texts(entry.get("notes")),
        "skipped": _texts(entry.get("skipped")),
        "kind": "video" if entry.get("kind") == "videos" else "image",
    }


def table_of(scores):
    """{role: {metric: Mean}} as a table: head, and groups of rows, the predictions and the baselines apart."""
    metrics = metrics_of(scores)
    groups = []
    for title, chosen in (("predictions", False), ("baselines", True)):
        rows = [_row(role, scores[role], metrics) for role in scores if (role in BASELINES) == chosen]
        groups += [{"title": title, "rows": rows, "is_baseline": chosen}] if rows else []
    return {"head": [("role", ""), ("n", "n"), *head_of(metrics)], "groups": groups}


def _row(role, of_role, metrics):
    count = max((mean.n for mean in of_role.values()), default=0)
    cells = [cell(of_role.get(metric), count) for metric in metrics]
    return {"label": label_of(role), "meaning": MEANINGS.get(role, ""), "n": f"{count:,}", "cells": cells}


def label_of(role):
    """The name of a role in a table."""
    return BASELINES.get(role, role.replace("_", "-"))


def kind_of(role):
    """The style of a role: "model" for `right`, "baseline", or "other"."""
    return "baseline" if role in BASELINES else "model" if role == "right" else "other"


def _facts(settings):
    """(label, value) of what was run."""
    source = mapping(settings.get("source"))
    yield "predictions of", subject(settings)
    for key in ("file", "sha256"):
        if source.get(key):
            yield {"file": "model file", "sha256": "SHA-256"}[key], source[key]
    yield "protocol", settings.get("protocol_sentence") or UNKNOWN
    yield "intervals", settings.get("interval") or UNKNOWN
    yield "audio", settings.get("audio") or UNKNOWN
    for key in ("prompts", "granularity"):
        if _texts(settings.get(key)):
            yield key, ", ".join(_texts(settings[key]))
    yield "command", settings.get("command") or UNKNOWN
    revision = settings.get("revision") or "an installed package"
    yield "revision", f"{revision}, version {settings.get('version') or UNKNOWN}"
    yield "date", f"{settings.get('started') or UNKNOWN} to {settings.get('finished') or 'unfinished'}"
    machine = [f"{key} {value}" for key, value in mapping(settings.get("machine")).items()]
    if machine:
        yield "machine", ", ".join(machine)


def _set_facts(entry, scored):
    """(label, value) of what was scored of a dataset; scored: the number of images or videos with rows."""
    kind, count = entry.get("kind") or "images", entry.get("n")
    amount = f"{count} {kind}" if scored == count else f"{scored} of {count} {kind}"
    pairs = entry.get("pairs")
    yield "split", entry.get("split") or UNKNOWN
    yield "scored", amount + (f", {pairs} pairs of {kind[:-1]} and condition" if pairs not in (None, count) else "")
    yield "ground truth", entry.get("ground_truth") or UNKNOWN
    sigma = entry.get("sigma")
    yield (
        "sigma",
        f"{sigma:g} degree{'' if sigma == 1 else 's'}"
        if isinstance(sigma, int | float)
        else "none, the ground truth is published maps",
    )
    yield "resolution", entry.get("size") or UNKNOWN
    spread = mapping(entry.get("paraphrases"))
    if spread:
        each = (f"{LABELS.get(key, key)} {digits(value)}" for key, value in mapping(spread.get("std")).items())
        yield f"deviation over {spread.get('prompts')} paraphrases", ", ".join(each)


def _values(evaluation, name, role):
    """The finite CC of each row of a role."""
    values = [row["CC"] for row in evaluation.rows_of(name, role) if "CC" in row]
    return [value for value in values if math.isfinite(value)]


def _means(stored):
    """{metric: Mean} of stored mappings or Means; null is NaN, and what is not a number of either kind is skipped."""
    found = {}
    for metric in METRICS:
        each = mapping(stored).get(metric)
        each = each._asdict() if isinstance(each, Mean) else each
        if isinstance(each, dict) and isinstance(each.get("n"), int):
            found[metric] = Mean(*(_number(each.get(key)) for key in ("mean", "low", "high")), each["n"])
    return found


def _number(value):
    return float(value) if isinstance(value, int | float) else math.nan


def _texts(value):
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
