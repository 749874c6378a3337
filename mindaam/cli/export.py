"""`mindaam export`: writes a model as a MindIR graph, with a description for programs without MindAAM."""

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.common.completion import models
from mindaam.cli.common.terminal import progress
from mindaam.streams import print_line

MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
OUT = "The graph; its description is written to FILE.json."
SIZE = "Height and width of the input, multiples of the patch size (default: those of the model)."
FRAMES = "Export for windows of T frames of a video instead of images."
AUDIO = "With --frames: the graph takes the embeddings of the frames' audio, too."
PROMPT = "A prompt whose embedding is stored in the description; repeatable (default: free viewing)."


def export(
    model: Annotated[str, Argument(metavar="MODEL", autocompletion=models, help=MODEL)],
    out: Annotated[Path, Option("-o", "--out", metavar="FILE.mindir", help=OUT)],
    size: Annotated[str | None, Option(metavar="HxW", help=SIZE)] = None,
    batch: Annotated[int, Option(metavar="B", help="Batch size.")] = 1,
    frames: Annotated[int | None, Option(metavar="T", help=FRAMES)] = None,
    audio: Annotated[bool, Option("--audio", help=AUDIO)] = False,
    prompt: Annotated[list[str] | None, Option("--prompt", "--sentence", metavar="TEXT", help=PROMPT)] = None,
):
    """Write a model as MindIR, one graph of fixed shapes, for MindSpore Lite and Ascend."""
    from mindaam import runtime
    from mindaam.zoo.export import check_target
    from mindaam.zoo.model_files import checkpoint_of

    shape = None if size is None else parse_size(size)
    check_target(out)
    model = checkpoint_of(model) or model  # resolved once: a run in progress may write a newer one
    runtime.configure(mode="graph")  # before MindSpore is imported, whose messages it suppresses
    from mindaam.inference.predictor import Predictor, choose_prompt
    from mindaam.zoo.export import export as write
    from mindaam.zoo.weights import model_prompts

    own = model_prompts(model)
    prompts = list(dict.fromkeys(choose_prompt(text, own=own) for text in prompt or [None]))
    with progress(3, "loading the model") as shown:
        shown.step("loading the model")
        predictor = Predictor(model)
        shown.step("encoding the prompts")
        embeddings = dict(zip(prompts, predictor.embed(prompts), strict=True))
        shown.step("compiling the graph")
        shapes = {"size": shape, "batch": batch, "frames": frames, "audio": audio}
        written = write(predictor.model, out, embeddings, weights=model, **shapes)
    print_line(f"written: {', '.join(map(str, written))}")


def parse_size(text):
    """(height, width) from "336x448". Raises ConfigError for anything else."""
    from mindaam.errors import ConfigError

    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if found is None:
        raise ConfigError(f'"{text}" is not a size; give height and width in pixels, such as --size 336x448')
    return int(found[1]), int(found[2])
