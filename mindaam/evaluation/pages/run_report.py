"""The page that a training run leaves behind, report.html: curves, scores, data, speed and everything that was set.

It stands alone and reads only what lies in the run's folder, so that it can be written at any moment, during a run and
years later. Files that are missing or damaged are named in their places; everything else is shown.
"""

import io
import json
import os
from pathlib import Path

import numpy as np

from mindaam import yaml_files
from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.pages import run_curves
from mindaam.evaluation.pages.run_files import finite, known, read_json, read_rows, read_text
from mindaam.evaluation.pages.run_page import (
    document,
    escaped,
    figure,
    image,
    missing,
    name,
    section,
    sparkline,
    table,
    tile,
)
from mindaam.files import real, replacing
from mindaam.inference.render import overlay
from mindaam.metrics.density import cc

TERMS = {
    "kld": "KLD",
    "cc": "CC",
    "sim": "SIM",
    "entailment": "entailment",
    "distance": "distance",
    "gate": "audio gate",
}
TEXT = ("phase", "set", "kind")  # text columns of metrics.csv
PICTURES = ("pictures", "", None)  # kinds of image steps; all others are clips, with or without audio
LABELS = {"pictures": "images", "clips": "clips"}  # of the kinds of steps
SAMPLE_WIDTH = 480  # pixels


def write_report(folder, samples=None):
    """Writes report.html into a run's folder; returns its path.

    Read are metrics.csv, epochs.csv, data.json, environment.json and config.yaml; any may be missing.
    samples: (caption, image uint8 RGB [H,W,3], prediction [h,w], truth [h,w] or None) each, densities of any scale and
    size; they are drawn side by side. Raises InputError if the folder does not exist, OutputError when the page cannot
    be written.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError(f"the folder {folder} of a training run does not exist; check the path")
    metrics, metrics_problem = read_rows(folder / "metrics.csv", TEXT)
    epochs, epochs_problem = read_rows(folder / "epochs.csv", ("phase",))
    metrics = [{**row, "kind": "pictures" if row.get("kind") in PICTURES else "clips"} for row in metrics]
    data, data_problem = read_json(folder / "data.json")
    title = real(folder).name
    body = [
        f"<h1>{name(title)}</h1>",
        f'<p class="soft">{_place(metrics, epochs)}</p>',
        f'<div class="tiles">{"".join(_tiles(metrics, epochs, data))}</div>',
        section("Validation", *_validation(epochs, epochs_problem, _unseen(folder / "config.yaml"))),
        *([section("Predictions", *map(_sample, samples))] if samples else []),
        section("Training curves", *_curves(metrics, metrics_problem)),
        section("Training data", *_data(data, data_problem)),
        section("Speed", *_speed(metrics, metrics_problem)),
        section("Environment", _environment(folder / "environment.json")),
        section("Configuration", _configuration(folder / "config.yaml")),
    ]
    path = folder / "report.html"
    with replacing(path) as stream:
        stream.write(document(f"{title}: training report", "".join(body)))
    return path


# ---- sections ------------------------------------------------------------------------------------------------------


def _place(metrics, epochs):
    """Progress of the run."""
    if not metrics:
        return "no step yet"
    last = metrics[-1]
    said = [f"step {last['step']:,.0f}"]
    if epochs and epochs[-1].get("epoch") is not None:
        said.append(f"{epochs[-1]['epoch']:,.0f} epochs scored")
    if last.get("phase"):
        said.append(f"phase {name(last['phase'])}")
    return " · ".join(said)


def _tiles(metrics, epochs, data):
    best = _best(epochs, "mean_CC")
    if best is not None:
        sets = len(_set_names(epochs))
        yield tile(f"{epochs[best]['mean_CC']:.4f}", "best mean CC", f"epoch {_epoch(epochs[best])}, {sets} datasets")
    for kind in run_curves.KINDS:
        values = run_curves.series(metrics, kind, "loss")[1]
        if len(values):
            tenth = max(1, len(values) // 10)
            start, now = (f"{part.mean():.3f}".replace("-", "−") for part in (values[:tenth], values[-tenth:]))
            yield tile(now, f"loss of {LABELS[kind]}", f"at the start {start}")
    spent = sum(finite(metrics, "seconds"))
    if spent:
        yield tile(_clock(spent), "step time in total", f"{len(metrics):,} steps")
    trained = _mapping(data.get("train"))
    if trained:
        counts = [_mapping(each).get("count") for each in trained.values()]
        whole = sum(count for count in counts if isinstance(count, int))
        yield tile(f"{whole:,}", "images and videos", f"{len(trained)} datasets")


def _validation(epochs, problem, unseen=()):
    """The scores: a plot of CC over the epochs, and a table with one row per dataset; means exclude `unseen`
    datasets."""
    if problem:
        yield missing(problem)
    sets = _set_names(epochs)
    if not epochs or not (sets or any(row.get("mean_CC") is not None for row in epochs)):
        return
    best = _best(epochs, "mean_CC")
    mean = [known(row, "mean_CC") for row in epochs]
    curves = [[known(row, f"{each}_CC") for row in epochs] for each in sets]
    numbers = [row["epoch"] if known(row, "epoch") is not None else row["step"] for row in epochs]
    legend = "strong: mean over datasets; pale: each dataset"
    yield figure(run_curves.scores(numbers, mean, curves, best), "CC over the epochs", legend)
    row_of = epochs[-1 if best is None else best]
    head = [("dataset", "name"), ("CC over the epochs", ""), ("CC", "n"), ("SIM", "n"), ("KLD", "n")]
    head += [("best CC", "n"), ("in epoch", "n"), ("CC now", "n")]
    rows = [
        _score_row(name(each), f"{each}_", values, row_of, epochs) for each, values in zip(sets, curves, strict=True)
    ]
    if mean != [None] * len(mean):
        # epochs.csv has the mean of CC only
        meant = [each for each in sets if each not in unseen]
        means = {f"mean_{metric}": _mean(row_of, meant, metric) for metric in ("SIM", "KLD")}
        rows.append(_score_row("mean", "mean_", mean, {**row_of, **means}, epochs))
    when = "best by mean CC" if best is not None else "last"
    yield f'<p class="soft">CC, SIM and KLD are those of epoch {_epoch(row_of)}, the {when}.</p>'
    yield table(head, rows, last_is_sum=len(rows) > len(sets))


def _score_row(title, prefix, values, row, epochs):
    best = max((i for i, value in enumerate(values) if value is not None), key=values.__getitem__, default=None)
    own = ["–", "–"] if best is None else [f"{values[best]:.4f}", _epoch(epochs[best])]
    told = [_digits(known(row, prefix + metric)) for metric in ("CC", "SIM", "KLD")]
    return [title, sparkline(values, best), *told, *own, _digits(values[-1])]


def _mean(row, sets, metric):
    """The mean over the datasets, None if one of them has no score."""
    values = [known(row, f"{each}_{metric}") for each in sets]
    return None if not values or None in values else sum(values) / len(values)


def _curves(metrics, problem):
    if problem:
        yield missing(problem)
    changes = [(a, b) for a, b in zip(metrics, metrics[1:], strict=False) if a.get("phase") != b.get("phase")]
    at = [after["step"] for _, after in changes]
    key = '<span class="key pictures"></span>images<span class="key clips"></span>clips; pale: raw, strong: smoothed'
    if changes:
        phases = [f"{name(after['phase'])} from step {after['step']:,.0f}" for _, after in changes]
        key += f"; dotted: a new phase ({', '.join(phases)})"
    for svg, alt in (
        (run_curves.losses(metrics, at), "the loss over the steps"),
        (run_curves.terms(metrics, TERMS, at), "the terms of the loss over the steps"),
        (run_curves.rate(metrics, at), "the learning rate over the steps"),
    ):
        if svg is not None:
            yield figure(svg, alt, key)
            key = ""


def _data(data, problem):
    if problem:
        yield missing(problem)
    for part, title in (("train", "Training"), ("held_out", "Validation")):
        sets = _mapping(data.get(part))
        if not sets:
            continue
        rows = []
        for each, told in sets.items():
            told = _mapping(told)
            frames = told.get("frames")
            count = _count(told.get("count")) + (f" ({_count(frames)} frames)" if frames else "")
            rest = [escaped(told.get(key) or "–") for key in ("modality", "split")]
            rows.append(
                [name(each), *rest, count, escaped(told.get("ground_truth") or "–"), name(told.get("licence") or "–")]
            )
        head = [("dataset", "name"), ("kind", ""), ("split", ""), ("count", "n")]
        head += [("ground truth", "small"), ("license", "name")]
        yield f"<h3>{title}</h3>{table(head, rows)}"
    left_out = data.get("left_out")
    if isinstance(left_out, list) and left_out:
        lines = "\n".join(escaped(line) for line in left_out)
        yield f"<details><summary>{len(left_out):,} skipped</summary><pre>{lines}</pre></details>"


def _speed(metrics, problem):
    """One row per kind of step: number, seconds, samples per second, waiting for data, memory."""
    rows = []
    for kind in run_curves.KINDS:
        mine = [row for row in metrics if row["kind"] == kind]
        seconds = finite(mine, "seconds")
        if not seconds:
            continue
        pace = float(np.median(seconds))
        samples, waiting, memory = (finite(mine, key) for key in ("samples", "waiting", "memory_mb"))
        rate = f"{np.median(samples) / pace:,.2f}" if samples and pace else "–"
        share = f"{sum(waiting) / sum(seconds):.1%}" if waiting and sum(seconds) else "–"
        held = f"{max(memory):,.0f}" if memory else "–"
        rows.append([LABELS[kind], f"{len(mine):,}", f"{pace:.3g}", rate, share, held, _clock(sum(seconds))])
    if not rows:
        yield missing(problem or "metrics.csv has no column of seconds")
        return
    head = [(title, "n") for title in ("steps", "seconds per step", "samples per second", "waiting for data")]
    head = [("kind", ""), *head, ("peak memory, MB", "n"), ("total time", "n")]
    yield table(head, rows)
    yield '<p class="soft">Seconds and samples per second are medians, which excludes compilation.</p>'


def _environment(path):
    found, problem = read_json(path)
    if problem:
        return missing(problem)
    shown = [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in found.items()
    ]
    return table(None, [[escaped(key), escaped(value)] for key, value in shown])


def _unseen(path):
    """The unseen datasets of the configuration of a run, if it can be read."""
    try:
        found = yaml_files.parse(read_text(path)[0] or "", path.name)
    except ConfigError:
        return ()
    unseen = found.get("unseen") if isinstance(found, dict) else None
    return unseen if isinstance(unseen, list) else ()


def _configuration(path):
    text, problem = read_text(path)
    return missing(problem) if text is None else f"<pre>{escaped(text)}</pre>"


def _sample(sample):
    """An image, and overlays of the prediction and of the ground truth, side by side."""
    import cv2

    caption, original, prediction, truth = sample
    height = max(1, round(original.shape[0] * SAMPLE_WIDTH / original.shape[1]))
    small = cv2.resize(np.ascontiguousarray(original), (SAMPLE_WIDTH, height), interpolation=cv2.INTER_AREA)
    score, panels = "", [("image", small)]
    for title, density in (("prediction", prediction), ("ground truth", truth)):
        if density is not None:
            fitted = cv2.resize(np.asarray(density, np.float32), (SAMPLE_WIDTH, height), interpolation=cv2.INTER_LINEAR)
            panels.append((title, overlay(small, np.maximum(fitted, 0))))
    if truth is not None:
        score = f" · CC {cc(np.asarray(prediction), np.asarray(truth)):.3f}"
    shown = [f"<div>{image(_jpeg(panel), 'jpeg', title)}<small>{title}</small></div>" for title, panel in panels]
    return (
        f'<div class="samples"><figure><div class="trio">{"".join(shown)}</div>'
        f"<figcaption>{name(caption)}{score}</figcaption></figure></div>"
    )


# ---- small things --------------------------------------------------------------------------------------------------


def _jpeg(image):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=88)
    return stream.getvalue()


def _set_names(epochs):
    """The datasets in the columns of epochs.csv."""
    columns = epochs[0] if epochs else ()
    return [column.removesuffix("_CC") for column in columns if column.endswith("_CC") and column != "mean_CC"]


def _best(epochs, column):
    """The number of the row with the largest value, or None."""
    scored = [i for i, row in enumerate(epochs) if known(row, column) is not None]
    return max(scored, key=lambda i: epochs[i][column], default=None)


def _epoch(row):
    return "–" if known(row, "epoch") is None else f"{row['epoch']:.0f}"


def _digits(value):
    return "–" if value is None else f"{value:.4f}"


def _count(value):
    return f"{value:,}" if isinstance(value, int) else "–"


def _mapping(value):
    return value if isinstance(value, dict) else {}


def _clock(seconds):
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds) % 60:02d} s"
