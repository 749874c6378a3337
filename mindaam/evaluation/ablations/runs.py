"""Runs of the small model: trained one after another, each once per seed, with one cache of frozen features.

A run has the folder NAME_SEED. A run with scores.json is finished and is not repeated; any other continues from its
checkpoint, so that a command that was killed at any moment is continued by the same command.
"""

import csv
import gc
import json
from pathlib import Path
from typing import NamedTuple

import yaml

from mindaam.errors import InputError
from mindaam.evaluation import synthetic_video_scores
from mindaam.files import prepare_folder, read_small, write_text
from mindaam.training.run import train
from mindaam.training.run_folder import EPOCHS

SCORES, RECIPE, FEATURES = "scores.json", "recipe.yaml", "features"
LARGEST = 1_000_000  # bytes of a scores.json


class Place(NamedTuple):
    """Where and how runs are trained. data: the folder of the gaze folders; work: of the runs; tiny: as smoke tests."""

    data: Path
    work: Path
    tiny: bool = False

    def run(self, name, seed):
        """The folder of a run."""
        return self.work / f"{name}_{seed}"


def scores_of(folder):
    """{part: {metric: value}} of a finished run, None for one that is not; a part is a dataset or a form of the model.

    Raises InputError for a damaged file.
    """
    path = Path(folder) / SCORES
    if not path.is_file():
        return None
    try:
        scores = json.loads(read_small(path, LARGEST))
        return {part: {key: float(value) for key, value in each.items()} for part, each in scores.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is damaged; remove it, and the run is scored again") from error


def run(ablations, name, seed, place):
    """Trains a run, or continues it, and scores it; returns False after a request to stop, which may end it early.

    Raises as `training.run.train`.
    """
    folder = place.run(name, seed)
    if scores_of(folder) is not None:
        return True
    prepare_folder(folder)
    write_text(folder / RECIPE, yaml.safe_dump(ablations.configuration(name, seed), sort_keys=False))
    changes = [f"data_root={json.dumps(str(place.data))}"]
    trained = train(
        folder / RECIPE, changes, tiny=place.tiny, out=folder, resume=True, features=place.work / FEATURES
    )  # fmt: skip
    if trained.finished:
        task = trained.task
        if task.config.TASK == "synthetic_videos":
            synthetic_video_scores.report(folder, task.model, task.held)
        else:
            write_text(folder / SCORES, json.dumps(last_epoch(folder / EPOCHS, task.config.scored), indent=1))
    continues = trained.finished and not trained.to_stop
    del trained
    gc.collect()  # compiled graphs and their memory go with the model
    return continues


def last_epoch(path, datasets):
    """{dataset: {metric: value}} in the last row of an epochs.csv of the task `phases`, whose columns are
    DATASET_METRIC."""
    with open(path, newline="", encoding="utf-8") as stream:
        row = list(csv.DictReader(stream))[-1]
    return {
        name: {key.removeprefix(f"{name}_"): float(value) for key, value in row.items() if _of(name, key) and value}
        for name in datasets
    }


def _of(name, column):
    return column.startswith(f"{name}_")
