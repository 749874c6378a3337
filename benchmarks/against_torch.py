"""The speed and the memory of the authors' models as released, against PyTorch's, in turn on one machine.

    python benchmarks/against_torch.py [S B L video] [--rounds 5] [--before TREE] [--torch FOLDER]

The first run creates an environment with PyTorch and `transformers` in the user's cache, or in --torch; later runs use
it. Index and proxy are those of pip's configuration; the CPU build of PyTorch has to be on one of its indexes.
Two processes compute images of 448 x 448 in turn, or a video of 16 frames of S, while the other one is stopped:

torch: the backbone, DINOv3 of `transformers`, with random weights. Its time divided by the backbone's share of the
authors' code is the estimate of their whole model, whose code is not needed. Its memory is that of the backbone alone.
MindAAM: the whole model, `create_model(NAME, preset="released")`, with random weights, under one prompt.

--before adds the same model of another checkout as a third process.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from common import Worker, answers, machine, peak_mb

PINNED = "torch==2.13.0+cpu", "transformers==4.57.1"
SIDE = 448
WARM = 4.0  # seconds of calls before the first that counts: the first few are up to 1.5 times as long
S = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 12, "num_attention_heads": 6}
B = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
L = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}


class Case(NamedTuple):
    """A row of the table: the model, PyTorch's backbone and its share of the authors' time, and the limit of the ratio.

    frames: of one call; more than one are a video. Shares: measured with the authors' code, eager, float32, 2 threads.
    """

    model: str
    sizes: dict
    frames: int
    share: float
    least: float


CASES = {
    "S": Case("aam_dinov3_vits16", S, 1, 0.67, 0.9),
    "B": Case("aam_dinov3_vitb16", B, 1, 0.85, 0.9),
    "L": Case("aam_dinov3_vitl16", L, 1, 0.95, 0.9),
    "video": Case("aam_dinov3_vits16", S, 16, 0.43, 1.2),
}


def main():
    """Measures the cases one after another and prints a row for each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("cases", nargs="*", metavar="CASE", help=f"some of {', '.join(CASES)}; by default all")
    options.add_argument("--rounds", type=int, default=5, help="calls of each side")
    options.add_argument("--before", metavar="TREE", help="another checkout, measured in turn with the others")
    options.add_argument("--torch", type=Path, metavar="FOLDER", help="PyTorch's environment, created if necessary")
    options.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if unknown := set(asked.cases) - set(CASES):
        options.error(f"unknown case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    if asked.worker:
        SIDES[asked.worker](CASES[asked.cases[0]])
        return
    python = environment_of_torch(asked.torch or default_folder())
    print(f"{machine()}; {', '.join(PINNED)}\n\n{head(asked.before)}", flush=True)
    for name in asked.cases or CASES:
        print(row(name, measured(name, python, asked.rounds, asked.before)), flush=True)


def default_folder():
    """PyTorch's environment in the user's cache."""
    from mindaam.places import user_cache

    return user_cache() / "torch"


def environment_of_torch(folder):
    """Path of the Python that has PyTorch and `transformers`; installs them into `folder` if they are missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    usable = [python, "-c", "import torch, transformers"]
    if subprocess.run(usable, stderr=subprocess.DEVNULL).returncode:
        print(f"installing {', '.join(PINNED)} into {folder}, once", file=sys.stderr, flush=True)
        if subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED]).returncode:
            sys.exit(
                "pip could not install them: add the index of PyTorch's CPU builds to pip's configuration, as in "
                "PIP_EXTRA_INDEX_URL, or give an environment that has both with --torch FOLDER"
            )
    return python


def measured(name, python, rounds, before=None):
    """{side: figures} of one case: `first` call and `median`, seconds, and `peak_mb`; the sides compute in turn."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as cache:
        start = [__file__, name, "--worker"]
        sides = {"torch": Worker(*start, "torch", python=python)}
        sides["now"] = Worker(*start, "mindaam", MINDAAM_CACHE=cache)
        if before:
            sides["before"] = Worker(*start, "mindaam", tree=Path(before).resolve(), MINDAAM_CACHE=cache)
        for worker in sides.values():
            stack.enter_context(worker)
        answers = [{side: worker.ask() for side, worker in sides.items()} for _ in range(rounds)]
    return {
        side: {
            "first": worker.first,
            "median": statistics.median(answer[side]["seconds"] for answer in answers),
            "peak_mb": answers[-1][side]["peak_mb"],
        }
        for side, worker in sides.items()
    }


def pytorch(case):
    """Answers with the seconds of the backbone."""
    import os

    import torch
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    model = DINOv3ViTModel(DINOv3ViTConfig(image_size=SIDE, num_register_tokens=4, **case.sizes)).eval()

    def call():
        images = torch.randn(case.frames, 3, SIDE, SIDE)
        with torch.no_grad():
            return timed(lambda: model(images))

    report(call)


def ours(case):
    """Answers with the seconds of the whole model."""
    import numpy as np

    from mindaam import runtime
    from mindaam.zoo import create_model

    runtime.configure(mode="graph", seed=0)
    model, draw = create_model(case.model, preset="released"), np.random.default_rng(0)
    prompt = np.full((1, model.config.text.width), 0.03, np.float32)

    def call():
        images = draw.standard_normal((case.frames, 3, SIDE, SIDE), np.float32)
        return timed(lambda: model.infer(images, prompt, clip=case.frames > 1))

    report(call)


def report(call):
    """Answers with the seconds of calls; the first one's include compiling, but neither imports nor weights."""

    def warm():
        first = spent = call()
        while spent < first + WARM:
            spent += call()
        return first

    answers(warm, lambda _: {"seconds": call(), "peak_mb": peak_mb()})


SIDES = {"torch": pytorch, "mindaam": ours}


def timed(call):
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def head(before):
    """The first two lines of the table."""
    names = ["", "torch, s", "MindAAM, s", "torch's time / ours", "must", "first call, s", "peak memory, MB"]
    names += [f"{Path(before).name}, s", "its time / ours", "its memory, MB"] if before else []
    return f"| {' | '.join(names)} |\n{'|---' * len(names)}|"


def row(name, figures):
    """A line of the table; torch's time is that of the whole model, estimated from its backbone's."""
    case, torch, ours = CASES[name], figures["torch"], figures["now"]
    whole, media = torch["median"] / case.share, f"video, {case.frames} frames" if case.frames > 1 else "image"
    cells = [
        f"{name if case.frames == 1 else 'S'}, {media}",
        f"{whole:.2f} (backbone {torch['median']:.2f})",
        f"{ours['median']:.2f}",
        f"{whole / ours['median']:.2f}",
        f"≥ {case.least:g}",
        f"{torch['first'] / case.share:.1f}; {ours['first']:.1f}",
        f"{torch['peak_mb']:.0f}; {ours['peak_mb']:.0f}",
    ]
    if before := figures.get("before"):
        cells += [f"{before['median']:.2f}", f"{before['median'] / ours['median']:.2f}", f"{before['peak_mb']:.0f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
