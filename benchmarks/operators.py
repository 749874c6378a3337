"""Where the time of an image and of a window of a video goes, operator by operator.

    python benchmarks/operators.py [--model NAME|PATH] [--preset released] [--frames 16] [--top 12]

A table for each graph-bound half of a prediction, after compiling: the backbone of one image or frame, the head of an
image, and with --frames the head of a window. MindSpore's profiler times each operator of one call; "between the
operators" is what remains of the time of a call without profiler: copies, Python, and the start of each operator.
The last line relates the backbone's matrix products to their time.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from common import in_fresh_process, machine

ROUNDS = 5  # calls without profiler, of which the median counts
HALVES = {
    "backbone": "backbone, one image",
    "image": "head, one image",
    "window": "head, a window of {frames} frames",
}


class Operator(NamedTuple):
    """All calls of one kind of operator in one pass."""

    name: str
    calls: int
    seconds: float


def main():
    """Profiles the halves of a prediction, each in a process of its own, and prints a Markdown table for each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=None, help="a model's name, a checkpoint or a run's folder")
    options.add_argument("--preset", default=None, help="released: the authors' model, with random weights")
    options.add_argument("--frames", type=int, default=0, help="frames of a window; 0 for none")
    options.add_argument("--top", type=int, default=12, help="rows of a table")
    options.add_argument("--half", choices=HALVES, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.half:
        print(json.dumps(measured(asked.model, asked.preset, asked.frames, asked.half)))
        return
    print(machine())
    for half, title in HALVES.items():
        if half == "window" and not asked.frames:
            continue
        seconds, work, found = in_fresh_process(__file__, *sys.argv[1:], "--half", half)
        found = [Operator(*each) for each in found]
        title = title.format(frames=asked.frames)
        print(f"\n{title}: {1000 * seconds:.0f} ms\n\n{table(found, seconds, asked.top)}", flush=True)
        if half == "backbone":
            products = sum(each.seconds for each in found if each.name in ("MatMul", "BatchMatMul"))
            print(f"\nmatrix products: {work:.0f} GFLOP in {1000 * products:.0f} ms, {work / products:.0f} GFLOP/s")


def measured(name, preset, frames, half):
    """Seconds of a call (median), the backbone's GFLOP, and the operators of one half of a prediction."""
    from mindaam import runtime
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor
    from mindaam.zoo import create_model

    runtime.configure(mode="graph", seed=0)
    name = name or DEFAULT_MODEL
    model = create_model(name, preset=preset) if preset else Predictor(name).model
    calls = [prepared(model, half, frames) for _ in range(ROUNDS + 2)]
    calls.pop()()  # compiles
    seconds = statistics.median(timed(call) for call in calls[1:])
    return seconds, backbone_gflop(model), profile(calls[0])


def prepared(model, half, frames):
    """A call without arguments of one half, on new random values, so that nothing that is kept can be used."""
    import numpy as np

    size, draw = tuple(model.config.image_size), np.random.default_rng()
    if half == "backbone":
        images = draw.standard_normal((1, 3, *size), np.float32)
        return lambda: model.image_features(images)
    count, tokens = frames if half == "window" else 1, backbone_tokens(model)
    shape = (count, tokens, model.config.encoder.width)
    taps = tuple(draw.standard_normal(shape, np.float32) for _ in model.config.encoder.taps)
    prompt = np.full((1, model.config.text.width), 0.03, np.float32)
    return lambda: model.infer_features((taps, size), prompt, clip=half == "window")


def timed(call):
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def profile(call):
    """[Operator] of one call, the longest first."""
    from mindspore.profiler import Profiler, ProfilerActivity

    with tempfile.TemporaryDirectory() as folder:
        profiler = Profiler(output_path=folder, activities=[ProfilerActivity.CPU], start_profile=False)
        profiler.start()
        call()
        profiler.stop()
        [path] = Path(folder).rglob("cpu_op_type_info_*.csv")
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    found = [
        Operator(row["op_type"], int(row["type_occurrences"]), float(row["total_compute_time"]) / 1000) for row in rows
    ]
    return sorted(found, key=lambda each: -each.seconds)


def table(found, seconds, top):
    """The Markdown of the longest operators, the sum of the others, and what lies between them."""
    rest = [Operator("others", sum(each.calls for each in found[top:]), sum(each.seconds for each in found[top:]))]
    between = Operator("between the operators", 0, max(seconds - sum(each.seconds for each in found), 0.0))
    lines = ["| operator | calls | ms | share |", "|---|---|---|---|"]
    for name, calls, spent in [*found[:top], *rest, between]:
        lines.append(f"| {name} | {calls or ''} | {1000 * spent:.1f} | {100 * spent / seconds:.0f} % |")
    return "\n".join(lines)


def backbone_tokens(model):
    """Patch tokens that each tap of the backbone has for one image."""
    height, width = model.grid(model.config.image_size)
    return height * width


def backbone_gflop(model):
    """Floating-point operations of the matrix products of the backbone's blocks for one image, 1e9."""
    encoder, tokens = model.config.encoder, backbone_tokens(model)
    block = 24 * tokens * encoder.width**2 + 4 * tokens**2 * encoder.width  # qkv, projection, MLP of 4 times the width
    return encoder.depth * block / 1e9


if __name__ == "__main__":
    main()
