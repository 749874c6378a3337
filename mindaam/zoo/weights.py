"""Loading weights into a model, and saving them.

The frozen encoder and the trained weights (head and adapters) are separate files, so that training changes only the
small one. Its header has the model's name and configuration. A run's checkpoint has the same beside the state of the
run. The authors' own checkpoint, once converted, is one file of
everything.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from mindaam.encoders.lora import lora_parameters
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, ConfigError, Notice
from mindaam.models.registry import list_models, model_config
from mindaam.zoo import ahead
from mindaam.zoo.agreement import require_agreement
from mindaam.zoo.checkpoints import (
    glance,
    load_strict,
    map_safetensors,
    read_all,
    read_metadata,
    read_safetensors,
    sha256_of,
    write_safetensors,
)
from mindaam.zoo.checksums import CHECKSUM
from mindaam.zoo.convert.kinds import kind_of
from mindaam.zoo.convert.prompts import GENERIC
from mindaam.zoo.convert.report import first_names
from mindaam.zoo.index import path_of, records
from mindaam.zoo.model_files import checkpoint_file, checkpoint_of
from mindaam.zoo.run_checkpoints import is_run, run_arrays, run_model, table_in

if TYPE_CHECKING:
    from mindaam.models.aam import AAM

WRAPPED = ".base."  # where LoRADense keeps the layer that it wraps
OURS = "mindaam"  # value of "naming" in the header of a converted file
NAME = re.compile(r"[\w.+-]{1,100}")  # of a model, in the header of an untrusted file


def encoder_state(path, kind):
    """An encoder's arrays {our name: array} from a safetensors file, whether it was converted before or not.

    kind: one of `convert.kinds.KINDS`. Raises CheckpointError for an unusable file, and for one of another kind.
    """
    return _renamed(path, kind, *read_all(path))


def _renamed(path, kind, state, metadata):
    """An encoder's arrays by our names, given those of the file at `path`, and its metadata."""
    if metadata.get("naming") == OURS:
        if metadata.get("kind") != kind:
            raise CheckpointError(f"{path} was converted as {metadata.get('kind')}, not as {kind}; convert it again")
        return state
    conversion = kind_of(kind).convert(state)
    if conversion.unexpected:
        raise CheckpointError(f"{path} holds {first_names(conversion.unexpected)}, which no {kind} encoder has")
    return dict(conversion.state)


def load_backbone(model: AAM) -> None:
    """Loads the verified encoder of an AAM into `model.backbone`, with or without adapters, which keep their values.

    Raises CheckpointError when the file is missing, changed or does not fit.
    """
    name = model.config.encoder.name
    path, arrays, metadata = ahead.read(name)
    state = _renamed(path, name.partition("_")[0], arrays, metadata)
    for wrapped, _ in stored_parameters(model.backbone):
        plain = wrapped.replace(WRAPPED, ".")
        if plain != wrapped and plain in state:
            state[wrapped] = state.pop(plain)
    adapters = [p.name for p in lora_parameters(model.backbone)]
    prefix = "backbone."
    load_strict(model.backbone, state, allow_missing=[a.removeprefix(prefix) for a in adapters], source=path)
    model.backbone.set_image_size(model.config.image_size)  # its positional buffer follows from the new table


def holds_all(path):
    """Whether a checkpoint holds a whole model, encoder included: the authors', converted."""
    return read_metadata(path).get("naming") == OURS


@contextmanager
def blank():
    """Inside it, Cells get no initial values, which take longer than reading; all must then be filled."""
    try:
        from mindspore.nn.utils import no_init_parameters
    except ImportError:  # deprecated; without it this only takes longer
        yield
        return
    with no_init_parameters():
        yield


def load_whole(model, path, apart=None):
    """Loads a file of everything into an AAM of the preset `released`, blank or not, with unmerged adapters.

    apart: as in `load_trained`. Raises CheckpointError when it is unusable, does not hold exactly this model, or holds
    values that are not finite.
    """
    state, left = map_safetensors(path), ()
    if apart:
        state = {name: array for name, array in state.items() if not name.startswith(apart)}
        left = [name for name, _ in stored_parameters(model) if name.startswith(apart)]
    _check_finite(state, path)
    load_strict(model, state, allow_missing=left, source=path)
    model.backbone.set_image_size(model.config.image_size)


def load_weights(model, path, apart=None):
    """Loads encoder, head and adapters into an AAM with unmerged adapters from a checkpoint file of any kind: of what
    was trained, of a run, or of everything. apart: as in `load_trained`. Raises CheckpointError as the others here."""
    notice_unchecked(path)
    if holds_all(path):
        load_whole(model, path, apart)
    else:
        load_backbone(model)
        load_trained(model, path, apart)


def save_trained(model: AAM, path: str | os.PathLike[str], entries: dict[str, str] | None = None) -> None:
    """Writes what training changed in an AAM (head and unmerged adapters, float32) to a safetensors file, atomically.

    The header carries the model's name and configuration, and further `entries`, {str: str}. Raises OutputError when
    `path` cannot be written.
    """
    tensors = {parameter.name: parameter.asnumpy() for parameter in model.trained_parameters()}
    told = {"model": model.config.name, "config": model.config.model_dump_json(), **(entries or {})}
    write_safetensors(path, tensors, told)


def load_trained(
    model: AAM, path: str | os.PathLike[str], apart: str | None = None, *, partly: bool = False
) -> None:
    """Loads a file of `save_trained`, or what a run's checkpoint holds of it, averaged where the run keeps averages,
    into an AAM whose adapters are not merged yet; the backbone keeps its values.

    apart: prefix of names that keep their values, whether the file has them or not, such as those of temporal blocks
    that are trained from scratch. partly: whatever the file lacks of the model keeps its value.
    Raises CheckpointError when the file is unusable, does not hold exactly the head and the adapters, or holds a value
    that is not finite, which would give NaN maps without an error.
    """
    trained = {parameter.name for parameter in model.trained_parameters()}
    others = [name for name, _ in stored_parameters(model) if name not in trained]
    metadata = read_metadata(path)
    state = run_arrays(path, metadata) if is_run(metadata) else read_safetensors(path)
    if apart:
        state = {name: array for name, array in state.items() if not name.startswith(apart)}
        others += [name for name in trained if name.startswith(apart)]
    if partly:
        if not state:
            raise CheckpointError(f"{path} holds no head and no adapters; give a model's checkpoint")
        others += [name for name in trained if name not in state]
    stray = [name for name in others if name in state]
    if stray:
        raise CheckpointError(f"{path} holds backbone weights ({stray[0]}, ...); only head and adapters belong in it")
    _check_finite(state, path)
    load_strict(model, state, allow_missing=others, source=path)


def checkpoint_config(path):
    """(model name or None, configuration dict or None) from the header of a trained or converted checkpoint, or of a
    run's.

    Raises CheckpointError when the file is unusable, its header is malformed, its configuration has sizes that
    are not those of its arrays, it is of a run that trains no AAM, of a converted encoder, or has no AAM at all;
    ConfigError when its configuration has an unknown key, or an invalid value.
    """
    metadata = read_metadata(path)
    if metadata.get("naming") == OURS:
        name, _ = _agreed(path, metadata.get("name"), None)
        if metadata.get("kind") != "aam":
            raise CheckpointError(f"{path} holds the encoder {name} only; give a model's checkpoint")
        return name, {"preset": "released"}
    if is_run(metadata):
        found = run_model(path, metadata, lambda start: checkpoint_config(checkpoint_file(start)))
        return _agreed(path, *found)
    names = list(glance(path).arrays)
    if not any(name.startswith("head.") for name in names):
        there = first_names(names) or "nothing"
        raise CheckpointError(f"{path} holds {there} and no head of an AAM; give a model's checkpoint")
    config = table_in(path, metadata["config"]) if "config" in metadata else None
    return _agreed(path, metadata.get("model"), config)


def _agreed(path, name, config):
    """(name, config) unchanged, after a check that a model of them fits the arrays of the file at `path`.

    The check comes before the model is built, since an untrusted configuration may have any size.
    """
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise CheckpointError(f"{path}: the model's name in its header is damaged; download it again")
    if config is None or name not in list_models():
        return name, config
    try:
        usual = model_config(name, config.get("preset", "paper"))
        whole = model_config(name, config.get("preset", "paper"), config)
    except ConfigError as error:
        raise ConfigError(f"{path}: its header is of a {error}") from error
    shapes = {each: entry.shape for each, entry in glance(path).arrays.items()}
    require_agreement(path, whole, usual, shapes)
    return name, config


def checkpoint_prompts(path):
    """{dataset: prompt} that a converted checkpoint was trained with, "None" among them; {} where it has none.

    Raises CheckpointError when the file is unusable, or its header is malformed.
    """
    text = read_metadata(path).get("prompts")
    if text is None:
        return {}
    try:
        prompts = table_in(path, text)
    except CheckpointError:
        prompts = {}
    sound = all(isinstance(each, str) and each.strip() for each in prompts.values())
    if not sound or GENERIC not in prompts:
        raise CheckpointError(f'{path}: its header has no table of prompts with a "{GENERIC}"; convert it again')
    return prompts


def model_prompts(model):
    """{name: prompt} that the authors' model was trained with, as its converted checkpoint has them; {} for others.

    model: what names a model, as `model_files.checkpoint_of` takes it. Raises CheckpointError for an unusable file; an
    unknown name has no prompts.
    """
    path = checkpoint_of(model)
    if path is None:
        entry = records().get(os.fspath(model))
        path = entry and path_of(entry)
    return checkpoint_prompts(path) if path is not None and os.path.isfile(path) else {}


def notice_unchecked(path):
    """A Notice for a file that cannot be verified: it has no checksum, and its hash is neither in the zoo's index nor
    pinned by the user. Raises CheckpointError when it is unusable."""
    if CHECKSUM in glance(path).metadata:
        return
    digest = sha256_of(path)
    if all(digest != each.sha256 for each in records().values()):
        warnings.warn(
            f"{path} has no checksum, like files of older versions and other programs: damage to its numbers "
            "cannot be detected",
            Notice,
            stacklevel=3,
        )


def _check_finite(state, path):
    broken = sorted(name for name, array in state.items() if not np.isfinite(array).all())
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} holds values that are not finite; use an earlier checkpoint")
