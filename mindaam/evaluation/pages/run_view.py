"""What a page shows of a training run, as plain values for the templates: progress, scores, curves, speed."""

from pathlib import Path

import numpy as np

from mindaam import yaml_files
from mindaam.errors import ConfigError
from mindaam.evaluation.pages import run_curves
from mindaam.evaluation.pages.page import UNKNOWN, digits, sparkline
from mindaam.evaluation.pages.run_files import finite, known, read_json, read_rows, read_steps, read_text
from mindaam.files import real

TERMS = {
    "kld": "KLD",
    "cc": "CC",
    "sim": "SIM",
    "entailment": "entailment",
    "distance": "distance",
    "swap": "condition swap",
    "change": "change of maps",
    "gate": "audio gate",
    "gate_attacked": "audio gate, attacked",
}
METRICS = ("CC", "SIM", "KLD")  # of epochs.csv


def run_view(folder):
    """The values of a run's folder: name, progress, phase, tiles, validation, curves, speed, and the data of data.json.

    Read are metrics.csv (or steps.csv), epochs.csv, data.json and config.yaml, as far as they exist.
    """
    folder = Path(folder)
    steps, steps_problem = read_steps(folder)
    epochs, epochs_problem = read_rows(folder / "epochs.csv", ("phase",))
    data, data_problem = read_json(folder / "data.json")
    return {
        "name": real(folder).name,
        "progress": list(_progress(steps, epochs)),
        "phase": steps[-1].get("phase") if steps else None,
        "tiles": list(_tiles(steps, epochs, data)),
        "validation": {"problem": epochs_problem, **_validation(epochs, _unseen(folder / "config.yaml"))},
        "curves": {"problem": steps_problem, **_curves(steps)},
        "speed": _speed(steps, steps_problem),
        "data": data,
        "data_problem": data_problem,
    }


def mapping(value):
    """A mapping of an untrusted file, empty where it is something else."""
    return value if isinstance(value, dict) else {}


def counted(number, word):
    """A whole number and its word: "1 epoch", "2,000 epochs"."""
    return f"{number:,.0f} {word}{'' if number == 1 else 's'}"


def _progress(steps, epochs):
    if not steps:
        yield "no step yet"
        return
    yield f"step {steps[-1]['step']:,.0f}"
    if epochs and known(epochs[-1], "epoch") is not None:
        yield f"{counted(epochs[-1]['epoch'], 'epoch')} scored"


def _tiles(steps, epochs, data):
    """(figure, lines below it) each."""
    best = _best(epochs, "mean_CC")
    if best is not None:
        sets = f"epoch {_epoch(epochs[best])}, {counted(len(_set_names(epochs)), 'dataset')}"
        yield digits(epochs[best]["mean_CC"]), ["best mean CC", sets]
    for kind, label in run_curves.LABELS.items():
        values = run_curves.series(steps, kind, "loss")[1]
        if len(values):
            tenth = max(1, len(values) // 10)
            start, now = (digits(float(part.mean()), 3) for part in (values[:tenth], values[-tenth:]))
            yield now, [f"loss of {label}", f"at the start {start}"]
    spent = sum(finite(steps, "seconds"))
    if spent:
        yield _clock(spent), ["step time in total", counted(len(steps), "step")]
    trained = mapping(data.get("train"))
    if trained:
        counts = [mapping(each).get("count") for each in trained.values()]
        whole = sum(count for count in counts if isinstance(count, int))
        yield f"{whole:,}", ["images and videos", counted(len(trained), "dataset")]


def _validation(epochs, unseen):
    """A plot of CC over the epochs, and a table with one row per dataset; means exclude `unseen` datasets."""
    sets = _set_names(epochs)
    if not epochs or not (sets or any(row.get("mean_CC") is not None for row in epochs)):
        return {"plot": None, "rows": []}
    best = _best(epochs, "mean_CC")
    mean = [known(row, "mean_CC") for row in epochs]
    curves = [[known(row, f"{each}_CC") for row in epochs] for each in sets]
    numbers = [row["epoch"] if known(row, "epoch") is not None else row["step"] for row in epochs]
    row_of = epochs[-1 if best is None else best]
    rows = [_score_row(each, f"{each}_", values, row_of, epochs) for each, values in zip(sets, curves, strict=True)]
    if mean != [None] * len(mean):
        # epochs.csv has the mean of CC only
        meant = [each for each in sets if each not in unseen]
        means = {f"mean_{metric}": _mean(row_of, meant, metric) for metric in METRICS[1:]}
        rows.append(_score_row("mean", "mean_", mean, {**row_of, **means}, epochs))
    head = [("dataset", "name"), ("CC over the epochs", ""), *((metric, "n") for metric in METRICS)]
    return {
        "plot": run_curves.scores(numbers, mean, curves, best),
        "epoch": _epoch(row_of),
        "chosen": "last" if best is None else "best by mean CC",
        "head": [*head, ("best CC", "n"), ("in epoch", "n"), ("CC now", "n")],
        "rows": rows,
        "last_is_sum": len(rows) > len(sets),
    }


def _score_row(title, prefix, values, row, epochs):
    best = max((i for i, value in enumerate(values) if value is not None), key=values.__getitem__, default=None)
    own = [UNKNOWN] * 2 if best is None else [digits(values[best]), _epoch(epochs[best])]
    shown = [digits(known(row, prefix + metric)) for metric in METRICS]
    return [title, sparkline(values, best), *shown, *own, digits(values[-1])]


def _mean(row, sets, metric):
    """The mean over the datasets, None if one of them has no score."""
    values = [known(row, f"{each}_{metric}") for each in sets]
    return None if not values or None in values else sum(values) / len(values)


def _curves(steps):
    """[(SVG, what it shows)], and [(name of a phase, its first step)] of all phases but the first."""
    pairs = zip(steps, steps[1:], strict=False)
    changes = [after for before, after in pairs if before.get("phase") != after.get("phase")]
    at = [row["step"] for row in changes]
    plots = (
        (run_curves.losses(steps, at), "the loss over the steps"),
        (run_curves.terms(steps, TERMS, at), "the terms of the loss over the steps"),
        (run_curves.rate(steps, at), "the learning rate over the steps"),
    )
    phases = [(row.get("phase"), f"{row['step']:,.0f}") for row in changes]
    return {"plots": [(svg, alt) for svg, alt in plots if svg is not None], "phases": phases}


def _speed(steps, problem):
    """One row per kind of step: number, seconds, samples per second, waiting for data, memory."""
    rows = []
    for kind, label in run_curves.LABELS.items():
        mine = [row for row in steps if row["kind"] == kind]
        seconds = finite(mine, "seconds")
        if not seconds:
            continue
        pace = float(np.median(seconds))
        samples, waiting, memory = (finite(mine, key) for key in ("samples", "waiting", "memory_mb"))
        rate = f"{np.median(samples) / pace:,.2f}" if samples and pace else UNKNOWN
        share = f"{sum(waiting) / sum(seconds):.1%}" if waiting and sum(seconds) else UNKNOWN
        held = f"{max(memory):,.0f}" if memory else UNKNOWN
        rows.append([label, f"{len(mine):,}", f"{pace:.3g}", rate, share, held, _clock(sum(seconds))])
    titles = ("steps", "seconds per step", "samples per second", "waiting for data", "peak memory, MB", "total time")
    head = [("kind", ""), *((title, "n") for title in titles)]
    return {"head": head, "rows": rows, "problem": problem or "metrics.csv has no column of seconds"}


def _unseen(path):
    """The unseen datasets of the configuration of a run, if it can be read."""
    try:
        found = yaml_files.parse(read_text(path)[0] or "", path.name)
    except ConfigError:
        return ()
    unseen = mapping(found).get("unseen")
    return unseen if isinstance(unseen, list) else ()


def _set_names(epochs):
    """The datasets in the columns of epochs.csv."""
    columns = epochs[0] if epochs else ()
    return [column.removesuffix("_CC") for column in columns if column.endswith("_CC") and column != "mean_CC"]


def _best(epochs, column):
    """The number of the row with the largest value, or None."""
    scored = [i for i, row in enumerate(epochs) if known(row, column) is not None]
    return max(scored, key=lambda i: epochs[i][column], default=None)


def _epoch(row):
    return UNKNOWN if known(row, "epoch") is None else f"{row['epoch']:.0f}"


def _clock(seconds):
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds) % 60:02d} s"
