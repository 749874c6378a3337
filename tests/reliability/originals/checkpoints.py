"""Small checkpoints of the three kinds that `--model` takes, before anything is done to them, and the model for them.

Needs MindSpore; the frozen encoder that the real ones lie beside is made up.
"""

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tests.models.tiny import CHANGES, NAME

KINDS = ("model", "run", "converted")


@cache
def blank_model():
    """The AAM that all of them are of. Its weights are whatever was loaded last."""
    from mindaam import runtime
    from mindaam.models.registry import build_model

    runtime.configure("CPU", mode="pynative", seed=0)
    return build_model(NAME, "released", changes=CHANGES)


@cache
def checkpoint(kind):
    """The bytes of a checkpoint of that kind: of a model alone, of a run, of the authors' model."""
    from mindaam.encoders.tables import stored_parameters
    from mindaam.training import checkpoints
    from mindaam.zoo.checkpoints import write_safetensors
    from mindaam.zoo.weights import save_trained

    model = blank_model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        if kind == "model":
            save_trained(model, path)
        elif kind == "run":
            kept = {each.name: each.asnumpy() for each in model.trained_parameters()}
            kept |= {f"optimizer.shared.first_moment.{name}": array for name, array in kept.items()}
            config = {"model": NAME, "preset": "released", "start": None, "model_changes": CHANGES}
            told = {"corpus": "{}", "config": json.dumps(config), "model": NAME}
            path = checkpoints.save(Path(folder), 3, kept, told)
        else:
            state = {name: np.asarray(each.asnumpy()) for name, each in stored_parameters(model)}
            told = {"naming": "mindaam", "kind": "aam", "name": NAME, "prompts": json.dumps({"None": "Anybody."})}
            write_safetensors(path, state, told)
        return path.read_bytes()
