"""Runs on official datasets: the commands that train and score a row, what is missing for them, and their scores.

They are ordinary runs of the task `corpus` and ordinary evaluations; each command runs in a process of its own.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from mindaam.errors import TrainingError
from mindaam.evaluation import results
from mindaam.files import prepare_folder
from mindaam.models.registry import list_models, model_config
from mindaam.places import recipe
from mindaam.schema import read_yaml
from mindaam.zoo.factory import is_installed

FOLDER = "official"
NO_DATA = "DATA"  # stands for the folder of the datasets in commands, where none was given


class OfficialRun(NamedTuple):
    """One run of a row. name: of its folder; sets: that it trains on; scored: that are evaluated; train, evaluate: the
    arguments of `mindaam`; scores: the folder of the evaluation."""

    name: str
    sets: tuple
    scored: tuple
    train: list
    evaluate: list
    scores: Path

    def commands(self):
        """Both command lines, as text."""
        return [shlex.join(["mindaam", *each]) for each in (self.train, self.evaluate)]


def runs_of(ablations, row, name, data, work, seed):
    """The OfficialRuns of a Row of that name. Rows with the same training data and no changes share a run."""
    official = row.official
    kinds = official.train or (official.scored,)
    scored = ablations.kinds[official.scored]
    if official.each:
        return [_run(ablations, official, each, (each,), scored, data, work, seed) for each in scored]
    sets = tuple(each for kind in kinds for each in ablations.kinds[kind])
    label = "_".join(kinds) + (f"_{name}" if official.changes else "")
    return [_run(ablations, official, label, sets, scored, data, work, seed)]


def _run(ablations, official, label, sets, scored, data, work, seed):
    folder = work / FOLDER / f"{label}_{seed}"
    corpus = ", ".join(f"{each}: 1" for each in sets)
    changes = [f"{key}={json.dumps(value)}" for key, value in flat(official.changes)]
    root = str(NO_DATA if data is None else data)
    train = [
        "train", ablations.official_recipe, f"seed={seed}", f"corpus={{{corpus}}}", *changes,
        "--data", root, "-o", str(folder), "--resume",
    ]  # fmt: skip
    chosen = [word for each in scored for word in ("--set", each)]
    evaluate = [
        "evaluate", "--data", root, "--model", str(folder), "--split", official.split, *chosen,
        "-o", str(folder / "scores"), "--resume",
    ]  # fmt: skip
    return OfficialRun(f"{label}_{seed}", sets, tuple(scored), train, evaluate, folder / "scores")


def flat(changes, prefix=""):
    """[(key with its sections, value)] of nested changes; an empty section has no keys."""
    found = []
    for key, value in changes.items():
        name = f"{prefix}{key}"
        found += flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found


def missing(ablations, row, runs, available):
    """What a row of OfficialRuns lacks, a list of texts: datasets, a model, weights. available: names of datasets."""
    wanted = dict.fromkeys(each for run in runs for each in (*run.sets, *run.scored))
    lacking = [each for each in wanted if each not in available]
    data = read_yaml(recipe(ablations.official_recipe))
    name = row.official.changes.get("model", data["model"])
    if name not in list_models():
        return [*lacking, f"the model {name}"]
    config = model_config(name, data.get("preset", "paper"))
    parts = [each.name for each in (config.encoder, config.text, config.audio) if each is not None]
    return lacking + [f"the weights of {each}" for each in parts if not is_installed(each)]


def complete(run):
    """Trains and scores an OfficialRun, if that is not done. Raises TrainingError if a command fails."""
    if scores_of(run) is not None:
        return
    prepare_folder(run.scores.parent)
    for arguments, text in zip((run.train, run.evaluate), run.commands(), strict=True):
        code = executed(arguments)
        if code:
            raise TrainingError(f"{text} ended with exit code {code}; the same command continues it")


def executed(arguments):
    """The exit code of `mindaam` with these arguments, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "mindaam.cli.main", *arguments], check=False).returncode


def scores_of(run):
    """{dataset: {metric: value}} of an OfficialRun whose evaluation is finished, else None."""
    if not (run.scores / results.SETTINGS).is_file():
        return None
    evaluation = results.load(run.scores)
    if not evaluation.settings.get("finished"):
        return None
    summary = evaluation.summary()
    return {name: {key: each.mean for key, each in roles.get("right", {}).items()} for name, roles in summary.items()}
