"""Measured means beside the published figures of all methods on the same dataset.

An `evaluation` is an `evaluation.results.Evaluation`: its `settings` are the content of evaluation.json, its
`summary()` is {dataset: {role: {metric: (mean, low, high, n)}}}.
"""

import math

from mindaam.data.datasets.catalogue import catalogue
from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published.figures import figures

# Tables of methods, the complete ones first: the main text repeats rows of the appendix, once with another digit.
METHOD_TABLES = ("19", "20", "21", "22", "17", "1", "2", "3")
LOWER_IS_BETTER = ("KLD", "EMD")
BASELINES = {"center_bias": "center bias", "uniform": "constant map", "people": "people predict people"}
OURS, NOT_RUN = "MindAAM", "not run"
CAUTION = (
    "published figures are printed in the AAM paper, which does not state its sigma; its image sizes, splits and "
    "averaging (over frames or over videos) may differ from those of the measured means"
)
BEST = "values marked * are the best of their column"


def beside(evaluation):
    """Tables: one per evaluated dataset that the paper has figures of, and one of its datasets that were not run.

    A row is a method; the first rows are measured, `right` and the baselines, as mean [95 % interval].
    """
    summary = evaluation.summary()  # once: its intervals take time
    tables = [_dataset(evaluation, name, means) for name, means in summary.items() if compared(name)]
    missing = _not_run(summary)
    return [*tables, missing] if missing.rows else tables


def compared(dataset):
    """Published Figures of methods on a dataset, one per method, variant and metric."""
    found = {}
    for number in METHOD_TABLES:
        for each in figures(dataset, number):
            found.setdefault((each.method, each.reference, each.variant, each.metric), each)
    return list(found.values())


def title(dataset):
    """The name of a dataset for readers."""
    return catalogue()[dataset].title if dataset in catalogue() else dataset


def model(evaluation):
    """The name of what was evaluated: a model, or the folder of maps of another tool; without audio, that too."""
    source = evaluation.settings.get("source", {})
    name = source["model"] if source.get("model") else f"maps of {source.get('maps', 'an unnamed folder')}"
    return f"{name}, audio off" if evaluation.settings.get("audio") == "off" and source.get("model") else name


def provenance(evaluation, dataset, label=OURS):
    """Notes on the measured means of a dataset, after a label: data, protocol, model and command."""
    settings, part = evaluation.settings, evaluation.settings["sets"][dataset]
    source, sigma = settings.get("source", {}), part.get("sigma")
    facts = [
        f"{part.get('n')} {part.get('kind') or 'items'} of split {part.get('split')}",
        f"ground truth: {part.get('ground_truth')}",
        "sigma not stated" if sigma is None else f"sigma {sigma:g}°",
        f"size: {part.get('size')}",
        *part.get("notes", ()),
    ]
    file = f"{source['file']} (SHA-256 {str(source.get('sha256'))[:12]}), " if source.get("file") else ""
    return [
        f"{label}, {title(dataset)}: {'; '.join(facts)}",
        f"{label}, {settings.get('protocol_sentence')}; in brackets: {settings.get('interval')}",
        f"{label}: {file}{settings.get('command')} (revision {settings.get('revision') or 'unknown'})",
    ]


def measured_cells(means, metrics):
    """n as text and one cell per metric, from {metric: (mean, low, high, n)}; "-" for a metric that was not scored."""
    counts = sorted({means[each][3] for each in metrics if each in means})
    return ["-".join(map(str, counts[:1] + counts[1:][-1:])) or "0", *(_cell(means.get(each)) for each in metrics)]


def marked(rows, values, metrics):
    """The rows with " *" after the best value of each metric, ties included.

    rows: lists whose last cells are the metrics; values: {metric: float} per row, {} for a row that does not take part.
    """
    rows = [list(row) for row in rows]
    for column, metric in enumerate(metrics, -len(metrics)):
        sign = -1 if metric in LOWER_IS_BETTER else 1
        scores = [sign * each.get(metric, math.nan) for each in values]
        best = max((each for each in scores if not math.isnan(each)), default=None)
        for row, score in zip(rows, scores, strict=True):
            row[column] += " *" if score == best else ""
    return rows


def published_rows(found, metrics):
    """[(name of the method, cells, {metric: float})] of Figures, one per method and variant, in order."""
    methods = {}
    for each in found:
        key = f"{each.method} ({each.reference})" + (f", {each.variant}" if each.variant else "")
        methods.setdefault(key, {})[each.metric] = each.value
    return [
        (name, [of.get(each, "-") for each in metrics], {key: float(value) for key, value in of.items()})
        for name, of in methods.items()
    ]


def _dataset(evaluation, dataset, means):
    """The Table of one dataset; means: {role: {metric: (mean, low, high, n)}}."""
    found = compared(dataset)
    metrics = list(dict.fromkeys(each.metric for each in found))
    rows, values = [], []
    for role in ("right", *BASELINES):
        if role in means:
            name = f"{OURS}: {model(evaluation)}" if role == "right" else BASELINES[role]
            rows.append([name, "measured", *measured_cells(means[role], metrics)])
            # Baselines are no competitors: people are a bound.
            values.append({key: value[0] for key, value in means[role].items()} if role == "right" else {})
    for name, cells, of in published_rows(found, metrics):
        rows.append([name, "published", "", *cells])
        values.append(of)
    numbers = dict.fromkeys(each.table for number in METHOD_TABLES for each in figures(dataset, number))
    notes = [BEST, f"published in the AAM paper: Table {' and '.join(sorted(numbers, key=int))}", CAUTION]
    return Table(
        f"{title(dataset)} beside the published figures",
        ["method", "source", "n", *metrics],
        marked(rows, values, metrics),
        [*notes, *provenance(evaluation, dataset)],
    )


def _not_run(summary):
    """The Table of the paper's datasets that are not in the summary of an evaluation."""
    rows = []
    for dataset in dict.fromkeys(each.dataset for number in METHOD_TABLES for each in figures(table=number)):
        if dataset not in summary:
            found = [each for each in compared(dataset) if each.method == "AAM"]
            shown = ", ".join(f"{each.metric} {each.value}" for each in found if each.variant == found[0].variant)
            rows.append([title(dataset), f"Table {found[0].table}", shown, NOT_RUN])
    head = ["dataset", "published in", "AAM (the paper)", "measured"]
    return Table("Datasets of the paper that were not run", head, rows)


def _cell(mean):
    """Mean [low, high] with three decimals; without the interval where it is undefined."""
    if mean is None or math.isnan(mean[0]):
        return "-"
    value, low, high = mean[:3]
    return f"{value:.3f}" if math.isnan(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"
