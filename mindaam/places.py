"""Where the files that travel with the package lie: beside the rooms when installed, one level up in a checkout."""

import os
from pathlib import Path

from mindaam.errors import ConfigError, nearest

PACKAGE = Path(__file__).resolve().parent
RECIPES = ("train", "experiments")  # folders of `configs/` with configurations of trainings


def _folder(name):
    for folder in (PACKAGE / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise ConfigError(f"the folder {name} is missing beside {PACKAGE}: install the package again")


def model_zoo_dir():
    """The folder of model cards, `index.yaml` and bundled weights. Raises ConfigError when it is not there."""
    return _folder("model_zoo")


def configs_dir():
    """The folder of YAML configurations. Raises ConfigError when it is not there."""
    return _folder("configs")


def user_cache():
    """The user's own folder of what can be fetched or found again: $MINDAAM_CACHE, else `mindaam` in $XDG_CACHE_HOME,
    else `~/.cache/mindaam`. It need not exist yet, and cannot be made where nobody's home is known."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    base = base if os.path.isabs(base) else "~/.cache"  # the XDG specification has relative ones ignored
    found = os.path.expanduser(os.environ.get("MINDAAM_CACHE") or os.path.join(base, "mindaam"))
    # a user without $HOME whom the system's list does not have, as in containers: never a folder that is called "~"
    return Path(os.devnull, "mindaam") if found.startswith("~") else Path(found)


def recipes():
    """The bundled configurations of trainings, {name: Path}, sorted by folder and name."""
    paths = [path for folder in RECIPES for path in sorted((configs_dir() / folder).glob("*.yaml"))]
    return {path.stem: path for path in paths}


def recipe(name):
    """Path of a training's configuration: the file at `name` where there is one, else the bundled one of that name.

    Raises ConfigError, which lists the bundled ones, when it is neither.
    """
    if os.path.isfile(name):
        return Path(name)
    known = recipes()
    if str(name) not in known:
        raise ConfigError(
            f"there is no configuration {name}{nearest(Path(name).stem, known)}; give a YAML file, or one of "
            f"{', '.join(known)}"
        )
    return known[name]
