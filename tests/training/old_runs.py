"""Folders of runs as earlier versions left them: one last.safetensors and one steps.csv."""

import json

import numpy as np

from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.run_checkpoints import MODEL


def write_old_run(folder, trained, moved, config, place, model=None, optimizer=""):
    """Writes last.safetensors and steps.csv.

    trained: Parameters; moved: those of them with optimizer state, which is their values plus 1 and plus 2; config,
    place: dictionaries; model: the AAM, None for another Cell; optimizer: before the names of its state, "optimizer."
    in runs of phases. Returns the optimizer state, {"first_moment.NAME" or "second_moment.NAME": array}.
    """
    state = {}
    for moment, more in (("first_moment.", 1), ("second_moment.", 2)):
        state |= {moment + each.name: each.asnumpy() + np.float32(more) for each in moved}
    tensors = {each.name: each.asnumpy() for each in trained}
    metadata = {"place": json.dumps(place), "config": json.dumps(config)}
    if model is not None:
        metadata |= {"model": model.config.name, MODEL: model.config.model_dump_json()}
    folder.mkdir(exist_ok=True)
    write_safetensors(
        folder / "last.safetensors", tensors | {optimizer + key: each for key, each in state.items()}, metadata
    )
    steps = range(1, place.get("step", place.get("total_step")) + 3)  # those after the checkpoint are dropped
    rows = ["step,rate,loss,kld,cc,sim,seconds", *(f"{step},0.1,0.2,0.3,0.4,0.5,1" for step in steps)]
    (folder / "steps.csv").write_text("\n".join(rows) + "\n")
    return state
