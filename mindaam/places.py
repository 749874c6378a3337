"""Locations of the files that are distributed with the package: next to its modules when installed, one level up in a
checkout."""

import os
from pathlib import Path

from mindaam.errors import ConfigError, nearest

PACKAGE = Path(__file__).resolve().parent
RECIPES = ("train", "experiments")  # folders of `configs/` with training configurations


def _folder(name):
    for folder in (PACKAGE / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise ConfigError(f"the folder {name} does not exist next to {PACKAGE}; install the package again")


def model_zoo_dir():
    """The folder of model cards, `index.yaml` and bundled weights. Raises ConfigError if it does not exist."""
    return _folder("model_zoo")


def configs_dir():
    """The folder of YAML configurations. Raises ConfigError if it does not exist."""
    return _folder("configs")


def user_cache():
    """The cache folder of the user: $MINDAAM_CACHE, else `mindaam` in $XDG_CACHE_HOME, else `~/.cache/mindaam`.

    It need not exist yet, and cannot be created if the home folder is unknown."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    base = base if os.path.isabs(base) else "~/.cache"  # relative paths are ignored, as the XDG specification requires
    # By hand: platformdirs would add 8 ms to every start, and would have to be followed by the same two checks.
    found = os.path.expanduser(os.environ.get("MINDAAM_CACHE") or os.path.join(base, "mindaam"))
    # without $HOME and an entry in the user database, as in containers: never a folder named "~"
    return Path(os.devnull, "mindaam") if found.startswith("~") else Path(found)


def recipes():
    """The bundled training configurations, {name: Path}, sorted by folder and name."""
    paths = [path for folder in RECIPES for path in sorted((configs_dir() / folder).glob("*.yaml"))]
    return {path.stem: path for path in paths}


def recipe(name):
    """Path of a training configuration: the file `name` if it exists, else the bundled one of that name.

    Raises ConfigError, which lists the bundled ones, if neither exists.
    """
    if os.path.isfile(name):
        return Path(name)
    known = recipes()
    if str(name) not in known:
        raise ConfigError(
            f"configuration {name} does not exist{nearest(Path(name).stem, known)}; give a YAML file, or one of "
            f"{', '.join(known)}"
        )
    return known[name]
