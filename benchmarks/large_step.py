"""One training step of the paper's ViT-L model on a CPU: seconds to compile, seconds per step, peak memory.

    python benchmarks/large_step.py [--frames 2] [--no-recompute]

The encoder has its initial values, images and embeddings are random: the benchmark shows that the configuration builds,
compiles, steps and fits. Each kind of step runs in a process of its own, so that its memory is its own; the ratio is
against the image step.
"""

import argparse
import json
import sys
import time

import numpy as np
from common import in_fresh_process, peak_mb

RECIPE = "aam_dinov3_vitl16_paper.yaml"


def main():
    """Runs an image step, then a clip step, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2, help="frames of the clip (2); 0 for none")
    parser.add_argument("--no-recompute", action="store_true", help="keep the activations of the backbone")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # frames of the step of this process
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(step(options.one, not options.no_recompute)))
        return
    print(
        "| step | compile and first step, s | second step, s | against the image | peak memory, GB |\n"
        + "|---" * 5
        + "|"
    )
    first = None
    for frames in (0, *([options.frames] if options.frames else [])):
        more = ["--no-recompute"] if options.no_recompute else []
        compiled, again, memory = in_fresh_process(__file__, "--one", frames, *more)
        first = first or again
        name = f"clip of {frames} frames" if frames else "one image"
        print(f"| {name} | {compiled:.0f} | {again:.1f} | {again / first:.2f}x | {memory:.1f} |", flush=True)


def step(frames, recompute):
    """Two steps in this process: seconds of both, and the peak memory in GB."""
    from mindaam import runtime
    from mindaam.places import configs_dir

    runtime.configure(mode="graph", seed=0)
    import mindspore as ms

    from mindaam.models.registry import build_model
    from mindaam.training.feeding.corpus_source import CLIPS, IMAGES
    from mindaam.training.step import TrainStep
    from mindaam.training.tasks.corpus_config import CorpusConfig
    from mindaam.training.tasks.corpus_objective import TAKING_PART, CorpusObjective, optimizers, prepare

    clip = [f"model_changes.temporal.clip={frames}", f"sampling.clip={frames}", f"answered={frames}"] if frames else []
    config = CorpusConfig.load(configs_dir() / "train" / RECIPE, ["precision=float32", *clip])
    model = build_model(config.model, config.preset, changes=config.model_changes)
    prepare(model, config.precision, recompute)
    kind, taking = (CLIPS if frames else IMAGES), optimizers(model, config)
    cell = TrainStep(model, CorpusObjective(model, config.loss, kind), [taking[name] for name in TAKING_PART[kind]])
    draw, count, size = np.random.default_rng(0), max(frames, 1), tuple(model.config.image_size)
    truth = draw.random((count, 1, *size)).astype(np.float32)
    arrays = [
        draw.standard_normal((count, 3, *size)).astype(np.float32),
        draw.standard_normal((count, model.config.text.width)).astype(np.float32),
        truth / truth.sum((2, 3), keepdims=True),
        *([np.arange(frames, dtype=np.int32)] if frames else []),
    ]
    seconds = []
    for number in range(2):
        settings = np.stack([each.settings(number, 3e-4).asnumpy() for each in cell.optimizers])
        since = time.monotonic()
        terms, norm = cell.set_train(True)(
            ms.Tensor(settings), ms.Tensor(1.0, ms.float32), True, *(ms.Tensor(array) for array in arrays)
        )
        if not np.isfinite([*terms.asnumpy(), norm.asnumpy()]).all():
            sys.exit("the step is not finite")
        seconds.append(time.monotonic() - since)
    return [*seconds, peak_mb() / 1024]


if __name__ == "__main__":
    main()
