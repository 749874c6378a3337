"""One training step of the paper's ViT-L model on a CPU: seconds to compile, seconds a step, peak memory.

    python benchmarks/large_step.py [--frames 2] [--no-recompute]

The encoder is at its initial values, pictures and sentences are made up: what is shown is that the configuration
builds, compiles, steps and fits. Each kind of step runs in a process of its own, so that its memory is its own; the
ratio is against the picture step.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

RECIPE = "aam_dinov3_vitl16_paper.yaml"


def main():
    """Runs a picture step, then a clip's, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2, help="frames of the clip (2); 0 leaves it out")
    parser.add_argument("--no-recompute", action="store_true", help="keep the backbone's values")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # frames of the step that this process does
    options = parser.parse_args()
    if options.one is not None:
        step(options.one, not options.no_recompute)
        return
    print(
        "| step | compile and first step, s | second step, s | against the picture | peak memory, GB |\n"
        + "|---" * 5
        + "|"
    )
    first = None
    for frames in (0, *([options.frames] if options.frames else [])):
        arguments = [sys.executable, __file__, "--one", str(frames), *(["--no-recompute"] * options.no_recompute)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        compiled, again, memory = map(float, done.stdout.split()[-3:])
        first = first or again
        name = f"clip of {frames} frames" if frames else "one picture"
        print(f"| {name} | {compiled:.0f} | {again:.1f} | {again / first:.2f}x | {memory:.1f} |", flush=True)


def step(frames, recompute):
    """Two steps in this process; prints seconds of both and the peak memory in GB."""
    from mindaam import runtime
    from mindaam.places import configs_dir

    runtime.configure(mode="graph", seed=0)
    import mindspore as ms

    from mindaam.models.registry import build_model
    from mindaam.training.feeding.corpus_source import CLIPS, IMAGES
    from mindaam.training.step import TrainStep
    from mindaam.training.tasks.corpus_config import load_corpus_config
    from mindaam.training.tasks.corpus_objective import TAKING_PART, CorpusObjective, optimizers, prepare

    clip = [f"model_changes.temporal.clip={frames}", f"sampling.clip={frames}", f"answered={frames}"] if frames else []
    config = load_corpus_config(configs_dir() / "train" / RECIPE, ["precision=float32", *clip])
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
    print(*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


if __name__ == "__main__":
    main()
