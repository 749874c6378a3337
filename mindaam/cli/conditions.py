"""`mindaam conditions`: the conditions that a model can be given, and which of them it was trained on."""

from typing import Annotated

from typer import Option

from mindaam.cli.common.completion import models
from mindaam.cli.common.terminal import print_table

MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run (default: the bundled model)."


def conditions(model: Annotated[str | None, Option(metavar="NAME|PATH", autocompletion=models, help=MODEL)] = None):
    """List the viewing conditions, their prompts, and which of them a model was trained on."""
    from mindaam.data.prompts import trained
    from mindaam.inference.predictor import DEFAULT_MODEL
    from mindaam.zoo.index import records

    entry, own = records().get(model or DEFAULT_MODEL), None
    if entry is None or entry.trained is None:  # a checkpoint, which takes seconds to look into
        from mindaam.zoo.model_files import checkpoint_file
        from mindaam.zoo.weights import checkpoint_prompts

        own = checkpoint_prompts(checkpoint_file(model or DEFAULT_MODEL))
    known = (entry.trained, entry.weakly_trained) if entry else (None, None)
    print_table([trained.Row._fields, *trained.rows(*known, own)])
