"""A small run of the sounding-object experiment, for tests."""

from functools import cache

from mindaam.places import PACKAGE, configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training.feeding.sounding_objects import clips_of
from mindaam.training.tasks.sounding_object import SoundingObjectConfig

RECIPE = configs_dir() / "experiments" / "sounding_object.yaml"
SMALL = {
    "images": str(PACKAGE.parent / "examples"),
    "clips": {"train": 12, "held": 10},
    "frames": 4,
    "size": [32, 32],
    "model": {"width": 16, "audio_width": 8, "heads": 4, "tokens": 3, "reach": 1},
    "with_audio": 4,
    "silent": 1,
    "attack": {"p": 0.5, "weight": 0.1},
    "steps": 6,
    "checkpoint_every": 2,
    "gates_every": 3,
}


def config(**changes):
    return validate(SoundingObjectConfig, merge(read_yaml(RECIPE), merge(SMALL, changes)), "test")


@cache
def train_clips():
    """The clips of the training split."""
    return clips_of(config(), "train")
