"""Runs of earlier versions in folders of an older layout, brought into today's, so that they can be resumed.

Before, only the task `corpus` had checkpoints/; the others kept one last.safetensors and a steps.csv. The file has the
trained parameters and the optimizer's state, without its name, and the metadata "place" and "config".
"""

import json
import os

from mindaam.errors import CheckpointError
from mindaam.training import checkpoints
from mindaam.training.config import with_new_names
from mindaam.zoo.checkpoints import read_all
from mindaam.zoo.run_checkpoints import MODEL, OPTIMIZER, table_in
from mindaam.zoo.weights import notice_unchecked

LAST, STEPS = "last.safetensors", "steps.csv"
MOMENTS = ("first_moment.", "second_moment.")


def holds_run(folder):
    """Whether a folder holds a run in an older layout."""
    return os.path.isfile(folder / LAST)


def convert(folder):
    """Writes last.safetensors again as a checkpoint of today's layout and renames steps.csv; the old file stays.

    Raises CheckpointError for a file that is damaged or not a run's.
    """
    path = folder / LAST
    tensors, metadata = read_all(path)
    notice_unchecked(path)
    place, config = (table_in(path, metadata.get(key)) for key in ("place", "config"))
    try:
        task, optimizer, state, number, done = _place(place, config)
        best = float(place.get("best", -1.0))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is from another version; start the run in another folder") from error
    ours = f"{OPTIMIZER}{optimizer}."
    bare = {name.removeprefix(OPTIMIZER): array for name, array in tensors.items()}
    renamed = {ours + name if name.startswith(MOMENTS) else name: array for name, array in bare.items()}
    counts = {optimizer: done} if done else {}  # without a count it starts from its initial state
    today = {"state": state, "number": number, "done": counts, "best": best, "scale": [1.0, 0], "data": None}
    kept = {key: metadata[key] for key in ("model", MODEL) if key in metadata}
    kept |= {"task": task, "place": json.dumps(today), "config": json.dumps(with_new_names(config, task))}
    checkpoints.save(folder, number, renamed, kept)
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
