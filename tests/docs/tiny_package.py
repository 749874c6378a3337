"""What the documents' commands run with instead of the bundled weights and configurations: the same names, tiny.

The commands stay as they are written. `mindaam.places` is told, in a `sitecustomize` of every process that a block
starts, that the package lies in a folder with a `model_zoo` of random weights, a `configs/models` of small networks and
a `configs/train` of short runs. Everything else is the real thing.
"""

import shutil
from pathlib import Path

import yaml

from mindaam import places
from mindaam.encoders.tables import is_table
from mindaam.models.registry import build_model
from mindaam.places import configs_dir, model_zoo_dir
from mindaam.schema import merge
from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.index import update
from mindaam.zoo.weights import save_trained
from tests.decoder.small import stirred

NAME = "aam_dinov2_vits14"

# What is laid over each model's structure: its sizes, but for that of the images, which packs must have.
MODEL = {
    "encoder": {"patch": 56, "width": 32, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "lora": {"rank": 2, "last_n_blocks": 2},
    "head": {
        "neck_widths": [8, 8, 16, 16], "start_width": 16, "start_groups": 8, "stage_widths": [16, 8, 8], "gaussians": 2,
    },
}  # fmt: skip
STAGED = {  # of an encoder in stages, whose sizes depend on one another
    "patch": 32, "width": 8, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3],
    "stages": {"widths": [8, 16, 32, 64], "windows": [8, 4, 6, 3], "global_blocks": [], "background": 5},
}  # fmt: skip
TEMPORAL = {"taps": [2, 3], "frames": 32, "heads": 2, "mlp_ratio": 1, "clip": 4}

# What is laid over each bundled training: lengths only.
SHORT_RUN = {
    "sampling": {"batch_size": 2, "clip": 4, "clips": 1, "steps": 2, "strides": [1]},
    "answered": 2, "part": None, "epochs": 1, "validation": {"images": 1, "videos": 1},
}  # fmt: skip
SHORT = {
    "corpus": SHORT_RUN,
    "finetune": SHORT_RUN,
    "aam_dinov2_vits14": {
        "batch_size": 2, "folders": {"osie": 2, "taskfix": 2}, "validation_pictures": 1,
    },
    "aam_dinov2_vits14_films": {
        "model_changes": {"temporal": TEMPORAL}, "videos": {"train": 1, "val": 1}, "frames": 32, "pairs": 1, "steps": 2,
    },
    "sounding_object": {
        "clips": {"train": 8, "held": 4}, "frames": 4, "with_audio": 4, "silent": 1, "steps": 2, "gates_every": 1,
        "attack": {"p": 0.2, "weight": {"start": 0, "end": 0.1, "first": 0, "last": 1}},
    },
}  # fmt: skip


def make(folder):
    """Writes the tiny package into `folder`, which is made; returns it."""
    folder = Path(folder)
    shutil.copytree(configs_dir(), folder / "configs")
    for path in (folder / "configs" / "models").glob("*.yaml"):
        _changed(path, lambda data: merge(data, {**MODEL, "encoder": STAGED} if _staged(data) else MODEL))
    for path in [*(folder / "configs" / "train").glob("*.yaml"), *(folder / "configs" / "experiments").glob("*.yaml")]:
        _changed(path, lambda data, name=path.stem: _short(merge(data, SHORT.get(name, {}))))
    _zoo(folder)
    return folder


SITE = """
from pathlib import Path

from mindaam import places, runtime

places.PACKAGE = Path({package!r})
configure = runtime.configure


def first(*arguments, **options):
    from tests.docs import short_cuts

    runtime.configure = configure
    short_cuts.take()
    runtime.configure(*arguments, **options)


runtime.configure = first
"""


def site(folder, package):
    """Writes a folder that, on PYTHONPATH, lets every Python process take the tiny package, and the short cuts of
    `short_cuts` once it sets MindSpore up; returns it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE.format(package=str(package)))
    return folder


def _staged(data):
    return "stages" in data["encoder"]


def _changed(path, change):
    path.write_text(yaml.safe_dump(change(yaml.safe_load(path.read_text(encoding="utf-8"))), sort_keys=False))


def _short(data):
    """A training in phases with its first and its last one only, an epoch each, on two of its folders."""
    if "phases" in data:
        first, last = data["phases"][0], data["phases"][-1]
        last.pop("folders", None)
        data["phases"] = [{**each, "epochs": 1} for each in (first, last)]
        data["folders"] = {name: data["folders"][name] for name in ("osie", "taskfix")}
    return data


def _zoo(folder):
    """A model zoo of random weights: the encoders and the bundled model, in the index's own form."""
    zoo = folder / "model_zoo"
    zoo.mkdir()
    for name in ("index.yaml", "encoders", NAME):
        source = model_zoo_dir() / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, zoo / name)
    before, places.PACKAGE = places.PACKAGE, folder
    try:
        model = build_model(NAME, "paper", changes={"temporal": TEMPORAL})
        backbone = {
            parameter.name.removeprefix("backbone.").replace(".base.", "."): parameter.asnumpy()
            for parameter in model.backbone.get_parameters()
            if "lora" not in parameter.name and not is_table(parameter.name)
        }
        kind = {"naming": "mindaam", "kind": "dinov2", "name": "dinov2_vits14"}
        write_safetensors(zoo / "encoders" / "dinov2_vits14.safetensors", backbone, kind)
        stirred(model.head)
        save_trained(model, zoo / NAME / "model.safetensors")
        update()
    finally:
        places.PACKAGE = before
