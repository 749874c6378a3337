"""The loop over a task's steps: forward and backward pass, log, score at an epoch's end, checkpoint, stop."""

import resource
import time
from contextlib import nullcontext

import mindspore as ms
import numpy as np

from mindaam import graphs
from mindaam.encoders.dropout import set_dropout_step
from mindaam.errors import TrainingError
from mindaam.training import checkpoint_content
from mindaam.training.ranks import distributed, sharding
from mindaam.training.run_folder import write_json
from mindaam.zoo.weights import save_trained

SMALLEST_SCALE = 2.0**-10


def train_steps(task, state, setup, logs, request):
    """Takes a task's steps from the place reached to the end of the run; returns (State, whether it came to its end).

    state: checkpoint_content.State; setup: Setup; logs: run_folder.Logs; request: StopRequest, which ends the run after
    its step, with a checkpoint, whichever rank received it. Raises TrainingError when the loss or its gradient is not
    finite.
    """
    folder, world, progress = setup.folder, setup.world, setup.progress
    watch, terms = Stopwatch(), []
    for part in task.parts(state.place):
        watch.lap("waiting")
        rate = task.rate(state.number, part.place)
        of_part, norm = forward_backward(task, state, part, rate, watch)
        terms.append(of_part)
        if not part.last:
            continue
        # ---- the step is done on this rank: means over its parts and over all ranks ----
        *means, stopping = distributed.average([*np.mean(terms, 0), float(request.to_stop)], world).tolist()
        means, terms = dict(zip(task.terms, means, strict=True)), []
        state = after_step(task, state, part, means, norm, setup)
        row = {
            "step": state.number, "epoch": part.place.epoch + 1, "rate": rate, **means, "norm": norm,
            "samples": part.samples * world.size, **watch.step(), **part.labels,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip
        logs.step(row)
        progress.step(f"epoch {part.place.epoch + 1}/{task.epochs} {part.source}", row)
        for name, further in task.after_step(state.number).items():
            logs.write(name, further)
        # ---- score, checkpoint, stop; an epoch is scored even before a stop: a resume begins the next one ----
        ended, score = state.place.step == 0, None
        if ended:
            state, score = scored(task, state, setup, logs)
            task.enter(state.place)
            watch = Stopwatch()
        if ended or stopping > 0 or state.number % task.config.checkpoint_every == 0:
            checkpoint_content.save(folder, task, state, world, score)
        if stopping > 0 and state.number < task.total:
            progress.say(f"stopped after step {state.number}, as requested; --resume continues")
            return state, False
    return state, True


def forward_backward(task, state, part, rate, watch=None):
    """One call of a compiled step: (its terms, a NumPy array, and the length of all gradients together, a float). With
    the last of its parts the parameters move."""
    watch = watch or Stopwatch()
    cell, moved = task.step(part.kind)
    settings = [task.optimizers[name].settings(state.done.get(name, 0), rate).asnumpy() for name in moved]
    set_dropout_step(task.config.seed, state.number, part.number)
    task.before_step(state.number)
    settings, scale = ms.Tensor(np.stack(settings)), ms.Tensor(state.scale, ms.float32)
    arrays = [ms.Tensor(array) for array in part.arrays]
    watch.lap()
    terms, norm = graphs.run(cell.set_train(True), settings, scale, part.last, *arrays)
    terms, norm = terms.asnumpy(), float(norm.asnumpy())
    watch.lap("computing")
    return terms, norm


def after_step(task, state, part, means, norm, setup):
    """The State after a step: counts, loss scale, averages. means: {term: float}; norm: float.

    Raises TrainingError, the step kept in failed_batch.json, when the loss is not finite on any rank, or its gradients
    are not and no smaller loss scale is left to try.
    """
    after = state._replace(number=state.number + 1, place=task.following(part.place))
    lost = not np.isfinite(list(means.values())).all()
    overflow = not np.isfinite(norm)
    # a loss may be finite under gradients that are not: these end the run before they are in a checkpoint
    if lost or (overflow and (task.loss_scale is None or state.scale <= SMALLEST_SCALE)):
        raise failed(task, state, part, means, norm, setup)
    if overflow:  # the step changed nothing
        return after._replace(scale=state.scale / 2, calm=0)
    _, moved = task.step(part.kind)
    done = {name: state.done.get(name, 0) + (name in moved) for name in task.optimizers}
    for name in moved:
        if task.optimizers[name].sharded:
            sharding.gather_owned(task.optimizers[name].parameters, setup.world)
    if task.ema:
        graphs.run(task.ema, task.ema.setting(max(done.values()) - 1))
    after = after._replace(done=done)
    if task.loss_scale is None:
        return after
    calm = state.calm + 1
    if calm < task.loss_scale.every:
        return after._replace(calm=calm)
    return after._replace(scale=state.scale * 2, calm=0)


def failed(task, state, part, means, norm, setup):
    """The TrainingError for a step that is not finite, which is kept for replay."""
    rank, several = setup.world.rank, setup.world.size > 1
    place = setup.folder / (f"failed_batch_{rank}.json" if several else "failed_batch.json")
    write_json(place, {"state": part.place, "rank": rank, **part.labels, "names": list(part.names), "terms": means})
    return TrainingError(
        f"the loss is {means['loss']}, its gradient {norm}, at step {state.number + 1} ({part.source}: "
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

    def lap(self, what=None):
        """Counts the time since the last lap as `what`."""
        now = time.monotonic()
        if what is not None:
            self.spent[what] += now - self.last
        self.last = now

    def step(self):
        """The seconds of the step that ends now, by column of metrics.csv; the next one begins."""
        now, spent, begun = time.monotonic(), self.spent, self.begun
        self.begun = self.last = now
        self.spent = dict.fromkeys(spent, 0.0)
        return {"seconds": now - begun, **spent}
