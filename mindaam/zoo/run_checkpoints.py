"""Reading checkpoints of training runs: which of a run's files is whole, and the model in it.

A run's folder holds `checkpoints/step-00000123.safetensors` and `latest`, a text file with the name of one of them
(`training.checkpoints` writes both); runs in phases have one `last.safetensors` instead. Beside the trained
weights, such a file has the optimizer state and, if the run keeps them, weight averages. It is read without MindSpore.
"""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from mindaam.errors import CheckpointError
from mindaam.files import listed, opened
from mindaam.schema import merge
from mindaam.zoo.checkpoints import glance, read_all, read_safetensors
from mindaam.zoo.checksums import CHECKSUM

FOLDER, POINTER = "checkpoints", "latest"
MODEL = "model_config"  # entry of a file's metadata: the whole ModelConfig; older runs have their changes alone
OPTIMIZER, AVERAGE = "optimizer.", "ema."  # prefixes of the optimizer state and of averages
MOMENTS = (OPTIMIZER, "first_moment.", "second_moment.")  # in video runs without a group's name before
SHOWN = 5  # faults that a refusal shows
_NAME = re.compile(r"step-(\d{8,})\.safetensors")


class Found(NamedTuple):
    """A whole checkpoint, and a line for the user where it is not the one that `latest` names, "" otherwise."""

    path: Path
    note: str = ""


# ---- files -----------------------------------------------------------------------------------------------------------


def latest(folder):
    """The checkpoint to continue a run from, as Found; None when the folder holds none yet.

    That is the one which `latest` names. If the pointer or its file is missing or damaged, it is the newest whole
    one, and the note reports it. Files are read and verified completely. Raises CheckpointError when none is whole.
    """
    files, (named, fault) = stored(folder), pointed(folder)
    if not files and not os.path.lexists(Path(folder) / POINTER):
        return None
    faults = [fault] if fault else []
    others = [files[step] for step in sorted(files, reverse=True) if files[step] != named]
    for path in [named, *others] if named else others:
        try:
            load(path)
        except CheckpointError:
            faults.append(f"{path.name} is {'damaged or unreadable' if path.exists() else 'missing'}")
        else:
            return Found(path, f"{listed(faults, SHOWN)}; continuing from {path.name}" if faults else "")
    raise CheckpointError(
        f"{folder} has no whole checkpoint to continue from ({listed(faults, SHOWN)}); copy one back into its "
        f"{FOLDER} folder, or start in another folder"
    )


def load(path):
    """(tensors {name: ndarray}, metadata {str: str}) of a checkpoint, every byte of both verified.

    Arrays have the types that they were saved with and are read-only. Raises CheckpointError for a missing, foreign,
    damaged or truncated file, and for one without a checksum.
    """
    if CHECKSUM not in glance(path).metadata:
        raise CheckpointError(
            f"{path} has no checksum, so that it is damaged or not a run's checkpoint; give a file of a run's "
            f"{FOLDER} folder"
        )
    return read_all(path, widen=False)


def stored(folder):
    """{step: Path} of a run's checkpoints, whole or not. Raises CheckpointError for a folder that cannot be read."""
    folder = Path(folder) / FOLDER
    try:
        named = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir() if os.path.isfile(path)]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CheckpointError(f"cannot read the folder {folder} ({error.strerror}); check its permissions") from error
    return {int(name[1]): path for name, path in named if name}


def pointed(folder):
    """(Path that a run's pointer names, None), or (None, what is wrong with the pointer)."""
    try:
        with opened(Path(folder) / POINTER) as file:
            name = file.read(100).decode("ascii").strip()
    except FileNotFoundError:
        return None, f'the pointer "{POINTER}" is missing'
    except (OSError, ValueError):
        return None, f'the pointer "{POINTER}" is unreadable'
    if not _NAME.fullmatch(name):
        return None, f'the pointer "{POINTER}" is damaged'
    return Path(folder) / FOLDER / name, None


# ---- the model in a file ---------------------------------------------------------------------------------------------


def is_run(metadata):
    """Whether the metadata {str: str} are of a run's checkpoint, not of a model alone."""
    return "corpus" in metadata or "place" in metadata


def run_model(path, metadata, config_of):
    """(the model's name, its configuration) of a run's checkpoint: the second a dictionary over that of its preset.

    metadata: of `read_metadata(path)`; config_of: `weights.checkpoint_config` of what the run started from, a name or
    a path, which is called for older runs only. Raises CheckpointError for a run that trains no AAM or only
    parts of one, and where a configuration is damaged or missing.
    """
    config = table_in(path, metadata.get("config", "{}"))
    if "place" in metadata and "clips" in config:
        raise CheckpointError(
            f"{path} is of the sounding-object experiment, whose small model is no AAM: give a checkpoint of an AAM"
        )
    if "place" in metadata and "films" in config and MODEL not in metadata:  # of older runs
        raise CheckpointError(
            f"{path} holds only the temporal blocks of a run on them: give the model.safetensors that a run has beside "
            "it when it is done"
        )
    if MODEL in metadata:
        return metadata.get("model"), table_in(path, metadata[MODEL])
    if not isinstance(config.get("model"), str):
        raise CheckpointError(f"{path} does not name its model; it is damaged or from another version")
    if not isinstance(config.get("model_changes") or {}, dict) or not isinstance(config.get("start") or "", str):
        raise CheckpointError(f"{path}: the configuration in its header is damaged; use another checkpoint")
    changes, below = config.get("model_changes") or {}, {}
    if config.get("start") is not None:
        below = _started_from(path, config["start"], config_of)
    return config["model"], merge({"preset": config.get("preset", "paper"), **below}, changes)


def run_arrays(path, metadata):
    """{name: array} of what a run has trained, averages instead of weights where it keeps them.

    Raises CheckpointError for a damaged file.
    """
    arrays = load(path)[0] if "corpus" in metadata or "task" in metadata else read_safetensors(path)
    averages = {name.removeprefix(AVERAGE): array for name, array in arrays.items() if name.startswith(AVERAGE)}
    return {name: array for name, array in arrays.items() if not name.startswith((*MOMENTS, AVERAGE))} | averages


def _started_from(path, start, config_of):
    """The configuration of the model that an older run started from: the run's own best one has it too."""
    best = Path(path).parent.parent / "best.safetensors"
    try:
        found = config_of(best if os.path.isfile(best) else start)[1]
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} has no model configuration, and neither has the checkpoint that its run started from ({error})"
        ) from error
    return found or {}


def table_in(path, text, what="the configuration"):
    """A dictionary from JSON in the header of the file at `path`; `text` None is a missing entry.

    what: what the entry is, for errors. Raises CheckpointError where there is no dictionary.
    """
    if text is None:
        raise CheckpointError(f"{path} has no entry for {what} in its header; download it again")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: {what} in its header is damaged ({error}); download it again") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: {what} in its header is not a table; download it again")
    return found
