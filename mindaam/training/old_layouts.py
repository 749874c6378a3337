"""Runs of earlier versions in folders of an older layout, brought into today's, so that they can be resumed.

Before, only the task `corpus` had checkpoints/; the others kept one last.safetensors and a steps.csv. The file has the
trained parameters and the optimizer's state, without its name, and the metadata "place" and "config".
"""

import json
import os

import numpy as np

from mindaam.errors import CheckpointError
from mindaam.training import checkpoints
from mindaam.zoo.checkpoints import read_all
from mindaam.zoo.run_checkpoints import MODEL, OPTIMIZER, table_in
from mindaam.zoo.weights import notice_unchecked

LAST, STEPS = "last.safetensors", "steps.csv"
MOMENTS = ("first_moment.", "second_moment.")


def convert(folder):
    """Writes last.safetensors again as a checkpoint of today's layout and renames steps.csv; the old file stays.

    Raises CheckpointError for a file that is damaged or of no run.
    """
    path = folder / LAST
    tensors, metadata = read_all(path)
    notice_unchecked(path)
    place, config = (table_in(path, metadata.get(key)) for key in ("place", "config"))
    try:
        task, optimizer, state, number, done = _place(place, config)
        best = float(place.get("best", -1.0))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has the place of another version; start in another folder") from error
    ours = f"{OPTIMIZER}{optimizer}."
    bare = {name.removeprefix(OPTIMIZER): array for name, array in tensors.items()}
    renamed = {ours + name if name.startswith(MOMENTS) else name: array for name, array in bare.items()}
    if not done:  # an optimizer that has not taken a step
        renamed |= {f"{ours}{moment}{name}": np.zeros_like(bare[name]) for moment in MOMENTS for name in bare}
    today = {
        "state": state, "number": number, "done": {optimizer: done}, "best": best, "scale": [1.0, 0], "data": None
    }  # fmt: skip
    kept = {key: metadata[key] for key in ("config", "model", MODEL) if key in metadata}
    checkpoints.save(folder, number, renamed, {"task": task, "place": json.dumps(today), **kept})
    if os.path.exists(folder / STEPS):
        os.replace(folder / STEPS, folder / "metrics.csv")


def _place(place, config):
    """(task, its optimizer's name, (epoch, step), steps done, steps that the optimizer has taken) of an old place."""
    if "phases" in config:
        index, epochs = place["phase"], [phase["epochs"] for phase in config["phases"]]
        state = (sum(epochs[:index]) + place["epoch"], place["step"])
        return "phases", f"phase_{index}", state, place["total_step"], place["phase_step"]
    task = ("synthetic_videos", "temporal") if "films" in config else ("sounding_object", "model")
    step, steps = place["step"], config["steps"]
    return *task, (0, step) if step < steps else (1, 0), step, step
