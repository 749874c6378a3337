"""The loop over a task's steps: forward and backward pass, log, score at an epoch's end, checkpoint, stop.

The device may compute independently of Python: what a step returns is read every few steps only, all together. Nothing
else in the loop waits for the device but a checkpoint, a score, a loss scale (float16), and a distributed optimizer
state, whose parameters travel through the host.
"""

import resource
import time
from contextlib import nullcontext
from typing import NamedTuple

import mindspore as ms
import numpy as np

from mindaam import compilation, graphs
from mindaam.encoders.dropout import set_dropout_step
from mindaam.errors import MindAAMError, TrainingError
from mindaam.kernels.device import on_cpu
from mindaam.training import checkpoint_content
from mindaam.training.ranks import distributed, sharding
from mindaam.training.run_folder import write_json
from mindaam.training.tasks.task import Part
from mindaam.zoo.weights import save_trained

SMALLEST_SCALE = 2.0**-10
READ_EVERY = 20  # steps between two readings where the device computes beside Python


class Taken(NamedTuple):
    """A step that was taken and whose results are still on the device.

    before: the State that it was taken from; number: steps done with it; part: its last Part; rate: its learning rate;
    terms: of each of its parts a Tensor [n]; norm: Tensor [], the length of its gradient.
    """

    before: checkpoint_content.State
    number: int
    part: Part
    rate: float
    terms: list
    norm: ms.Tensor


def train_steps(task, state, setup, logs, request):
    """Takes a task's steps from the place reached to the end of the run; returns (State, whether it came to its end).

    state: checkpoint_content.State; setup: Setup; logs: run_folder.Logs; request: StopRequest, which ends the run after
    a step whose results are read, with a checkpoint, whichever rank received it. Raises TrainingError when the loss or
    its gradient is not finite.
    """
    folder, world, every = setup.folder, setup.world, read_every(task.config)
    watch, terms, taken, parts = Stopwatch(), [], [], Prefetched(task.parts(state.place))
    for part in parts:
        watch.lap("waiting")
        rate = task.rate(state.number, part.place)
        of_part, norm = forward_backward(task, state, part, rate)
        terms.append(of_part)
        ends = part.last and task.following(part.place).step == 0
        if not (ends or on_cpu()):  # a task may change between epochs
            parts.fetch()
        if not part.last:
            watch.lap("computing")
            continue
        # ---- the step is done on this rank ----
        before, state = state, after_step(task, state, part, norm, world)
        taken.append(Taken(before, state.number, part, rate, terms, norm))
        terms = []
        saves = ends or state.number % task.config.checkpoint_every == 0
        stopping = False
        if saves or state.number % every == 0 or state.number == task.total:
            stopping = read_steps(task, taken, setup, logs, request, watch)
            taken = []
        for name, further in task.after_step(state.number).items():
            logs.write(name, further)
        # ---- score, checkpoint, stop; an epoch is scored even before a stop: a resume begins the next one ----
        score = None
        if ends:
            state, score = scored(task, state, setup, logs)
            task.enter(state.place)
            watch = Stopwatch()
        if saves or stopping:
            checkpoint_content.save(folder, task, state, world, score)
        if stopping and state.number < task.total:
            setup.progress.say(f"stopped after step {state.number}, as requested; --resume continues")
            return state, False
    return state, True


def read_every(config):
    """Steps between two readings of results under a RunConfig. On a CPU a step has ended when its call returns; for
    another device each reading waits."""
    return config.read_every or (1 if on_cpu() else READ_EVERY)


class Prefetched:
    """Parts in their order, of which the next may be fetched early."""

    def __init__(self, parts):
        self._parts, self._next, self._error = iter(parts), None, None

    def __iter__(self):
        return self

    def __next__(self):
        error, part = self._error, self._next
        self._error = self._next = None
        if error is not None:
            raise error
        return next(self._parts) if part is None else part

    def fetch(self):
        """Takes the next part and begins to copy its arrays to the device; an error is raised at the part's turn."""
        try:
            part = next(self._parts)
        except (StopIteration, MindAAMError) as error:
            self._error = error
            return
        # MindSpore 2.9 documents `non_blocking` as an asynchronous copy (mindspore.Tensor.to). Not run on a device.
        device = ms.get_context("device_target")
        arrays = [ms.Tensor(array).to(device=device, non_blocking=True) for array in part.arrays]
        self._next = part._replace(arrays=tuple(arrays))


def forward_backward(task, state, part, rate):
    """One call of a compiled step: its terms [n] and the length [] of all gradients together, Tensors that may not be
    computed yet. With the last of its parts the parameters move."""
    cell, moved = task.step(part.kind)
    settings = [task.optimizers[name].settings(state.done.get(name, 0), rate).asnumpy() for name in moved]
    set_dropout_step(task.config.seed, state.number, part.number)
    task.before_step(state.number)
    settings, scale = ms.Tensor(np.stack(settings)), ms.Tensor(state.scale, ms.float32)
    arrays = [array if isinstance(array, ms.Tensor) else ms.Tensor(array) for array in part.arrays]
    return graphs.run(cell.set_train(True), settings, scale, part.last, *arrays)


def after_step(task, state, part, norm, world):
    """The State after a step: counts, loss scale, averages. norm: Tensor [], read only under a loss scale: gradients
    that overflow leave the parameters as they are, and the next step has half the scale."""
    after = state._replace(number=state.number + 1, place=task.following(part.place))
    if task.loss_scale is not None and not np.isfinite(float(norm.asnumpy())):
        return after._replace(scale=state.scale / 2, calm=0)
    _, moved = task.step(part.kind)
    done = {name: state.done.get(name, 0) + (name in moved) for name in task.optimizers}
    for name in moved:
        if task.optimizers[name].sharded:
            sharding.gather_owned(task.optimizers[name].parameters, world)
    if task.ema:
        graphs.run(task.ema, task.ema.setting(max(done.values()) - 1))
    after = after._replace(done=done)
    if task.loss_scale is None:
        return after
    calm = state.calm + 1
    if calm < task.loss_scale.every:
        return after._replace(calm=calm)
    return after._replace(scale=state.scale * 2, calm=0)


def read_steps(task, taken, setup, logs, request, watch):
    """Waits for the steps in the list `taken`, and logs their terms, means over their parts and over all ranks; returns
    whether a rank is to stop. One collective, whatever their number.

    Seconds are means over the steps read together. Raises TrainingError, the step kept in failed_batch.json, when a
    loss is not finite on any rank, or its gradients are not and no smaller loss scale is left to try.
    """
    of_rank = [[*np.mean([terms.asnumpy() for terms in each.terms], 0), float(request.to_stop)] for each in taken]
    norms = [float(each.norm.asnumpy()) for each in taken]
    watch.lap("computing")
    compiled = watch.compiled()
    found, spent = distributed.average(of_rank, setup.world).tolist(), watch.steps(len(taken))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for each, norm, (*means, _) in zip(taken, norms, found, strict=True):
        means, part = dict(zip(task.terms, means, strict=True)), each.part
        require_finite(task, each, means, norm, setup)
        row = {
            "step": each.number, "epoch": part.place.epoch + 1, "rate": each.rate, **means, "norm": norm,
            "samples": part.samples * setup.world.size, **spent, **part.labels, "memory_mb": memory,
        }  # fmt: skip
        logs.step(row)
        setup.progress.step(f"epoch {part.place.epoch + 1}/{task.epochs} {part.source}", row, compiled=compiled)
    return found[-1][-1] > 0


def require_finite(task, step, means, norm, setup):
    """TrainingError, the step kept for replay, for a Taken whose loss is not finite, or whose gradients are not under
    no loss scale or the smallest. A loss may be finite under gradients that are not: these end the run before they are
    in a checkpoint."""
    lost = not np.isfinite(list(means.values())).all()
    if lost or (not np.isfinite(norm) and (task.loss_scale is None or step.before.scale <= SMALLEST_SCALE)):
        raise failed(task, step, means, norm, setup)


def failed(task, step, means, norm, setup):
    """The TrainingError for a Taken that is not finite, which is kept for replay."""
    part, rank, several = step.part, setup.world.rank, setup.world.size > 1
    place = setup.folder / (f"failed_batch_{rank}.json" if several else "failed_batch.json")
    write_json(place, {"state": part.place, "rank": rank, **part.labels, "names": list(part.names), "terms": means})
    return TrainingError(
        f"the loss is {means['loss']}, its gradient {norm}, at step {step.number} ({part.source}: "
        f"{', '.join(part.names[:3])}); the run stopped, {place} has the batch: continue from the last checkpoint with "
        "--resume --allow-changes and a smaller learning rate"
    )


def scored(task, state, setup, logs):
    """Scores an epoch's model, and keeps it in best.safetensors when it is the best so far; returns (State, score), the
    score None for a task that scores nothing."""
    with task.ema.applied() if task.ema else nullcontext():
        found = task.score(state.number, state.place.epoch)
        if found is None:
            return state, None
        if found.newest or found.score > state.best:
            state = state._replace(best=found.score)
            if setup.world.is_first:
                save_trained(task.model, setup.folder / "best.safetensors", task.header)
    logs.epoch(found.row)
    setup.progress.say(found.line)
    return state, found.score


class Stopwatch:
    """The seconds of a step: in all, waiting for data, computing."""

    def __init__(self):
        self.begun = self.last = time.monotonic()
        self.spent = {"waiting": 0.0, "computing": 0.0}
        self.graphs = compilation.seconds()

    def lap(self, what=None):
        """Counts the time since the last lap as `what`."""
        now = time.monotonic()
        if what is not None:
            self.spent[what] += now - self.last
        self.last = now

    def compiled(self):
        """Whether a graph was compiled or loaded since this was last called, or since the beginning."""
        before, self.graphs = self.graphs, compilation.seconds()
        return self.graphs > before

    def steps(self, count):
        """The seconds of each of the `count` steps that end now, by column of metrics.csv; the next one begins."""
        now, spent = time.monotonic(), {"seconds": 0.0, **self.spent}
        spent["seconds"] = now - self.begun
        self.begun = self.last = now
        self.spent = dict.fromkeys(self.spent, 0.0)
        return {name: value / count for name, value in spent.items()}
