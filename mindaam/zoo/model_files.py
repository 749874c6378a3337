"""Names of models: a bundled model's name, or a path to a checkpoint, to a run folder or to a file in one."""

import os
from pathlib import Path

from mindaam.errors import CheckpointError
from mindaam.models.registry import list_models
from mindaam.zoo.index import verified
from mindaam.zoo.run_checkpoints import FOLDER, POINTER, pointed, stored

SUFFIX = ".safetensors"
MODELS = ("best", "model")  # files of a run's folder with a model alone, the default one first
LAST = "last"  # the phased runs' checkpoint


def checkpoint_of(model):
    """Path of the checkpoint file of `model`; None where it is a name, known or not.

    model: str or path. A name is one of `list_models()`, or a bare word that is not a file. A path is that of a
    checkpoint; of a run's folder, which stands for its best model, or else its latest checkpoint; or of `latest`,
    `best`, `last` or any file in it with or without its suffix.
    The file is checked when it is read. Raises CheckpointError for a folder without a model and for a `latest` that
    names none.
    """
    text = os.fspath(model)
    if isinstance(model, str) and text in list_models():
        return None
    path, beside = Path(text), Path(f"{text.rstrip(os.sep)}{SUFFIX}")
    if path.name == POINTER and os.path.isdir(path.parent / FOLDER):
        return _latest(path.parent)
    if os.path.isdir(path):
        return _of_folder(path)
    if not os.path.lexists(path) and os.path.isfile(beside):
        return beside
    is_word = isinstance(model, str) and not (os.path.dirname(text) or path.suffix or os.path.lexists(path))
    return None if is_word else path


def checkpoint_file(model):
    """As `checkpoint_of`, with the verified file of the zoo for a bundled model's name.

    Raises ConfigError for an unknown name, CheckpointError as `checkpoint_of` and `index.verified` do.
    """
    return checkpoint_of(model) or verified(os.fspath(model))


def _of_folder(folder):
    for name in MODELS:
        if os.path.isfile(folder / f"{name}{SUFFIX}"):
            return folder / f"{name}{SUFFIX}"
    if os.path.isdir(folder / FOLDER):
        return _latest(folder)
    if os.path.isfile(folder / f"{LAST}{SUFFIX}"):
        return folder / f"{LAST}{SUFFIX}"
    raise CheckpointError(
        f"the folder {folder} has no model: a run folder has best{SUFFIX}, model{SUFFIX}, {LAST}{SUFFIX} or "
        f"{FOLDER}; give such a folder, or a checkpoint's path"
    )


def _latest(folder):
    """The file that a run's pointer names; other files are chosen by name."""
    path, fault = pointed(folder)
    if path is not None and os.path.isfile(path):
        return path
    files = stored(folder)
    fault = fault or f"{path.name}, which {POINTER} names, is missing"
    cure = f"give a checkpoint, such as {files[max(files)]}" if files else "the run has no checkpoint yet"
    raise CheckpointError(f"{folder}: {fault}; {cure}")
