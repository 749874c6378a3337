"""The study behind `mindaam analyze hierarchy`: a model's points, their quantities, and both reductions to the disk.

hierarchy.json   everything but the points: settings, quantities by condition, the quality of the reductions
prompts.csv      one row per prompt
points.csv       one row per point: its place in both disks, its depth and its norm
hierarchy.png    both disks and the distributions of depths; hierarchy.html the same to explore
"""

import csv
import io
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data import prompts
from mindaam.data.tables import guarded
from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.hyperbolic import cosne, horopca, hyperboloid, order
from mindaam.evaluation.hyperbolic.quantities import (
    cones,
    points_of,
    prompt_rows,
    saturation_norm,
    smallest_cone,
    spread,
)
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.results import without_nan
from mindaam.files import write_text
from mindaam.training import checkpoints

MOST = 2000  # points; all pairs are compared
FILES = ("hierarchy.json", "prompts.csv", "points.csv", "hierarchy.png", "hierarchy.html")
REDUCTIONS = {"horopca": "HoroPCA", "cosne": "CO-SNE"}


class Hierarchy(NamedTuple):
    """settings: the content of hierarchy.json; rows: of prompts.csv; points: of points.csv, dicts."""

    settings: dict
    rows: list
    points: list


class Image(NamedTuple):
    """An image of a dataset: its reader, an entry's index, its name, and the conditions it was viewed under."""

    reader: object
    index: int
    name: str
    conditions: tuple


def conditions_of(readers, own):
    """{condition: prompts} that the points are of: those of the data, without data the checkpoint's own or the built-in
    ones. readers: of images; own: {name: prompt} of the checkpoint."""
    found = {}
    for reader in readers:
        for condition in reader.conditions:
            found.setdefault(condition, {}).update(dict.fromkeys(reader.prompts.of(condition)))
    if found:
        return {name: list(texts) for name, texts in found.items()}
    if own:
        return {name: [text] for name, text in own.items()}
    return {name: prompts.training_prompts("", name) for name in prompts.conditions()}


def images_of(readers, most):
    """Images, at most `most` of each reader, evenly over its entries. InputError for readers of videos alone."""
    found = []
    for reader in readers:
        named = {}
        for index, (name, condition) in enumerate(reader.entries):
            named.setdefault(name, (index, []))[1].append(condition)
        every = [Image(reader, index, name, tuple(shown)) for name, (index, shown) in named.items()]
        places = np.linspace(0, len(every) - 1, min(most, len(every))).astype(int)
        found += [every[place] for place in places]
    return found


def study(predictor, readers, most, command="", seed=0, step=None):
    """The Hierarchy of a Predictor's model for the images of some readers, at most `most` of each.

    step: called with the name of each image before it is processed. Raises ConfigError for more than MOST points,
    InputError for videos alone and for damaged images.
    """
    videos = [reader.name for reader in readers if reader.is_video]
    readers = [reader for reader in readers if not reader.is_video]
    if videos and not readers:
        raise InputError(f"{', '.join(videos)}: a point belongs to an image, and these are videos; give images")
    conditions, images = conditions_of(readers, predictor.prompts), images_of(readers, most)
    texts = [(condition, text) for condition, pool in conditions.items() for text in pool]
    count = 1 + len(texts) + len(images)
    if count > MOST:
        raise ConfigError(f"{count} points are more than the {MOST} that are compared; lower --images {most}")

    def pixels():
        for image in images:
            if step is not None:
                step(image.name)
            yield image.reader.image(image.index)

    points = points_of(predictor, [text for _, text in texts], pixels())
    rows = _prompt_rows(predictor, texts, images, points)
    places, quality = reduced(points.together(), seed)
    settings = {
        **_settings(predictor, command, seed),
        "data": {
            reader.name: {"split": reader.split, "images": sum(image.reader is reader for image in images)}
            for reader in readers
        },
        **_summary(points, rows),
        "entailment": order.entailment(predictor, points, viewed(texts, images)),
        "detail": order.detail(predictor),
        "conditions": {name: _condition(name, rows) for name in conditions},
        "reductions": quality,
    }
    return Hierarchy(without_nan(settings), rows, _point_rows(points, texts, images, places))


def viewed(texts, images):
    """Which Images were viewed under the condition of which (condition, prompt): bool [P,I]."""
    rows = [[condition in image.conditions for image in images] for condition, _ in texts]
    return np.array(rows, bool).reshape(len(texts), len(images))


def reduced(points, seed=0):
    """({reduction: places [N,2] in the Poincaré disk}, {reduction: its quality}) of points at curvature -1, float64."""
    plane = horopca.fit(points, seed)
    flat = {"horopca": horopca.project(points, plane)}
    flat["cosne"] = cosne.reduce(points, flat["horopca"])
    quality = {
        name: {
            "distance_correlation": hyperboloid.distance_correlation(points, each),
            "neighbor_recall": hyperboloid.neighbor_recall(points, each),
            "depth_correlation": hyperboloid.depth_correlation(points, each),
        }
        for name, each in flat.items()
    }
    return {name: hyperboloid.to_disk(each) for name, each in flat.items()}, quality


def _settings(predictor, command, seed):
    made = checkpoints.environment()
    return {
        "format": 1,
        "command": command or made["command"],
        "revision": made["git"],
        "version": made["mindaam"],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **{key: value for key, value in ModelMaps(predictor).described().items() if key != "audio"},
        "seed": seed,
    }


def _prompt_rows(predictor, texts, images, points):
    """The rows of prompts.csv: condition, prompt, the quantities, and which cones contain what."""
    found, containment = prompt_rows(predictor, [text for _, text in texts], points), cones(predictor, points)
    rows, shown = [], viewed(texts, images)
    for number, (condition, text) in enumerate(texts):
        own = shown[number]
        inside, angles = containment.inside[number], containment.angles[number]
        rows.append(
            {"condition": condition, "prompt": text}
            | found[number]
            | {
                "in_anchor_cone": bool(containment.anchor[number]),
                "own_images_in_cone": _mean(inside[own]),
                "all_images_in_cone": _mean(inside),
                "own_exterior_angle": _mean(angles[own]),
                "all_exterior_angle": _mean(angles),
            }
        )
    return rows


def _mean(values):
    return float(np.mean(values)) if len(values) else None


def _summary(points, rows):
    """The parts of the settings about all points."""
    root = np.sqrt(points.curvature)
    depth = np.array([row["depth"] for row in rows])
    limit, saturated = smallest_cone(points), sum(row["saturated"] for row in rows)
    flat = [points.anchor[None], points.prompts, points.images]
    kinds = ("anchor", "prompts", "images")
    return {
        "curvature": points.curvature,
        "cone_saturates_below_norm": saturation_norm(points),
        "cone_saturates_below_depth": limit,
        "saturated_prompts": saturated,
        "prompts": len(rows),
        "finding": finding(depth, limit, saturation_norm(points), saturated),
        "depths": {
            name: spread(hyperboloid.depths(root * each.astype(np.float64)) / root)
            for name, each in zip(kinds, flat, strict=True)
        },
        "norms": {name: spread(np.linalg.norm(each, axis=-1)) for name, each in zip(kinds, flat, strict=True)},
    }


def finding(depths, limit, norm, saturated):
    """One sentence: whether the cones of the prompts, of these depths, are saturated; limit: the depth of `norm`, up to
    which they are."""
    place = f"the {len(depths)} prompts lie at depths of {min(depths):.3f} to {max(depths):.3f}"
    bound = f"the depth {limit:.3f} (norm 2K/√κ = {norm:.3f}) below which the aperture of a cone is constant"
    if saturated == len(depths):
        return f"All cones are saturated: {place}, below {bound}; all conditions have one aperture and temperature."
    if not saturated:
        return f"No cone is saturated: {place}, above {bound}."
    return f"{saturated} of {len(depths)} cones are saturated: {place}; {bound} is between."


def lines(settings):
    """What the study found, as sentences for a terminal."""
    found, detail = settings["entailment"], settings["detail"]
    holds, back = (_of_pairs(found[key]) for key in ("holds", "reversed"))
    return [
        settings["finding"],
        f"The anchor's cone contains the prompt, and the prompt's the image: {holds}; in reversed order: {back}.",
        f"The more detailed of two held-out prompts of a condition is deeper in {detail['share']:.0%} of "
        f"{detail['n']} pairs.",
    ]


def _of_pairs(found):
    if not found["n"]:
        return "no pair counts, since a parent is where every cone is saturated"
    return f"{found['share']:.0%} of {found['n']} pairs"


def _condition(name, rows):
    """The means over a condition's prompts, and the spread of their depths."""
    own = [row for row in rows if row["condition"] == name]
    numbers = [key for key in own[0] if key not in ("condition", "prompt")]
    means = {key: None if own[0][key] is None else float(np.mean([float(row[key]) for row in own])) for key in numbers}
    return {"prompts": len(own), "depths": spread([row["depth"] for row in own])} | means


def _point_rows(points, texts, images, places):
    """The rows of points.csv: kind, condition(s), prompt or name, depth, norm, and the place in each disk."""
    named = [("anchor", "", "", "general attention"), *(("prompt", name, "", text) for name, text in texts)]
    named += [("image", " ".join(image.conditions), image.reader.name, image.name) for image in images]
    together = points.together()
    depth, norm = (each / np.sqrt(points.curvature) for each in (hyperboloid.depths(together), _lengths(together)))
    rows = []
    for number, (kind, condition, dataset, label) in enumerate(named):
        row = {"kind": kind, "condition": condition, "dataset": dataset, "label": label}
        row |= {"depth": float(depth[number]), "norm": float(norm[number])}
        for name, each in places.items():
            row |= {f"{name}_x": float(each[number, 0]), f"{name}_y": float(each[number, 1])}
        rows.append(row)
    return rows


def _lengths(points):
    return np.linalg.norm(points, axis=-1)


def write_numbers(hierarchy, folder):
    """Writes hierarchy.json, prompts.csv and points.csv into a folder that exists, each whole or not at all."""
    text = json.dumps(hierarchy.settings, ensure_ascii=False, indent=1, allow_nan=False)
    write_text(Path(folder, "hierarchy.json"), text + "\n")
    write_text(Path(folder, "prompts.csv"), csv_text(hierarchy.rows))
    write_text(Path(folder, "points.csv"), csv_text(hierarchy.points))


def csv_text(rows):
    """Rows, dicts with the same keys, as CSV with a header; texts as `tables.guarded` writes them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: guarded(each) if isinstance(each, str) else each for key, each in row.items()})
    return text.getvalue()
