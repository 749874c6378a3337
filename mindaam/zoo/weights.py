"""How weights get into a model and out of it.

The frozen encoder and what was trained (head and adapters) live in separate files, so that training anew changes the
small one only. The small one's header says which model it belongs to and how that was configured.
"""

import json

import numpy as np

from mindaam.encoders import dinov2
from mindaam.encoders.lora import lora_parameters
from mindaam.errors import CheckpointError
from mindaam.zoo.checkpoints import load_strict, read_metadata, read_safetensors, write_safetensors
from mindaam.zoo.index import verified

OFFICIAL = {"dinov2_vits14": dinov2.from_official}  # encoder -> its renaming from the publisher's names
WRAPPED = ".base."  # where LoRADense keeps the layer that it wraps


def load_backbone(model):
    """Loads the verified encoder of an AAM into `model.backbone`, with or without adapters, which keep their values.

    Raises CheckpointError when the bundled file is missing, changed or does not fit.
    """
    name = model.config.encoder.name
    path = verified(name)
    state = OFFICIAL[name](read_safetensors(path))
    for wrapped, _ in model.backbone.parameters_and_names():
        plain = wrapped.replace(WRAPPED, ".")
        if plain != wrapped and plain in state:
            state[wrapped] = state.pop(plain)
    adapters = [p.name for p in lora_parameters(model.backbone)]
    prefix = "backbone."
    load_strict(model.backbone, state, allow_missing=[a.removeprefix(prefix) for a in adapters], source=path)
    model.backbone.set_image_size(model.config.image_size)  # its positional buffer follows from the new table


def save_trained(model, path):
    """Writes what training changed in an AAM (head and unmerged adapters, float32) to a safetensors file, atomically.

    The header carries the model's name and configuration. Raises OutputError when `path` cannot be written.
    """
    tensors = {parameter.name: parameter.asnumpy() for parameter in model.trained_parameters()}
    write_safetensors(path, tensors, {"model": model.config.name, "config": model.config.model_dump_json()})


def load_trained(model, path):
    """Loads a file of `save_trained` into an AAM whose adapters are not merged yet; the backbone keeps its values.

    Raises CheckpointError when the file is unusable, does not hold exactly the head and the adapters, or holds a value
    that is not finite, which would give maps of nothing without a word.
    """
    trained = {parameter.name for parameter in model.trained_parameters()}
    others = [name for name, _ in model.parameters_and_names() if name not in trained]
    state = read_safetensors(path)
    stray = [name for name in others if name in state]
    if stray:
        raise CheckpointError(f"{path} holds backbone weights ({stray[0]}, ...); only head and adapters belong in it")
    broken = sorted(name for name, array in state.items() if not np.isfinite(array).all())
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} holds values that are not finite; take a checkpoint from before")
    load_strict(model, state, allow_missing=others, source=path)


def checkpoint_config(path):
    """(model name or None, configuration dict or None) from the header of a trained checkpoint.

    Raises CheckpointError when the file is unusable, its header is malformed, or it is a run's last.safetensors.
    """
    metadata = read_metadata(path)
    if "place" in metadata:
        raise CheckpointError(f"{path} is the state of a training run; give the best.safetensors beside it")
    if "config" not in metadata:
        return metadata.get("model"), None
    try:
        config = json.loads(metadata["config"])
    except ValueError as error:
        raise CheckpointError(
            f"{path}: the configuration in its header is damaged ({error}); fetch it again"
        ) from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: the configuration in its header is not a table; fetch it again")
    return metadata.get("model"), config
