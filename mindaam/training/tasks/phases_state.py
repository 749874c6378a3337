"""Checkpoints of a run: where it is, what was trained and the optimizer's moments, in a file that is whole or absent.

`last.safetensors` continues a run exactly; `best.safetensors` is the model alone; `create_model` takes both. Both are
written beside and renamed. The place in the run is a few integers (phase, epoch, step): every epoch's plan is made from
the seed and these, so nothing else needs to be kept.
"""

import json
from typing import NamedTuple

import mindspore as ms
import numpy as np

from mindaam.errors import CheckpointError, TrainingError
from mindaam.training.tasks.phases_config import TrainConfig
from mindaam.zoo.checkpoints import read_metadata, read_safetensors, write_safetensors
from mindaam.zoo.run_checkpoints import MODEL, OPTIMIZER, table_in
from mindaam.zoo.weights import notice_unchecked

FREE_TO_CHANGE = ("data_root", "checkpoint_every")  # keys that a resumed run may have other values for


class Place(NamedTuple):
    """How far a run is: steps done of an epoch, of its phase and of the whole run; the best score so far."""

    phase: int = 0
    epoch: int = 0
    step: int = 0
    phase_step: int = 0
    total_step: int = 0
    best: float = -1.0

    def after_step(self):
        """The place one step on."""
        return self._replace(step=self.step + 1, phase_step=self.phase_step + 1, total_step=self.total_step + 1)

    def after_epoch(self, epochs):
        """The place at the start of the next epoch, or of the next phase when this was the last of its `epochs`."""
        if self.epoch + 1 < epochs:
            return self._replace(epoch=self.epoch + 1, step=0)
        return self._replace(phase=self.phase + 1, epoch=0, step=0, phase_step=0)


def _state(model, optimizer):
    """{name in a checkpoint: parameter} of the trained parameters and the moments; optimizer None: without those."""
    state = {parameter.name: parameter for parameter in model.trained_parameters()}
    if optimizer:
        state |= {OPTIMIZER + moment.name: moment for moment in (*optimizer.first, *optimizer.second)}
    return state


def save_last(path, model, optimizer, place, config):
    """Writes everything that a resume needs; optimizer None at a phase's end, where the moments start anew.

    Raises OutputError when the place cannot be written to, and TrainingError, leaving an earlier file as it is, when
    a value is no longer finite: gradients can overflow under a finite loss.
    """
    tensors = {name: parameter.asnumpy() for name, parameter in _state(model, optimizer).items()}
    broken = sorted(name for name, array in tensors.items() if not np.isfinite(array).all())
    if broken:
        raise TrainingError(
            f"{broken[0]} is no longer finite after step {place.total_step}; the run stopped: start again in another "
            "folder with a smaller learning_rate"
        )
    metadata = {"place": json.dumps(place._asdict()), "config": config.model_dump_json(), "model": config.model}
    metadata[MODEL] = model.config.model_dump_json()
    write_safetensors(path, tensors, metadata)


def read_place(path, config):
    """The Place in a checkpoint, whose configuration must be `config`; further phases may have been added at its end.

    Raises CheckpointError when it belongs to another configuration or to no run.
    """
    metadata = read_metadata(path)
    if "place" not in metadata:
        raise CheckpointError(f"{path} holds a model but no run to continue; give a run's last.safetensors")
    try:
        theirs, ours = TrainConfig.model_validate_json(metadata["config"]).model_dump(), config.model_dump()
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} holds a configuration of another version; start in another folder") from error
    ours["phases"] = ours["phases"][: len(theirs["phases"])]
    changed = sorted(key for key in ours if ours[key] != theirs[key] and key not in FREE_TO_CHANGE)
    if changed:
        raise CheckpointError(
            f"{path} was trained with another configuration ({', '.join(changed)} differ); "
            "continue with the same one, or start in another folder"
        )
    try:
        return Place(**table_in(path, metadata["place"], "the run's place"))
    except TypeError as error:
        raise CheckpointError(f"{path} holds a place of another version; start in another folder") from error


def restore(path, model, optimizer=None):
    """Sets the trained parameters, and the moments of `optimizer` if given, from a checkpoint; all of them or none.

    Raises CheckpointError for an unusable file, or one that lacks a parameter or has another shape for it.
    """
    stored = read_safetensors(path)
    state = _state(model, optimizer)
    for name, parameter in state.items():
        if name not in stored or stored[name].shape != tuple(parameter.shape):
            raise CheckpointError(f"{path} lacks {name}, or has another shape for it; it is from another version")
    notice_unchecked(path)
    for name, parameter in state.items():
        parameter.set_data(ms.Tensor(stored[name], parameter.dtype))
