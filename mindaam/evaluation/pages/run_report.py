"""The page that a training run leaves behind, report.html: curves, scores, data, speed and everything that was set.

It reads only what is in the run's folder, so that it can be written at any moment, during a run and years later. Files
that are missing or damaged are named in their places; everything else is shown.
"""

import io
import json
import os
from pathlib import Path

import numpy as np

from mindaam.errors import InputError
from mindaam.evaluation.pages.page import UNKNOWN, page
from mindaam.evaluation.pages.run_files import read_json, read_text
from mindaam.evaluation.pages.run_view import mapping, run_view
from mindaam.files import replacing
from mindaam.inference.render import overlay
from mindaam.metrics.density import cc

SAMPLE_WIDTH = 480  # pixels
SHOWN = ("modality", "split")  # texts of a dataset in data.json
DATA_HEAD = [
    ("dataset", "name"), ("kind", ""), ("split", ""), ("count", "n"), ("ground truth", "small"), ("license", "name"),
]  # fmt: skip


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
    run = run_view(folder)
    text, problem = read_text(folder / "config.yaml")
    content = page(
        "run.html.j2",
        title=f"{run['name']}: training report",
        run=run,
        samples=[_sample(*each) for each in samples or ()],
        data=_data(run["data"], run["data_problem"]),
        environment=_environment(folder / "environment.json"),
        configuration={"text": text, "problem": problem},
    )
    path = folder / "report.html"
    with replacing(path) as stream:
        stream.write(content)
    return path


def _data(data, problem):
    """The datasets of training and of validation, and what was skipped."""
    tables = []
    for part, title in (("train", "Training"), ("held_out", "Validation")):
        sets = mapping(data.get(part))
        if sets:
            tables.append((title, [_data_row(name, mapping(entry)) for name, entry in sets.items()]))
    left_out = data.get("left_out")
    left_out = left_out if isinstance(left_out, list) else []
    return {"problem": problem, "head": DATA_HEAD, "tables": tables, "left_out": left_out}


def _data_row(name, entry):
    frames = entry.get("frames")
    count = _count(entry.get("count")) + (f" ({_count(frames)} frames)" if frames else "")
    texts = [entry.get(key) or UNKNOWN for key in (*SHOWN, "ground_truth", "licence")]
    return [name, *texts[:2], count, *texts[2:]]


def _environment(path):
    found, problem = read_json(path)
    rows = [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in found.items()
    ]
    return {"rows": rows, "problem": problem}


def _sample(caption, image, prediction, truth):
    """An image, and overlays of the prediction and of the ground truth, as JPEG."""
    import cv2

    height = max(1, round(image.shape[0] * SAMPLE_WIDTH / image.shape[1]))
    small = cv2.resize(np.ascontiguousarray(image), (SAMPLE_WIDTH, height), interpolation=cv2.INTER_AREA)
    panels = [("image", small)]
    for title, density in (("prediction", prediction), ("ground truth", truth)):
        if density is not None:
            fitted = cv2.resize(np.asarray(density, np.float32), (SAMPLE_WIDTH, height), interpolation=cv2.INTER_LINEAR)
            panels.append((title, overlay(small, np.maximum(fitted, 0))))
    score = None if truth is None else float(cc(np.asarray(prediction), np.asarray(truth)))
    return {"caption": caption, "panels": [(title, _jpeg(panel)) for title, panel in panels], "cc": score}


def _jpeg(image):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=88)
    return stream.getvalue()


def _count(value):
    return f"{value:,}" if isinstance(value, int) else UNKNOWN
