"""Where the files that travel with the package lie: beside the rooms when installed, one level up in a checkout."""

from pathlib import Path

from mindaam.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent


def _place(name):
    for place in (PACKAGE / name, PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise ConfigError(f"the folder {name} is missing beside {PACKAGE}: install the package again")


def model_zoo_dir():
    """The folder of model cards, `index.yaml` and bundled weights. Raises ConfigError when it is not there."""
    return _place("model_zoo")


def configs_dir():
    """The folder of YAML configurations. Raises ConfigError when it is not there."""
    return _place("configs")
