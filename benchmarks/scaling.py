"""Speed-up of a second rank: samples/s of two ranks on two cores against one rank on one core, in one run.

    python benchmarks/scaling.py [--steps 12] [--batch 8] [--side 224]

Both train the same configuration on the same synthetic images, started with msrun the same way; the first steps, in
which graphs are compiled, do not count. The one rank is confined to one core; the two share two.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from mindaam.places import configs_dir

WARM = 3  # steps that do not count


def main():
    """Runs both and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="steps of each run (12)")
    parser.add_argument("--batch", type=int, default=8, help="images per step, over all ranks (8)")
    parser.add_argument("--side", type=int, default=224, help="pixels of an image side, a multiple of 14 (224)")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores; this process may use one")
    print(f"cores {cores[:2]}, load before {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        images(place / "data" / "made_up", 4 * options.batch, (options.side, options.side))
        one = trained(place, 1, cores[:1], options)
        two = trained(place, 2, cores[:2], options)
    print("| ranks | cores | samples/s | against one | share of waiting |\n|---|---|---|---|---|")
    for ranks, (pace, waiting) in ((1, one), (2, two)):
        print(f"| {ranks} | {ranks} | {pace:.2f} | {pace / one[0]:.2f}x | {waiting:.1%} |")


def images(folder, count, size, suffix=".png"):
    """A gaze folder of `count` synthetic images of size (width, height), each with fixations on a bright spot."""
    (folder / "stimuli").mkdir(parents=True)
    draw, rows, names = np.random.default_rng(0), [], [f"{number}{suffix}" for number in range(count)]
    width, height = size
    for name in names:
        x, y = draw.integers(10, width - 10), draw.integers(10, height - 10)
        image = draw.integers(60, 120, (height, width, 3)).astype(np.uint8)
        image[y - 5 : y + 5, x - 5 : x + 5] = 250
        Image.fromarray(image).save(folder / "stimuli" / name)
        rows += [(name, "free_viewing", x + draw.normal(0, 2), y + draw.normal(0, 2)) for _ in range(9)]
    with gzip.open(folder / "fixations.csv.gz", "wt", newline="") as stream:
        csv.writer(stream).writerows([("image", "condition", "x", "y"), *rows])
    described = {name: {"size": list(size)} for name in names}
    (folder / "meta.json").write_text(json.dumps({"images": described, "conditions": ["free_viewing"]}))
    (folder / "splits.json").write_text(json.dumps({"train": names}))


def trained(place, ranks, cores, options):
    """(samples per second, share of the time in which steps wait for data) of a run of so many ranks on these cores."""
    out, changes = place / f"run{ranks}", [f"data_root={place / 'data'}", f"sampling.steps={options.steps}"]
    changes += [f"sampling.batch_size={options.batch}", f"sampling.clips={ranks}", "epochs=1"]
    changes += ["start=null", f"model_changes.image_size=[{options.side},{options.side}]"]
    changes += ["validation={images: 1, videos: 1}"]
    train = ["train", str(configs_dir() / "train" / "corpus.yaml"), *changes, "-o", str(out)]
    launch = ["-m", "mindaam.training.launch", "--workers", str(ranks), "--log-dir", str(place / f"logs{ranks}"), "--"]
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, cores)), sys.executable, *launch, *train],
        env={**os.environ, "PATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the run of {ranks} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    with open(out / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))[WARM:]
    seconds, waiting = (sum(float(row[column]) for row in rows) for column in ("seconds", "waiting"))
    return sum(int(row["samples"]) for row in rows) / seconds, waiting / seconds


if __name__ == "__main__":
    main()
