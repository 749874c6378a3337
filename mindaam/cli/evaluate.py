"""`mindaam evaluate`: scores a model on recorded gaze, with the matching prompt and with others."""

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

MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
REPORTS = (".md", ".json")


def evaluate(
    data: Annotated[Path, Option(metavar="ROOT", help="A gaze folder or pack, or a folder of those and of datasets.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split to score.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")] = None,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Skip damaged files.")] = False,
    save: Annotated[Path | None, Option(metavar="FILE", help="Save the table as .md, or all rows as .json.")] = None,
):
    """Score a model on images and videos with gaze data: CC, SIM, KLD, NSS, AUC for matching and other prompts."""
    from mindaam import runtime
    from mindaam.errors import ConfigError

    if save and save.suffix not in REPORTS:
        raise ConfigError(f"{save}: the suffix of a report must be {' or '.join(REPORTS)}; change it")
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
    """The readers of images and videos of a split in `root`; InputError if there are none."""
    from mindaam.data.datasets.opening import open_named
    from mindaam.errors import InputError

    found = {}  # by their name in the report
    for name, reader in open_named(root, sets, [split], skip_damaged=skip_damaged, report=print_message):
        if reader.name in found:
            raise InputError(
                f"{found[reader.name].root} and {reader.root} have the same name {reader.name} in their meta.json; "
                f"score them one by one with --set {name}"
            )
        found[reader.name] = reader
    return list(found.values())


def _evaluate(folders, model, batch):
    """The report of `evaluation.gaze.evaluate_model`, one backbone pass per image or frame; videos after images.

    batch: the Batch that skips items that cannot be scored, or None to stop at the first.
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

    def shown(items):
        with progress(len(items), "evaluating") as bars:
            for item in items:
                bars.step(item[0])
                yield item

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
    """Adds the scores of videos to a report."""
    from mindaam.evaluation import gaze
    from mindaam.evaluation.maps import ModelMaps
    from mindaam.evaluation.videos import rows_of_video
    from mindaam.metrics.protocols import METRICS, protocol

    source, paper = ModelMaps(predictor), protocol("paper")._replace(metrics=METRICS[:5])
    for reader in readers:
        rows = []
        for name, entry in shown([(name, entry) for entry, (name, _) in enumerate(reader.entries)]):
            with batch.item(name) if batch else nullcontext():
                roles = gaze.swap_roles(reader, reader.entries[entry][1], prompting)
                rows += rows_of_video(source, reader, entry, roles, paper)
        gaze.add_to(report, reader, [row | {"image": row["name"]} for row in rows])


def _prompting(model):
    """The Prompting that a checkpoint was trained with; bundled models use the prompts of the readers."""
    from mindaam.data.prompts.prompting import Prompting
    from mindaam.training.prompting import checkpoint_prompting

    return checkpoint_prompting(model) if model is not None and os.path.isfile(model) else Prompting()


def _write_report(path, report, table):
    """Writes the report as JSON or as its table, completely or not at all; OutputError if that fails."""
    write_text(path, table if path.suffix == ".md" else json.dumps(report, indent=1) + "\n")
