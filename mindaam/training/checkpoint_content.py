"""What a run's checkpoint holds: put together, written, and restored.

Tensors: what is trained, by the names of its Parameters; `optimizer.NAME.first_moment.P` and `.second_moment.P` of each
optimizer and parameter; `ema.P` where the run keeps averages. Metadata: "task" (its name), "place" (State and the
data's fingerprint), "config" (the RunConfig), "model" and "model_config" (of the model), "environment". Checkpoints of
earlier versions have "corpus" in the place of "task" and "place".
"""

import json
from typing import NamedTuple

import mindspore as ms

from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import CheckpointError
from mindaam.training import checkpoints
from mindaam.training.begun import begun_config, stored_run
from mindaam.training.ranks import distributed, sharding
from mindaam.zoo.run_checkpoints import MODEL, OPTIMIZER

PLACE = ("data", "state", "number", "done", "best", "scale")  # entries without which no run is resumed


class State(NamedTuple):
    """How far a run is. place: of the step that comes next; number: steps done; done: {optimizer: steps that it took};
    best: the best score so far; scale: the loss scale; calm: steps in a row whose gradients did not overflow under it.
    """

    place: SamplerState = SamplerState()
    number: int = 0
    done: dict = {}
    best: float = -1.0
    scale: float = 1.0
    calm: int = 0


def first_state(task):
    """The State of a run that begins."""
    return State(scale=task.loss_scale.start if task.loss_scale else 1.0)


def trained_state(task):
    """{name in a checkpoint: Parameter} of all that a resume needs."""
    found = {parameter.name: parameter for parameter in task.parameters()}
    for name, optimizer in task.optimizers.items():
        found |= {f"{OPTIMIZER}{name}.{each.name}": each for each in (*optimizer.first, *optimizer.second)}
    return found | (task.ema.state() if task.ema else {})


def save(folder, task, state, world, score=None):
    """Writes a checkpoint on rank 0, to which the others give the optimizer state that they alone have; every rank
    calls this. score: of the epoch that ended, None within one."""
    tensors = {name: parameter.asnumpy() for name, parameter in trained_state(task).items()}
    tensors |= _sharded_state(task, world)
    if not world.is_first:
        return
    config = task.config
    place = {
        "state": state.place, "number": state.number, "done": state.done, "best": state.best,
        "scale": [state.scale, state.calm], "data": task.fingerprint, **task.scoring,
    }  # fmt: skip
    metadata = {
        "task": config.TASK, "place": json.dumps(place), "config": config.model_dump_json(),
        "environment": json.dumps(checkpoints.environment()), **_described_model(task.model),
    }  # fmt: skip
    keep = {"keep_last": config.keep_last, "keep_best": config.keep_best}
    checkpoints.save(folder, state.number, tensors, metadata, score=score, **keep)


def restore(path, task, folder, allow_changes=False):
    """Enters a checkpoint's place and sets the task's Parameters from it; returns its State.

    Raises CheckpointError when it is of another task or other data, lacks a Parameter or has another shape for it, or,
    unless `allow_changes`, is of another configuration, whose difference the message shows.
    """
    theirs = begun_config(path, type(task.config))
    tensors, metadata = checkpoints.load(path)
    ours = task.config.compared_with(theirs)
    changed = checkpoints.differences(theirs, ours, task.config.FREE)
    if changed and not allow_changes:
        raise checkpoints.refuse(path, changed)
    place = stored_run(path, metadata)[1]
    lacking = sorted(set(PLACE) - set(place))
    if lacking:
        raise CheckpointError(f"{path}: its place lacks {lacking[0]}; take another checkpoint of the run")
    if place["data"] not in (None, task.fingerprint):  # None: of an earlier layout of run folders
        raise CheckpointError(
            f"{path} was trained on other data: sets, or how many images, videos or frames they have, changed since "
            f"(see {folder / 'data.json'}); bring the data back, or start in another folder"
        )
    state = first_state(task)._replace(place=SamplerState(*place["state"]), number=place["number"], done=place["done"])
    task.enter(state.place)
    # an optimizer that has taken no step is as it was made, as at the start of a phase
    fresh = tuple(f"{OPTIMIZER}{name}." for name in task.optimizers if not state.done.get(name))
    parameters = {name: each for name, each in trained_state(task).items() if not name.startswith(fresh)}
    _set_parameters(path, parameters, tensors)
    # scores of other images do not compare, nor those with audio with those without, as of earlier versions
    if theirs.get("validation") == ours.get("validation") and all(
        place.get(key, type(value)()) == value for key, value in task.scoring.items()
    ):
        state = state._replace(best=place["best"])
    if theirs.get("precision") == ours.get("precision"):
        state = state._replace(scale=place["scale"][0], calm=place["scale"][1])
    return state


def require_one_place(state, folder, world):
    """Raises CheckpointError when the ranks did not resume from the same step, as without shared storage."""
    ours = state.number % 4096  # sums over ranks stay exact in float32
    if distributed.average(ours, world) != ours:
        raise CheckpointError(
            f"the ranks found different checkpoints in {folder} (this one step {state.number}); the run's folder must "
            "be on storage that all machines share"
        )


def _set_parameters(path, parameters, tensors):
    missing = sorted(set(parameters) - set(tensors))
    if missing:
        raise CheckpointError(f"{path} lacks {missing[0]}; it is from another version or model")
    for name, parameter in parameters.items():
        if tensors[name].shape != tuple(parameter.shape):
            raise CheckpointError(
                f"{path}: {name} is {list(tensors[name].shape)} and {list(parameter.shape)} in this configuration's "
                "model; use the other configuration, or start in another folder"
            )
        parameter.set_data(ms.Tensor(tensors[name], parameter.dtype))


def _described_model(model):
    """The metadata entries of a model with a configuration, none of another Cell."""
    config = getattr(model, "config", None)
    return {} if config is None else {"model": config.name, MODEL: config.model_dump_json()}


def _sharded_state(task, world):
    """{name in a checkpoint: array} of optimizer state that the ranks share out, complete on rank 0 alone."""
    found = {}
    for name, optimizer in task.optimizers.items():
        if not optimizer.sharded:
            continue
        for prefix, mine in (("first_moment", optimizer.first), ("second_moment", optimizer.second)):
            moments = sharding.collect(optimizer.parameters, [each.asnumpy() for each in mine], world)
            for parameter, moment in zip(optimizer.parameters, moments, strict=True):
                found[f"{OPTIMIZER}{name}.{prefix}.{parameter.name}"] = moment
    return found
