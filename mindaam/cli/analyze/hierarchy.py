"""`mindaam analyze hierarchy`: where a model's anchor, prompts and images are in hyperbolic space (Figure 7)."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_message

DATA = "Images: a gaze folder or pack, or a folder of those and of datasets; its conditions give the prompts."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
OUT = "Folder for hierarchy.json, prompts.csv, points.csv, hierarchy.png and hierarchy.html."


def hierarchy(
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help=OUT)],
    data: Annotated[Path | None, Option(metavar="ROOT", help=DATA)] = None,
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split of the images.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")] = None,
    images: Annotated[int, Option(metavar="N", min=1, help="At most this many images of each dataset.")] = 50,
    seed: Annotated[int, Option(metavar="N", min=0, help="Seed of the reductions to the disk.")] = 0,
):
    """Analyze the hyperbolic space of a model: depths, cones, scale weights, and maps to the Poincaré disk."""
    from mindaam import graphs, runtime

    prepare_folder(out)
    readers = [] if data is None else _readers(data, sets, split)
    runtime.configure(mode="graph")
    from mindaam.evaluation.hyperbolic import hierarchy as study
    from mindaam.evaluation.hyperbolic import pictures
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

    graphs.announce(print_message)
    graphs.compile_aside()
    predictor = Predictor(DEFAULT_MODEL if model is None else model)
    command = shlex.join(["mindaam", *sys.argv[1:]])
    total = sum(min(images, len({name for name, _ in reader.entries})) for reader in readers)
    with progress(total, "reading the model") as shown:
        found = study.study(predictor, readers, images, command, seed, shown.step)
    study.write_numbers(found, out)
    pictures.write(found, out)
    for line in study.lines(found.settings):
        print_line(line)
    for name in study.FILES:
        print_line(f"report: {out / name}")


def _readers(data, sets, split):
    from mindaam.data.datasets.opening import open_named

    return [reader for _, reader in open_named(data, sets, [split], report=print_message)]
