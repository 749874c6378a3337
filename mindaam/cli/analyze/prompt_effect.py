"""`mindaam analyze prompt-effect`: the shares of a prompt's effect through its embedding and through its point."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_lines, print_message

DATA = "A gaze folder, pack or dataset whose images have several conditions, or a folder of those with --set."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
OUT = "Folder for rows.csv and prompt_effect.json; an interrupted study in it is continued."


def prompt_effect(
    data: Annotated[Path, Option(metavar="ROOT", help=DATA)],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help=OUT)],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split of the images.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset.")] = None,
):
    """Divide the effect of a prompt on the map into that of its sentence embedding and that of its hyperbolic point."""
    from mindaam import graphs, runtime

    reader = _reader(data, sets, split)
    prepare_folder(out)
    runtime.configure(mode="graph")
    from mindaam.evaluation.studies import prompt_effect as study
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    graphs.announce(print_message)
    graphs.compile_aside()
    name = DEFAULT_MODEL if model is None else model
    predictor = Predictor(name)
    prompts = _prompts(reader, name)
    settings = _settings(predictor, reader, prompts)
    rows = study.STORED.begin(settings, out, lambda rows: study.complete(rows, prompts))
    done = {row["image"] for row in rows}
    total = len({image for image, _ in reader.entries} - done)
    with progress(total, "reading the model") as shown:
        study.rows_of(predictor, reader, prompts, out, done, shown.step)
    settings["results"] = study.results(study.STORED.load(out))
    study.STORED.write(settings, out)
    print_lines("\n".join(study.lines(settings["results"])))
    print_line(f"report: {out / study.STORED.settings}")


def _reader(data, sets, split):
    """The one reader of images under several conditions; InputError without it, and for several."""
    from mindaam.data.datasets.opening import open_named
    from mindaam.errors import InputError

    readers = [reader for _, reader in open_named(data, sets, [split], report=print_message) if not reader.is_video]
    several = [reader for reader in readers if len(reader.conditions) > 1]
    if not several:
        raise InputError(f"{data} has no images with several conditions; prompts are compared between conditions")
    if len(several) > 1:
        raise InputError(f"{data} has several such datasets; choose one with --set {several[0].name}")
    return several[0]


def _prompts(reader, model):
    """{condition: prompt} with which the model is scored."""
    from mindaam.data.prompts.prompting import Prompting, prompts_for
    from mindaam.training.prompting import checkpoint_prompting
    from mindaam.zoo.model_files import checkpoint_of

    path = checkpoint_of(model)
    prompting = checkpoint_prompting(path) if path is not None and os.path.isfile(path) else Prompting()
    return {each: prompts_for(prompting, reader.name, reader, each)[0] for each in reader.conditions}


def _settings(predictor, reader, prompts):
    from mindaam.evaluation.studies.stored_rows import described

    own = {"dataset": reader.name, "split": reader.split, "prompts": prompts}
    return described(predictor, shlex.join(["mindaam", *sys.argv[1:]])) | own
