"""The Fokker-Planck step as one compiled graph against operator by operator.

    python benchmarks/fp_step.py [--frames 32] [--side 28] [--channels 384] [--rounds 20]

Two things are timed on random numbers, each in both modes and in a process of its own: the operators (drift, diffusion,
correction, projection) given kernel, diffusivity and relaxation rate; and the step with its kernel, from a clip's
features to the evolved density. The baseline is PyNative mode, in which each operator is launched on its own.
"""

import argparse
import json
import statistics
import sys
import time

from common import in_fresh_process, machine

WANTED = {"operators": 10.0, "step": 2.0}


def main():
    """Runs both modes one after the other and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--frames", type=int, default=32, help="length of the clip")
    options.add_argument("--side", type=int, default=28, help="height and width of the feature map")
    options.add_argument("--channels", type=int, default=384, help="width of the features, a multiple of 8")
    options.add_argument("--rounds", type=int, default=20, help="times that each is timed, after a first one")
    options.add_argument("--worker", choices=("graph", "pynative"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        print(json.dumps(measure(asked)))
        return
    modes = ("graph", "pynative")
    print(table(asked, {mode: in_fresh_process(__file__, *sys.argv[1:], "--worker", mode) for mode in modes}))


def measure(asked):
    """Median milliseconds of the operators and of the step, in the worker's mode."""
    from mindaam import runtime

    runtime.configure(mode=asked.worker)
    import numpy as np
    from mindspore import Tensor, nn

    from mindaam.dynamics.splitting import evolve
    from mindaam.dynamics.temporal_block import FokkerPlanckBlock, to_tokens
    from mindaam.dynamics.variant import PAPER

    class Operators(nn.Cell):
        def construct(self, u_obs, kernel, nu, lam):
            return evolve(u_obs, kernel, nu, lam, PAPER)

    class Step(nn.Cell):
        def __init__(self, block):
            super().__init__()
            self.block = block

        def construct(self, clip):
            return self.block.density(*self.block.along_time(to_tokens(clip))[1:])

    draw = np.random.default_rng(0)
    positions = asked.side**2
    u_obs = draw.random((1, positions, asked.frames))
    kernel = draw.random((1, positions, asked.frames, asked.frames))
    rates = 0.5 * draw.random((2, 1, positions, asked.frames))
    arrays = (u_obs / u_obs.sum(1, keepdims=True), kernel / kernel.sum(-1, keepdims=True), *rates)
    given = [Tensor(array.astype(np.float32)) for array in arrays]
    clip = draw.standard_normal((1, asked.frames, asked.channels, asked.side, asked.side), np.float32)
    step = Step(FokkerPlanckBlock(asked.channels)).set_train(False)
    return {
        "operators": milliseconds(asked.rounds, Operators(), *given),
        "step": milliseconds(asked.rounds, step, Tensor(clip)),
    }


def milliseconds(rounds, cell, *inputs):
    """The median of `rounds` calls after one that compiles."""
    cell(*inputs).asnumpy()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        cell(*inputs).asnumpy()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def table(asked, figures):
    """The Markdown that a report can take over as it is."""
    lines = [
        f"{machine()}, T = {asked.frames}, {asked.side}x{asked.side}, C = {asked.channels}, median of {asked.rounds}",
        "",
        "| | graph, ms | PyNative, ms | graph is faster by | wanted |",
        "|---|---|---|---|---|",
    ]
    names = {"operators": "operators, given A, nu, lambda", "step": "the step with its kernel"}
    for key, name in names.items():
        graph, pynative = figures["graph"][key], figures["pynative"][key]
        lines.append(f"| {name} | {graph:.1f} | {pynative:.1f} | {pynative / graph:.1f}x | {WANTED[key]:.0f}x |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
