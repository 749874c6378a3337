"""`mindaam analyze steering`: how far prompts move attention to the things that they name."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_lines, print_message

DATA = "The folder of the gaze folders, with objects/, the boxes of things on their images."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
OUT = "Folder for rows.csv and steering.json; an interrupted study in it is continued."
SETS = "Only this gaze folder; repeatable."


def steering(
    data: Annotated[Path, Option(metavar="ROOT", help=DATA)],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help=OUT)],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split of the images.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help=SETS)] = None,
):
    """Measure how much of the attention moves to a thing that the prompt asks for."""
    from mindaam import graphs, runtime

    searches = _searches(data, sets, split)
    prepare_folder(out)
    runtime.configure(mode="graph")
    from mindaam.evaluation.studies import steering as study
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    graphs.announce(print_message)
    graphs.compile_aside()
    predictor = Predictor(DEFAULT_MODEL if model is None else model)
    settings = _settings(predictor, searches, split)
    rows = study.STORED.begin(settings, out, lambda rows: study.complete(rows, searches))
    done = {(row["dataset"], row["image"]) for row in rows}
    total = sum(len(search.classes) for search in searches) - len(done)
    with progress(total, "reading the model") as shown:
        study.rows_of(predictor, searches, out, done, shown.step)
    settings["results"] = study.results(study.STORED.load(out))
    study.STORED.write(settings, out)
    print_lines("\n".join(study.lines(settings["results"])))
    print_line(f"report: {out / study.STORED.settings}")


def _searches(data, sets, split):
    """The SearchFolders of the gaze folders with boxes; InputError without any, or without boxes of a named one."""
    from mindaam.data.datasets.opening import open_named
    from mindaam.data.search.boxes import FOLDER, path_of
    from mindaam.data.search.folder import FREE, open_search
    from mindaam.errors import InputError

    readers = [reader for _, reader in open_named(data, sets, [split], report=print_message) if not reader.is_video]
    freely = [reader for reader in readers if FREE in reader.conditions]
    boxed = [reader for reader in freely if path_of(data, reader.name).is_file() or sets]
    if not boxed:
        raise InputError(f"{data} has no gaze folder with free viewing and boxes in {FOLDER}/NAME.json")
    return [open_search(reader, data, trained=False) for reader in boxed]


def _settings(predictor, searches, split):
    from mindaam.evaluation.studies.steering import prompts_of
    from mindaam.evaluation.studies.stored_rows import described

    classes = sorted({name for search in searches for name in search.frequency})
    own = {"datasets": [search.folder.name for search in searches], "split": split}
    own["prompts"] = {name: prompts_of(name) for name in classes}
    return described(predictor, shlex.join(["mindaam", *sys.argv[1:]])) | own
