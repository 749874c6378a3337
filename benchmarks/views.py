"""What tiles and mirrored copies of an image gain, and what they cost, on recorded gaze.

    python benchmarks/views.py FOLDER mirror --count 60      # CC without and with --tta mirror, seconds per image
    python benchmarks/views.py FOLDER tiles --count 12       # CC of strips: the whole image against tiles

FOLDER is a gaze folder. Strips are made of its images: several of them one below or beside another, with their recorded
densities, each of the same sum; and crops of one image. `--split` is val by default.
"""

import argparse
import time

import numpy as np

from mindaam import runtime
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.transforms import resize_density
from mindaam.inference.predictor import Predictor
from mindaam.inference.views.predicting import Views, predict
from mindaam.metrics.density import cc

PROMPT = "A viewer looks freely around a photograph, drawn by whatever catches the eye."
LONGEST = 400  # of the compared maps, pixels


def compared(density, truth):
    """CC of two densities [H, W] at LONGEST."""
    scale = min(1.0, LONGEST / max(truth.shape))
    size = tuple(max(1, round(side * scale)) for side in truth.shape)
    return float(cc(resize_density(density, size), resize_density(truth, size)))


def mirror(predictor, samples):
    """Prints the CC of the plain and of the averaged map, with the paired difference and the seconds per image."""
    rows, seconds = [], np.zeros(2)
    for number, (image, truth) in enumerate(samples):
        row = []
        for at, tta in enumerate(("none", "mirror")):  # the features of the image itself are kept for the second
            start = time.perf_counter()
            [seen] = predict(predictor, image, [PROMPT], Views("off", tta))
            seconds[at:] += (time.perf_counter() - start) if number else 0  # the first image compiles
            row.append(compared(seen.prediction.density, truth))
        rows.append(row)
    rows = np.array(rows)
    gain = rows[:, 1] - rows[:, 0]
    error = gain.std(ddof=1) / len(gain) ** 0.5
    print(f"n {len(rows)}: CC {rows[:, 0].mean():.4f} -> {rows[:, 1].mean():.4f}, "
          f"difference {gain.mean():+.4f} +- {1.96 * error:.4f}; "
          f"s per image {seconds[0] / (len(rows) - 1):.2f} -> {seconds[1] / (len(rows) - 1):.2f}")  # fmt: skip


def strips(samples, parts, axis, count):
    """`count` strips of `parts` images along an axis: (image, truth) pairs."""
    same = [pair for pair in samples if pair[1].shape == samples[0][1].shape]
    for number in range(count):
        group = [same[(number * parts + at) % len(same)] for at in range(parts)]
        yield tuple(np.concatenate([pair[which] / (pair[which].sum() if which else 1) for pair in group], axis)
                    .astype(np.float32 if which else np.uint8) for which in (0, 1))  # fmt: skip


def crops(samples, ratio, axis, count):
    """The middle of `count` images, cut to a side `ratio` times the other: tall for axis 0, wide for axis 1."""
    for image, truth in samples[:count]:
        height, width = truth.shape
        h, w = (height, round(height / ratio)) if axis == 0 else (round(width / ratio), width)
        place = slice((height - h) // 2, (height + h) // 2), slice((width - w) // 2, (width + w) // 2)
        if truth[place].sum() > 0.1 * truth.sum():
            yield np.ascontiguousarray(image[place]), truth[place]


def tiles(predictor, samples, count):
    """Prints the CC of the whole image and of tiles for each kind of strip."""
    plans = [("stacked", axis, parts) for axis in (0, 1) for parts in (2, 3, 5)]
    plans += [("crop", axis, ratio) for axis in (0, 1) for ratio in (2, 3)]
    for kind, axis, number in plans:
        rows = []
        pairs = strips(samples, number, axis, count) if kind == "stacked" else crops(samples, number, axis, count)
        for image, truth in pairs:
            made = [predict(predictor, image, [PROMPT], Views(each))[0].prediction.density for each in ("off", "on")]
            rows.append([compared(each, truth) for each in made])
        rows = np.array(rows)
        gain = rows[:, 1] - rows[:, 0]
        print(f"{kind} {'tall' if axis == 0 else 'wide'}, {image.shape[0] / image.shape[1]:.2f} high per wide, "
              f"n {len(rows)}: whole {rows[:, 0].mean():.3f}, tiles {rows[:, 1].mean():.3f}, "
              f"difference {gain.mean():+.3f} +- {1.96 * gain.std(ddof=1) / len(gain) ** 0.5:.3f}",
              flush=True)  # fmt: skip


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("what", choices=("mirror", "tiles"))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--split", default="val")
    asked = parser.parse_args()
    runtime.configure(mode="graph")
    folder = GazeFolder(asked.folder, asked.split)
    needed = asked.count if asked.what == "mirror" else min(len(folder), 5 * asked.count)
    samples = [(folder.image(at), folder.density(at)) for at in range(min(needed, len(folder)))]
    predictor = Predictor()
    if asked.what == "mirror":
        mirror(predictor, samples)
    else:
        tiles(predictor, samples, asked.count)


if __name__ == "__main__":
    main()
