"""`mindaam evaluate`: a model against recorded gaze, with the right sentence and with wrong ones."""

import json
import os
from pathlib import Path
from typing import Annotated

from typer import Option, echo

from mindaam.cli.terminal import progress, say

MODEL = "A model, its .safetensors checkpoint, or a run's folder."
REPORTS = (".md", ".json")


def evaluate(
    data: Annotated[Path, Option(metavar="ROOT", help="A gaze folder or pack, or a folder of them and of data sets.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split that is scored.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this set (again for more).")] = None,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Leave out what is damaged.")] = False,
    save: Annotated[Path | None, Option(metavar="FILE", help="Keep the table as .md, or all rows as .json.")] = None,
):
    """Score a model on pictures with gaze: CC, SIM, KLD, NSS, AUC under right, wrong, generic and unseen sentences."""
    from mindaam import runtime
    from mindaam.data import media
    from mindaam.errors import ConfigError

    if save and save.suffix not in REPORTS:
        raise ConfigError(f"{save}: a report is saved as {' or '.join(REPORTS)}; name the file so")
    if model is not None:
        from mindaam.zoo.model_files import checkpoint_of

        model = checkpoint_of(model) or model
    folders = _pictures(data, split, sets, skip_damaged)
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


def _pictures(root, split, sets, skip_damaged):
    """The readers of pictures in a split at or under `root`; films are named and left out. InputError for none."""
    from mindaam.data.datasets.opening import open_named
    from mindaam.errors import InputError

    pictures = {}  # by the name under which the report has them
    for name, reader in open_named(root, sets, [split], skip_damaged=skip_damaged):
        if hasattr(reader, "clip"):
            say(f"{name} is left out: films are scored during training only, see its epochs.csv")
        elif reader.name in pictures:
            raise InputError(
                f"{pictures[reader.name].root} and {reader.root} are both called {reader.name} in their meta.json; "
                f"score them one at a time, with --set {name}"
            )
        else:
            pictures[reader.name] = reader
    if not pictures:
        raise InputError(f"{root} holds no pictures with gaze in the split {split}")
    return list(pictures.values())


def _evaluate(folders, model):
    """The report of `evaluation.gaze.evaluate_model`, one backbone pass a picture."""
    from mindaam.data.packs.fitting import require_fit
    from mindaam.evaluation import gaze
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    prompting = _prompting(model)
    predictor = Predictor(DEFAULT_MODEL if model is None else model)
    for reader in folders:
        require_fit(reader, predictor.model.config.image_size, predictor.model.config.resize)

    def predict_many(image, sentences):
        return [prediction.map for prediction in next(predictor.predict_many([image], sentences))]

    def shown(pictures):
        with progress(len(pictures), "evaluating") as bars:
            for picture in pictures:
                bars.step(picture[0])
                yield picture

    return gaze.evaluate_model(predict_many, folders, progress=shown, prompting=prompting)


def _prompting(model):
    """The Prompting that a checkpoint's model was trained with; a bundled model's sentences are the readers' own."""
    from mindaam.data.prompts.prompting import Prompting
    from mindaam.zoo.prompting import checkpoint_prompting

    return checkpoint_prompting(model) if model is not None and os.path.isfile(model) else Prompting()


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
