"""The cost of a prediction: start, first image, every further one, a second prompt, memory.

    python benchmarks/predict.py [--model NAME|PATH] [--rounds 5]

Each figure comes from a fresh process. The baseline runs in the same session on the same images: MindSpore's
operator-by-operator (PyNative) mode, as of a port without compiled graphs. The last line compares a second prompt, for
which the image features are kept, with a full prediction.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from common import EXAMPLES, ROOT, in_fresh_process, machine, peak_mb

IMAGES = sorted(EXAMPLES.glob("*.jpg"))
LIMITS = {"import_s": 0.3, "first_s": 25.0, "steady_s": 1.0, "peak_mb": 2500.0}
PROMPTS = "Someone counts the people.", "Someone judges how everybody in this image seems to feel."


def main():
    """Runs the measurements one after another and prints them as a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=None, help="a model's name, a checkpoint or a run's folder")
    options.add_argument("--rounds", type=int, default=5, help="predictions of each image")
    options.add_argument("--worker", nargs=2, metavar=("MODE", "START"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        mode, start = asked.worker
        print(json.dumps(measure(asked.model, mode, asked.rounds, float(start))))
        return
    figures, baseline = (
        # perf_counter is one clock for all processes of a machine
        in_fresh_process(__file__, *sys.argv[1:], "--worker", mode, time.perf_counter())
        for mode in ("graph", "pynative")
    )
    figures["import_s"] = statistics.median(import_seconds() for _ in range(5))
    print(table(figures, baseline))


def measure(model, mode, rounds, start):
    """The figures of one process, started at `start`: seconds (medians) and peak resident MB.

    first_s is counted from before the start of the process, imports and compilation included.
    """
    started = time.perf_counter()
    import numpy as np

    from mindaam.data import media
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    predictor = Predictor(model or DEFAULT_MODEL, mode=mode)
    loaded = time.perf_counter()
    predictor.predict(IMAGES[0])
    first = time.perf_counter()
    figures = {"load_s": loaded - started, "first_call_s": first - loaded, "first_s": first - start}
    steady, second = [], []
    for prompt in PROMPTS:
        predictor.embed([prompt])  # a prompt is encoded once, and only images are timed
    for shift in range(rounds):
        for path in IMAGES:
            image = np.roll(media.read_image(path), 7 * shift, axis=1)  # new content: kept features must not help
            steady.append(timed(predictor, image, PROMPTS[0]))
            second.append(timed(predictor, image, PROMPTS[1]))
    figures["steady_s"], figures["second_s"] = statistics.median(steady), statistics.median(second)
    figures["slowest_s"] = max(steady)
    figures["peak_mb"] = peak_mb()
    return figures


def timed(predictor, image, prompt):
    """Seconds of one prediction."""
    start = time.perf_counter()
    predictor.predict(image, prompt)
    return time.perf_counter() - start


def import_seconds():
    """Seconds of a bare `import mindaam` in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import mindaam; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout)


def table(figures, baseline):
    """The Markdown that a report can take over as it is."""
    rows = [
        ("`import mindaam`, s", "import_s", ".2f"),
        ("first image, imports and compilation included, s", "first_s", ".1f"),
        ("an image after the first, s", "steady_s", ".2f"),
        ("the slowest of them, s", "slowest_s", ".2f"),
        ("a second prompt for it, s", "second_s", ".2f"),
        ("peak memory, MB", "peak_mb", ".0f"),
    ]
    lines = ["| measure | graph mode | PyNative mode | limit |", "|---|---|---|---|"]
    for what, key, form in rows:
        values = [format(each[key], form) if key in each else "" for each in (figures, baseline)]
        limit = format(LIMITS[key], form) if key in LIMITS else ""
        lines.append(f"| {what} | {values[0]} | {values[1]} | {limit} |")
    graph, pynative = figures["steady_s"], baseline["steady_s"]
    return "\n".join(
        [
            machine(),
            "",
            *lines,
            "",
            f"image, graph against PyNative: {pynative / graph:.1f}x faster",
            f"second prompt, features kept against computed again: {graph / figures['second_s']:.1f}x faster",
        ]
    )


if __name__ == "__main__":
    main()
