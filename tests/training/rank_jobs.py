"""What the tests of training.distributed and training.launch run on two ranks: python rank_jobs.py WHAT FOLDER."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mindspore as ms  # noqa: E402
from mindspore import nn, ops  # noqa: E402

from mindaam import graphs, runtime  # noqa: E402
from mindaam.training.optim.adamw import AdamW  # noqa: E402
from mindaam.training.ranks import (
    distributed,
    sharding,  # noqa: E402
)
from mindaam.training.step import TrainStep  # noqa: E402

SHAPES = ((3, 2), (5,), (4, 4), (1,))


def parameters(offset=0.0):
    """Four parameters [0, 1, 2, ...] + offset, and one of integers."""
    made = [
        ms.Parameter(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + np.float32(offset), name=f"p{i}")
        for i, shape in enumerate(SHAPES)
    ]
    return [*made, ms.Parameter(ms.Tensor(np.array([7, 8], np.int32) + int(offset)), name="count")]


def gradients(rank):
    """The gradients of SHAPES that a rank has."""
    random = np.random.default_rng(rank)
    return tuple(ms.Tensor(random.normal(size=shape).astype(np.float32)) for shape in SHAPES)


def functions(world):
    """Each function once; what came out, by name."""
    ours = parameters(10 * world.rank)
    distributed.broadcast(ours, world)
    found = {f"broadcast.{each.name}": each.asnumpy() for each in ours}
    found["average"] = distributed.average([world.rank, 3.0], world)
    found["mean"] = distributed.average(world.rank + 1, world)
    found["lost"] = distributed.average([1.0, float("nan") if world.rank else 0.0], world)
    flags = world.rank == 1, world.rank == 0, False, True
    found["agree"] = [distributed.average(float(flag), world) > 0 for flag in flags]
    distributed.barrier(world)
    reducer = distributed.gradient_reducer(ours[:4], world)
    found |= {f"gradient.{i}": each.asnumpy() for i, each in enumerate(reducer(gradients(world.rank)))}
    found["late"] = late(world)
    return found


def late(world):
    """Rank 0 comes to a collective after MindSpore's own limit of 30 s, when the test asks for it."""
    if world.is_first:
        time.sleep(float(os.environ.get("RANKS_LATE", 0)))
    distributed.barrier(world)
    return True


def moved(world, sharded):
    """Four parameters after three steps of AdamW on averaged gradients; sharded: each rank moves its own only."""
    ours = parameters()[:4]
    owned = sharding.owned_by(ours, world) if sharded else None
    optimizer = AdamW([(ours, 0.1, 1.0)], owned=owned)
    reducer = distributed.gradient_reducer(ours, world)
    for step in range(3):
        optimizer(reducer(gradients(10 * step + world.rank)), optimizer.settings(step, 0.01))
        if sharded:
            sharding.gather_owned(ours, world)
    moments = [each.asnumpy() for each in optimizer.first]
    moments = sharding.collect(ours, moments, world) if sharded else moments
    found = {each.name: each.asnumpy() for each in ours}
    if world.is_first:
        found |= {f"moment.{each.name}": moment for each, moment in zip(ours, moments, strict=True)}
    return found


def shards(world):
    """Parameters moved with and without sharded state, by name."""
    found = {f"whole.{name}": value for name, value in moved(world, sharded=False).items()}
    return found | {f"sharded.{name}": value for name, value in moved(world, sharded=True).items()}


class Halves(nn.Cell):
    """A graph that reduces inside, as the compiled step does."""

    def __init__(self, reducer):
        super().__init__()
        self.reducer = reducer

    def construct(self, *values):
        return self.reducer(values)


def inside_a_graph(world):
    """Means of gradients, reduced in a compiled graph, together and in buckets."""
    ours = parameters()[:4]
    reduced = Halves(distributed.gradient_reducer(ours, world))(*gradients(world.rank))
    found = dict(zip("abcd", reduced, strict=True))
    sizes = [each.size for each in ours]
    for name, ranges in (
        ("pairs", distributed.buckets(sizes, tensors=2)),
        ("single", distributed.buckets(sizes, [2, 3, 0, 1], numbers=1)),
    ):
        reduced = Halves(distributed.GradientMeans(sizes, world.size, ranges))(*gradients(world.rank))
        found |= {f"{name}.{each}": value for each, value in zip("abcd", reduced, strict=True)}
    return found


class Products(nn.Cell):
    """Sums of products of four parameters with given tensors, each the larger for the one after it: the backward pass
    computes their gradients one after another, the last one's first."""

    def __init__(self, parameters):
        super().__init__(auto_prefix=False)
        self.weights = ms.ParameterTuple(parameters)

    def construct(self, scale, *tensors):
        loss = scale * 0.0
        for i in range(len(tensors)):
            loss = ops.sin(loss) + (self.weights[i] * tensors[i]).sum()
        return loss * scale, ops.stack((loss,))


def stepped(world, sharded, tensors):
    """Four parameters after four compiled steps of two parts each, gradients clipped and in buckets of so many tensors;
    sharded: each rank's graph moves its own only, so the ranks' graphs differ."""
    ours = parameters()[:4]
    optimizer = AdamW([(ours, 0.1, 1.0)], owned=sharding.owned_by(ours, world) if sharded else None)
    sizes = [each.size for each in ours]
    reduce = distributed.GradientMeans(sizes, world.size, distributed.buckets(sizes, [2, 3, 0, 1], tensors=tensors))
    objective = Products(ours)
    step = TrainStep(objective, objective, [optimizer], parts=2, reduce=reduce, clip_norm=1.0)
    for number in range(4):
        settings = ms.Tensor(optimizer.settings(number, 0.01).asnumpy()[None])
        for part in range(2):
            step(settings, ms.Tensor(1.0, ms.float32), part == 1, *gradients(10 * number + 2 * part + world.rank))
        if sharded:
            sharding.gather_owned(ours, world)
    return {each.name: each.asnumpy() for each in ours}


def in_buckets(world):
    """What `stepped` leaves with one bucket and with several, with and without sharded state."""
    found = {}
    for name, sharded, tensors in (("one", False, 4), ("whole", False, 1), ("sharded", True, 1), ("pairs", True, 2)):
        found |= {f"{name}.{each}": value for each, value in stepped(world, sharded, tensors).items()}
    return found


def stored(world):
    """Parameters after a compiled step, its gradients in two buckets, and how many of its graphs came from the store of
    an earlier start, and how many went there."""
    ours = parameters()[:4]
    optimizer, sizes = AdamW([(ours, 0.1, 1.0)]), [each.size for each in ours]
    reduce = distributed.GradientMeans(sizes, world.size, distributed.buckets(sizes, tensors=2))
    objective = Products(ours)
    step = TrainStep(objective, objective, [optimizer], parts=2, reduce=reduce)
    settings = ms.Tensor(optimizer.settings(0, 0.01).asnumpy()[None])
    for part in range(2):
        graphs.run(step, settings, ms.Tensor(1.0, ms.float32), part == 1, *gradients(2 * part + world.rank))
    kept = graphs.kept()
    return {each.name: each.asnumpy() for each in ours} | {"found": kept.found, "made": kept.made}


def until_asked(world):
    """Steps until one rank gets SIGTERM; all leave after the same one."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    step = 0
    while not distributed.average(float(bool(asked)), world) > 0:
        step += 1
        print(f"step {step}", flush=True)
        time.sleep(0.1)
    return {"step": step}


def forever(world, victim=None):
    """Steps without end; `victim`, of rank 1, is called in the third."""
    for step in range(1_000_000):
        print(f"step {step}", flush=True)
        if step == 2 and world.rank == 1 and victim:
            victim()
        distributed.barrier(world)
    return {}


def ill():
    """An error on one rank."""
    raise ValueError("rank 1 is ill")


def main(what, folder):
    """Does WHAT and leaves FOLDER/RANK.npz."""
    if what == "absent" and os.environ.get("MS_NODE_ID") == "1":
        raise ImportError("rank 1 never comes")
    runtime.configure("CPU", mode="graph" if what in ("graph", "buckets", "stored") else "pynative", seed=0)
    world = distributed.start()
    found = {
        "functions": lambda: functions(world) | shards(world),
        "graph": lambda: inside_a_graph(world),
        "buckets": lambda: in_buckets(world),
        "stored": lambda: stored(world),
        "until_asked": lambda: until_asked(world),
        "ill": lambda: forever(world, ill),
        "killed": lambda: forever(world, lambda: os.kill(os.getpid(), signal.SIGKILL)),
        "leaves": lambda: forever(world, lambda: sys.exit(0)),
        "misused": lambda: forever(world, lambda: sys.exit(2)),
        "forever": lambda: forever(world),
    }[what]()
    found = {name: value.asnumpy() if isinstance(value, ms.Tensor) else value for name, value in found.items()}
    np.savez(Path(folder) / f"{world.rank}.npz", rank=world.rank, size=world.size, **found)
    print(f"rank {world.rank} of {world.size} is done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
