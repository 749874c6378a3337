"""What the effect of a prompt is made of: its sentence embedding e, and its text point z in hyperbolic space.

M(x; e, z) is the map of an image x, scaled to sum 1. Between two conditions a and b, with TV the total variation:

    D   = TV(M(e_b, z_b), M(e_a, z_a))
    D_z = (TV(M(e_a, z_b), M(e_a, z_a)) + TV(M(e_b, z_b), M(e_b, z_a))) / 2        the point alone changes
    D_e = (TV(M(e_b, z_a), M(e_a, z_a)) + TV(M(e_b, z_b), M(e_a, z_b))) / 2        the embedding alone changes

The share through z is sum D_z / sum D over images and pairs of conditions, that through e sum D_e / sum D. They need
not add up to 1: D <= D_z + D_e.

    rows.csv             one row per image and pair
    prompt_effect.json   settings, the shares with 95 % bootstrap intervals over images, of all pairs and of each
"""

from collections import Counter
from itertools import combinations
from typing import NamedTuple

import numpy as np

from mindaam.errors import InputError
from mindaam.evaluation.studies.stored_rows import StoredRows
from mindaam.metrics.intervals import RESAMPLES, percentiles

STORED = StoredRows("prompt_effect.json", ("dataset", "image", "a", "b"), ("d", "d_z", "d_e"))


class Share(NamedTuple):
    """A share with its 95 % bootstrap interval over n images, which it is NaN for fewer than two of."""

    share: float
    low: float
    high: float
    n: int


def complete(rows, prompts):
    """Rows of the images that have all pairs of a study's prompts."""
    pairs, counts = len(list(combinations(prompts, 2))), Counter(row["image"] for row in rows)
    return [row for row in rows if counts[row["image"]] == pairs]


def total_variation(first, second):
    """Half the sum of |p - q| over two maps [H,W] that are scaled to sum 1 before; 0 for equal maps, at most 1."""
    p, q = (each / each.sum(dtype=np.float64) for each in (first, second))
    return 0.5 * float(np.abs(p - q).sum())


def effects(maps, a, b):
    """(D, D_z, D_e) of two conditions. maps: {(condition of e, condition of z): map [H,W] >= 0}."""
    whole = total_variation(maps[b, b], maps[a, a])
    by_point = 0.5 * (total_variation(maps[a, b], maps[a, a]) + total_variation(maps[b, b], maps[b, a]))
    by_embedding = 0.5 * (total_variation(maps[b, a], maps[a, a]) + total_variation(maps[b, b], maps[a, b]))
    return whole, by_point, by_embedding


class Mixed:
    """A Predictor's model under the embeddings and points of a few conditions. prompts: {condition: prompt}."""

    def __init__(self, predictor, prompts):
        self._predictor, self._conditions = predictor, {}
        names, embeddings = list(prompts), predictor.embed(list(prompts.values()))
        self._embeddings = {name: embeddings[number][None] for number, name in enumerate(names)}

    def maps(self, image):
        """{(condition of e, condition of z): map [H,W] in 0..1, at the model's size} of uint8 RGB [H,W,3]."""
        video, (parts, size) = self._predictor.model.video, self._predictor.prepared(image)
        if not self._conditions:  # no image touches them
            self._conditions = {
                (e, z): video.recombined(of_e, of_z, size)
                for e, of_e in self._embeddings.items()
                for z, of_z in self._embeddings.items()
            }
        return {pair: video.answer(parts, each, size)[0][0, 0] for pair, each in self._conditions.items()}


def rows_of(predictor, reader, prompts, folder, done=(), step=None):
    """Appends the rows of each image of a reader to rows.csv in a folder, image by image.

    prompts: {condition: prompt}; done: names of images that have rows; step: called with the name of each image.
    """
    mixed, pairs, first = Mixed(predictor, prompts), list(combinations(prompts, 2)), {}
    for index, (name, _) in enumerate(reader.entries):
        first.setdefault(name, index)
    for name, index in first.items():
        if name in done:
            continue
        if step is not None:
            step(name)
        maps, rows = mixed.maps(reader.image(index)), []
        for a, b in pairs:
            values = zip(STORED.numbers, effects(maps, a, b), strict=True)
            rows.append({"dataset": reader.name, "image": name, "a": a, "b": b} | dict(values))
        STORED.append(rows, folder)


def share(rows, part, seed=0):
    """The Share of `part`, "d_z" or "d_e", in D over rows; an image is resampled with all its pairs."""
    images = list(dict.fromkeys(row["image"] for row in rows))
    sums = {image: np.zeros(2) for image in images}
    for row in rows:
        sums[row["image"]] += (row[part], row["d"])
    each = np.array(list(sums.values()))

    def statistic(indices):
        drawn = each[indices].sum(-2)
        return drawn[..., 0] / drawn[..., 1]

    whole = each.sum(0)
    return Share(float(whole[0] / whole[1]), *percentiles(statistic, len(images), seed), len(images))


def results(rows):
    """{"images", "pairs", "resamples", "all": {...}, "by_pair": {"a, b": {...}}} of rows, with the mean D and the
    shares through z and through e. Raises InputError where no prompt changes any map."""
    if not sum(row["d"] for row in rows) > 0:
        raise InputError("the maps under all prompts are equal, so there is no effect to divide; choose another model")
    pairs = list(dict.fromkeys((row["a"], row["b"]) for row in rows))
    return {
        "images": len({row["image"] for row in rows}),
        "pairs": len(pairs),
        "resamples": RESAMPLES,
        "all": _shares(rows),
        "by_pair": {f"{a}, {b}": _shares([row for row in rows if (row["a"], row["b"]) == (a, b)]) for a, b in pairs},
    }


def _shares(rows):
    found = {name: float(np.mean([row[name] for row in rows])) for name in STORED.numbers}
    return {f"mean_{name}": value for name, value in found.items()} | {
        "share_z": share(rows, "d_z")._asdict(),
        "share_e": share(rows, "d_e")._asdict(),
    }


def lines(found):
    """The results as lines for a terminal."""
    head = f"{'conditions':40} {'mean D':>8} {'share through z':>24} {'share through e':>24}"
    named = {"all pairs": found["all"]} | found["by_pair"]
    return [head, *(f"{name[:40]:40} {_line(each)}" for name, each in named.items())]


def _line(each):
    cells = [
        f"{part['share']:7.1%} [{part['low']:.1%}, {part['high']:.1%}]" for part in (each["share_z"], each["share_e"])
    ]
    return f"{each['mean_d']:8.4f} {cells[0]:>24} {cells[1]:>24}"
