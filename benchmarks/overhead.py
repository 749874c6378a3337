"""The cost of a training step beside the compiled step: data, logs, checks, checkpoints.

    python benchmarks/overhead.py [--data FOLDER] [--steps 12] [KEY=VALUE...]

Trains the bundled model by configs/train/corpus.yaml at its full size, on synthetic images of 800x600 or on the
datasets in FOLDER; the first steps of each kind, in which graphs are compiled, do not count. A checkpoint is timed by
itself, and its share is that of one checkpoint every `checkpoint_every` steps of the configuration. Shares are of the
time of all steps of a kind, in one run.
"""

import argparse
import csv
import statistics
import tempfile
import time
from pathlib import Path

from mindaam.places import configs_dir
from mindaam.runtime import quieten

WARM = 2  # steps of a kind that do not count
RECIPE = configs_dir() / "train" / "corpus.yaml"


def main():
    """Trains, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of datasets; synthetic images by default")
    parser.add_argument("--steps", type=int, default=12, help="steps (12)")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="of the configuration")
    options = parser.parse_args()
    quieten()
    from scaling import images

    from mindaam.training.checkpoint_content import save
    from mindaam.training.ranks.distributed import ALONE
    from mindaam.training.run import train

    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        if options.data is None:
            images(place / "data" / "made_up", 64, (800, 600), ".jpg")
        changes = [f"data_root={options.data or place / 'data'}", f"sampling.steps={options.steps}", "epochs=1"]
        changes += options.changes
        trained = train(RECIPE, changes, out=place / "run")
        task = trained.task
        started = time.monotonic()
        save(trained.folder, task, trained.state, ALONE)
        checkpoint = time.monotonic() - started
        with open(place / "run" / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    share = checkpoint / task.config.checkpoint_every
    print(f"a checkpoint takes {checkpoint:.2f} s, one in {task.config.checkpoint_every} steps")
    print("| step | seconds | waiting for data | the rest beside the compiled step | with checkpoints, of a step |")
    print("|---|---|---|---|---|")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind][WARM:]
        if not mine:
            continue
        seconds, waiting, computing = ([float(row[key]) for row in mine] for key in ("seconds", "waiting", "computing"))
        total = sum(seconds)
        rest = total - sum(computing) - sum(waiting)
        outside = (total - sum(computing) + share * len(mine)) / (total + share * len(mine))
        print(
            f"| {kind} | {statistics.median(seconds):.2f} | {sum(waiting) / total:.2%} | {rest / total:.2%} "
            f"| {outside:.2%} |"
        )


if __name__ == "__main__":
    main()
