"""`mindaam evaluate`: a model against recorded gaze, with the right sentence and with wrong ones."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from typer import Exit, Option

from mindaam.cli.batches import Batch
from mindaam.cli.terminal import progress
from mindaam.files import prepare_folder, write_text
from mindaam.streams import print_line, print_lines, print_message

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
    """Score a model on images and videos with gaze: CC, SIM, KLD, NSS, AUC under right, wrong and other sentences."""
    from mindaam import runtime
    from mindaam.errors import ConfigError

    if save and save.suffix not in REPORTS:
        raise ConfigError(f"{save}: a report is saved as {' or '.join(REPORTS)}; name the file so")
    if model is not None:
        from mindaam.zoo.model_files import checkpoint_of

        model = checkpoint_of(model) or model
    folders = _readers(data, split, sets, skip_damaged)
    if save:
        prepare_folder(save.parent)
    runtime.configure(mode="graph")
    batch = Batch() if skip_damaged else None
    report = _evaluate(folders, model, batch)
    from mindaam.evaluation import gaze

    table = gaze.markdown(report)
    print_lines(table)
    if save:
        _write_report(save, report, table)
        print_line(f"report: {save}")
    raise Exit(batch.code if batch else 0)


def _readers(root, split, sets, skip_damaged):
    """The readers of images and videos in a split at or under `root`; InputError for none."""
    from mindaam.data.datasets.opening import open_named
    from mindaam.errors import InputError

    found = {}  # by the name under which the report has them
    for name, reader in open_named(root, sets, [split], skip_damaged=skip_damaged, report=print_message):
        if reader.name in found:
            raise InputError(
                f"{found[reader.name].root} and {reader.root} are both called {reader.name} in their meta.json; "
                f"score them one at a time, with --set {name}"
            )
        found[reader.name] = reader
    return list(found.values())


def _evaluate(folders, model, batch):
    """The report of `evaluation.gaze.evaluate_model`, one backbone pass an image or frame; videos after images.

    batch: the Batch that leaves out what cannot be scored, or None to end on it.
    """
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

    videos = [reader for reader in folders if reader.is_video]
    images = [reader for reader in folders if reader not in videos]

    def left_out(name, error):
        with batch.item(name):
            raise error

    leave = left_out if batch else None
    report = gaze.evaluate_model(predict_many, images, progress=shown, prompting=prompting, left_out=leave)
    if videos:
        _add_videos(report, videos, predictor, prompting, shown, batch)
    return report


def _add_videos(report, readers, predictor, prompting, shown, batch):
    """Adds the scores of videos to a report; sets that are trained on with their audio are scored with it."""
    from types import SimpleNamespace

    from mindaam.evaluation import gaze
    from mindaam.evaluation.videos import score_video
    from mindaam.training.feeding.corpus import modality
    from mindaam.training.run import open_audio_encoding

    heard = [reader for reader in readers if modality(reader.name, reader) == "audio_video"]
    audio_encoding = open_audio_encoding(predictor.model.config, SimpleNamespace(say=print_message)) if heard else None
    for reader in readers:
        rows, mine = [], audio_encoding if reader in heard else None
        for name, entry in shown([(name, entry) for entry, (name, _) in enumerate(reader.entries)]):
            with batch.item(name) if batch else nullcontext():
                rows += score_video(predictor.model, predictor.embed, reader, entry, prompting, mine)
        gaze.add_to(report, reader, rows)


def _prompting(model):
    """The Prompting that a checkpoint's model was trained with; a bundled model's sentences are the readers' own."""
    from mindaam.data.prompts.prompting import Prompting
    from mindaam.training.prompting import checkpoint_prompting

    return checkpoint_prompting(model) if model is not None and os.path.isfile(model) else Prompting()


def _write_report(path, report, table):
    """The report as JSON or as its table, whole or not at all; OutputError when that is impossible."""
    write_text(path, table if path.suffix == ".md" else json.dumps(report, indent=1) + "\n")
