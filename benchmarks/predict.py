"""The cost of a prediction: start, first image, every further one, a second prompt, memory, and the whole command.

    python benchmarks/predict.py [--model NAME|PATH] [--rounds 5] [--before TREE]

Two fresh processes predict the same images in turn, each stopped while the other one computes, and start with an empty
user's cache. The baseline is MindSpore's operator-by-operator (PyNative) mode, as of a port without compiled graphs, or
with --before another checkout. A second prompt on the same image finds its features kept. The last rows are
`mindaam predict` on one image: its first process, and the later ones, which find stored graphs.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import EXAMPLES, ROOT, Worker, answers, command_seconds, machine, peak_mb

IMAGES = sorted(EXAMPLES.glob("*.jpg"))
LIMITS = {"import_s": 0.3, "again_s": 4.0, "steady_s": 1.0, "peak_mb": 2500.0}
PROMPTS = "Someone counts the people.", "Someone judges how everybody in this image seems to feel."
WARM = 4.0  # seconds of predictions before the first that counts: the first few are up to 1.5 times as long
COMMANDS = 3  # processes of `mindaam predict` after the first


def main():
    """Runs the measurements one after another and prints them as a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=None, help="a bundled model's name, a checkpoint or a run's folder")
    options.add_argument("--rounds", type=int, default=5, help="predictions of each image")
    options.add_argument("--before", type=Path, metavar="TREE", help="another checkout, the baseline instead")
    options.add_argument("--worker", nargs=2, metavar=("MODE", "START"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        mode, start = asked.worker
        serve(asked.model, mode, float(start))
        return
    tree = asked.before.resolve() if asked.before else None
    figures, baseline = in_turn(asked, tree)
    for each, found in [(ROOT, figures), *([(tree, baseline)] if tree else [])]:
        found["import_s"] = statistics.median(import_seconds(each) for _ in range(5))
        found |= command(asked.model, each)
    print(table(figures, baseline, tree.name if tree else "PyNative mode"))


def in_turn(asked, tree):
    """The figures of this checkout and of the baseline, which predict image by image in turn."""
    more = ["--model", asked.model] if asked.model else []

    def worker(mode, tree, cache):
        # perf_counter is one clock for all processes of a machine
        start = [__file__, *more, "--worker", mode, time.perf_counter()]
        return Worker(*start, tree=tree, MINDAAM_CACHE=cache)

    with (
        tempfile.TemporaryDirectory() as folder,
        worker("graph", ROOT, f"{folder}/now") as now,
        worker("graph" if tree else "pynative", tree or ROOT, f"{folder}/other") as other,
    ):
        questions = [(number, shift) for shift in range(asked.rounds) for number in range(len(IMAGES))]
        found = [(now.ask(each), other.ask(each)) for each in questions]
    return summary(now.first, [each for each, _ in found]), summary(other.first, [each for _, each in found])


def summary(first, found):
    """The figures of one side, seconds (medians) and MB, from its answers."""
    images = [each["image"] for each in found]
    return {
        "first_s": first,
        "steady_s": statistics.median(images),
        "slowest_s": max(images),
        "second_s": statistics.median(each["second"] for each in found),
        "peak_mb": found[-1]["peak_mb"],
    }


def serve(model, mode, start):
    """Answers [image, shift] with the seconds of its prediction and of a second prompt, and the peak resident MB.

    The first answer is the seconds to the first map, counted from `start`, before the process: imports and compiling
    are included.
    """
    import numpy as np

    from mindaam.data import media
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    predictor = Predictor(model or DEFAULT_MODEL, mode=mode)

    def predict(number, shift):
        image = np.roll(media.read_image(IMAGES[number]), 7 * shift, axis=1)  # new content: no features are kept of it
        return {"image": timed(predictor, image, PROMPTS[0]), "second": timed(predictor, image, PROMPTS[1])}

    def first():
        predictor.predict(IMAGES[0])
        spent, shift = time.perf_counter() - start, 0
        for prompt in PROMPTS:
            predictor.embed([prompt])  # a prompt is encoded once, and only images are timed
        warm = time.perf_counter()
        while time.perf_counter() - warm < WARM:
            shift -= 1
            predict(0, shift)
        return spent

    answers(first, lambda question: {**predict(*question), "peak_mb": peak_mb()})


def timed(predictor, image, prompt):
    """Seconds of one prediction."""
    start = time.perf_counter()
    predictor.predict(image, prompt)
    return time.perf_counter() - start


def import_seconds(tree):
    """Seconds of a bare `import mindaam` in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import mindaam; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tree)
    return float(done.stdout)


def command(model, tree):
    """Wall seconds of `mindaam predict` on one image: of the first process, and the median of the later ones."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["predict", IMAGES[0], "-o", Path(folder, "maps"), *(["--model", model] if model else [])]
        first, *later = (command_seconds(tree, Path(folder, "cache"), *asked) for _ in range(1 + COMMANDS))
    return {"command_s": first, "again_s": statistics.median(later)}


def table(figures, baseline, name):
    """The Markdown that a report can take over as it is."""
    rows = [
        ("`import mindaam`, s", "import_s", ".2f"),
        ("first map, imports and compiling included, s", "first_s", ".1f"),
        ("an image after the first, s", "steady_s", ".3f"),
        ("the slowest of them, s", "slowest_s", ".2f"),
        ("a second prompt for it, s", "second_s", ".3f"),
        ("peak memory, MB", "peak_mb", ".0f"),
        ("`mindaam predict one.jpg`, first process, wall, s", "command_s", ".1f"),
        ("the same from the second process on, s", "again_s", ".1f"),
    ]
    lines = [f"| measure | MindAAM | {name} | ratio | limit |", "|---|---|---|---|---|"]
    for what, key, form in rows:
        values = [format(each[key], form) if key in each else "" for each in (figures, baseline)]
        ratio = f"{baseline[key] / figures[key]:.2f}" if key in baseline else ""
        limit = format(LIMITS[key], form) if key in LIMITS else ""
        lines.append(f"| {what} | {values[0]} | {values[1]} | {ratio} | {limit} |")
    share = 100 * figures["second_s"] / figures["steady_s"]
    return "\n".join([machine(), "", *lines, "", f"a second prompt takes {share:.0f} % of an image's time"])


if __name__ == "__main__":
    main()
