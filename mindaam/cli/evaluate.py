"""`mindaam evaluate`: a model against recorded gaze, with the right sentence and with wrong ones."""

import json
import os
from pathlib import Path
from typing import Annotated

from typer import Option, echo

from mindaam.cli.terminal import progress

REPORTS = (".md", ".json")


def evaluate(
    data: Annotated[Path, Option(metavar="ROOT", help="A gaze folder, or a folder of gaze folders.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help="A model, or its .safetensors checkpoint.")] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split of the gaze folders.")] = "val",
    save: Annotated[Path | None, Option(metavar="FILE", help="Keep the table as .md, or all rows as .json.")] = None,
):
    """Score a model on gaze folders: CC, SIM, KLD, NSS and AUC under right, wrong, generic and unseen sentences."""
    from mindaam import runtime
    from mindaam.data import media
    from mindaam.errors import ConfigError

    if save and save.suffix not in REPORTS:
        raise ConfigError(f"{save}: a report is saved as {' or '.join(REPORTS)}; name the file so")
    folders = _gaze_folders(data, split)
    if save:
        media.prepare_folder(save.parent)
    runtime.configure(mode="graph")
    report = _evaluate(folders, model)
    from mindaam.evaluation import gaze

    table = gaze.markdown(report)
    echo(table)
    if save:
        _write_report(save, report, table)
        echo(f"report: {save}")


def _gaze_folders(root, split):
    """The GazeFolders at `root`: itself, or every folder in it that has a meta.json. InputError when there are none."""
    from mindaam.data.datasets.gaze_folder import GazeFolder
    from mindaam.errors import InputError

    places = [root] if (root / "meta.json").exists() else sorted(p.parent for p in root.glob("*/meta.json"))
    if not places:
        raise InputError(f"{root} is no gaze folder and holds none; a gaze folder has a meta.json and a splits.json")
    return [GazeFolder(place, split) for place in places]


def _evaluate(folders, model):
    """The report of `evaluation.gaze.evaluate_model`, one backbone pass a picture."""
    from mindaam.evaluation import gaze
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    predictor = Predictor(DEFAULT_MODEL if model is None else model)

    def predict_many(image, sentences):
        return [prediction.map for prediction in next(predictor.predict_many([image], sentences))]

    def shown(pictures):
        with progress(len(pictures), "evaluating") as bars:
            for picture in pictures:
                bars.step(picture[0])
                yield picture

    return gaze.evaluate_model(predict_many, folders, progress=shown)


def _write_report(path, report, table):
    """The report as JSON or as its table, whole or not at all; OutputError when that is impossible."""
    from mindaam.errors import OutputError

    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.write_text(table if path.suffix == ".md" else json.dumps(report, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror}); choose another place") from error
    finally:
        beside.unlink(missing_ok=True)
