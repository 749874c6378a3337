"""What a prediction costs: start, first photograph, every further one, a second sentence, memory.

    python benchmarks/predict.py [--model NAME|PATH] [--rounds 5]

Each figure comes from a fresh process, as a user meets it. The baseline runs in the same session on the same
photographs: MindSpore's operator-by-operator (PyNative) mode, which is what a port without compiled graphs would do;
"naive second sentence" is the same photograph predicted anew, as a model without kept features must.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = sorted((ROOT / "examples").glob("*.jpg"))
LIMITS = {"import_s": 0.3, "first_s": 25.0, "steady_s": 1.0, "peak_mb": 2500.0}
SENTENCES = "Someone counts the people.", "Someone judges how everybody in this picture seems to feel."


def main():
    """Runs the measurements one after another and prints them as a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=None, help="a model's name, a checkpoint or a run's folder")
    options.add_argument("--rounds", type=int, default=5, help="times that every photograph is predicted")
    options.add_argument("--worker", choices=("graph", "pynative"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        print(json.dumps(measure(asked.model, asked.worker, asked.rounds)))
        return
    figures = in_fresh_process("graph", asked)
    baseline = in_fresh_process("pynative", asked)
    figures["import_s"] = statistics.median(import_seconds() for _ in range(5))
    print(table(figures, baseline))


def measure(model, mode, rounds):
    """The figures of one process: seconds (medians) and peak resident MB. Times the first photograph from here on."""
    started = time.perf_counter()
    import numpy as np

    from mindaam.data import media
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    predictor = Predictor(model or DEFAULT_MODEL, mode=mode)
    loaded = time.perf_counter()
    predictor.predict(PHOTOS[0])
    figures = {"load_s": loaded - started, "first_call_s": time.perf_counter() - loaded}
    print("first", flush=True)  # the parent takes the time from the process's start
    steady, second = [], []
    for sentence in SENTENCES:
        predictor.embed([sentence])  # a sentence is encoded once, and here only photographs are timed
    for shift in range(rounds):
        for photo in PHOTOS:
            image = np.roll(media.read_image(photo), 7 * shift, axis=1)  # new content: kept features must not help
            steady.append(timed(predictor, image, SENTENCES[0]))
            second.append(timed(predictor, image, SENTENCES[1]))
    figures["steady_s"], figures["second_s"] = statistics.median(steady), statistics.median(second)
    figures["slowest_s"] = max(steady)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    return figures


def timed(predictor, image, sentence):
    """Seconds that one prediction takes."""
    start = time.perf_counter()
    predictor.predict(image, sentence)
    return time.perf_counter() - start


def in_fresh_process(mode, asked):
    """`measure` in a process of its own; first_s is counted from before its start, imports and compilation included."""
    command = [sys.executable, __file__, "--worker", mode, "--rounds", str(asked.rounds)]
    command += ["--model", asked.model] if asked.model else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        while (line := worker.stdout.readline()) and line.strip() != "first":
            pass
        first = time.perf_counter() - start
        rest = worker.stdout.read()
    if worker.returncode:
        sys.exit(worker.returncode)
    return json.loads(rest.splitlines()[-1]) | {"first_s": first}


def import_seconds():
    """Seconds of a bare `import mindaam` in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import mindaam; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout)


def table(figures, baseline):
    """The Markdown that a report can take over as it is."""
    from importlib.metadata import version

    rows = [
        ("`import mindaam`, s", "import_s", ".2f"),
        ("first photograph, imports and compilation included, s", "first_s", ".1f"),
        ("a photograph after the first, s", "steady_s", ".2f"),
        ("the slowest of them, s", "slowest_s", ".2f"),
        ("a second sentence about it, s", "second_s", ".2f"),
        ("peak memory, MB", "peak_mb", ".0f"),
    ]
    lines = ["| measure | graph mode | PyNative mode | limit |", "|---|---|---|---|"]
    for what, key, form in rows:
        values = [format(each[key], form) if key in each else "" for each in (figures, baseline)]
        limit = format(LIMITS[key], form) if key in LIMITS else ""
        lines.append(f"| {what} | {values[0]} | {values[1]} | {limit} |")
    graph, pynative = figures["steady_s"], baseline["steady_s"]
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return "\n".join(
        [
            f"mindspore {version('mindspore')}, {platform.machine()}, {os.cpu_count()} cores, load average {load}",
            "",
            *lines,
            "",
            f"photograph, graph against PyNative: {pynative / graph:.1f}x faster",
            f"second sentence, features kept against computed anew: {graph / figures['second_s']:.1f}x faster",
        ]
    )


if __name__ == "__main__":
    main()
