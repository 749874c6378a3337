"""The authors' checkpoint, as arrays in memory, into an AAM, with a report on every name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError
from mindaam.zoo.checkpoints import load_strict
from mindaam.zoo.convert import aam, kinds
from mindaam.zoo.convert.report import Report, account, first_names, insist
from mindaam.zoo.convert.wrappers import unwrap

if TYPE_CHECKING:
    from mindaam.models.aam import AAM

SOURCE = "the reference's state"


def load_reference(model: AAM, state: Mapping[str, Any]) -> Report:
    """Fills an AAM of the preset `released` with the authors' parameters; returns the Report on every name.

    model: of `build_model(name, "released")`, whose adapters get the file's own, or of
    `create_model(name, preset="released")`, in which the adapters are folded into the layers that they adapt.
    state: {official key: array of floats}; a "module." before every key, a {"state_dict": ...} around them and similar
    wrappers are removed, as in the conversion of a file. Of an adapted layer either of its two keys, or both, may be
    there; a warning reports different ones. Parameters that no forward pass reads are ignored, and listed in the Report
    with the reason.
    Raises CheckpointError, and leaves the model as it was, for missing or unexpected keys, wrong shapes, integers,
    values that are not finite, and a model of another preset.
    """
    if model.config.preset != "released":
        raise CheckpointError(
            f'the authors\' parameters fit the preset "released", not "{model.config.preset}"; '
            f'use the model "{model.config.name}" with preset="released"'
        )
    official = _arrays(state)
    parameters = {name: tuple(parameter.shape) for name, parameter in stored_parameters(model)}
    try:
        conversion = _folded(aam.from_official(official), parameters, model.config.lora)
    except (ValueError, IndexError, TypeError) as error:  # shapes that cannot be joined, split or laid flat
        raise CheckpointError(f"{SOURCE} holds arrays of shapes that no AAM checkpoint has ({error})") from error
    report = account(official, conversion, parameters)
    insist(report, SOURCE, model.config.name)
    if disputed := kinds.disputed(conversion):
        both = first_names(disputed)
        warnings.warn(f"{SOURCE} holds two versions of {both}; those with .base. are used", stacklevel=2)
    broken = [name for name in parameters if not np.isfinite(conversion.state[name]).all()]
    if broken:
        raise CheckpointError(f"{SOURCE} gives {first_names(broken)} values that are not finite; read the file again")
    load_strict(model, {name: conversion.state[name] for name in parameters}, source=SOURCE)
    model.backbone.set_image_size(model.config.image_size)  # its rotary tables follow from the new periods
    return report


def _arrays(state):
    """{official key: NumPy array} without wrappers. Raises CheckpointError for anything but floats."""
    state, note = unwrap(dict(_flat(state)), "aam", SOURCE)
    if "skipped" in note:
        warnings.warn(f"{SOURCE}: {note}", stacklevel=3)
    official = {name: np.asarray(array) for name, array in state.items()}
    others = [name for name, array in official.items() if array.dtype.kind != "f"]
    if others:
        raise CheckpointError(
            f"{SOURCE} holds {official[others[0]].dtype} in {first_names(others)}, where weights are floats"
        )
    return official


def _flat(state, above=""):
    """(name, array) of all arrays of a nested mapping, names joined by the keys before."""
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _folded(conversion, parameters, lora):
    """The Conversion with each adapter that is a plain layer in the model added to that layer's weight."""
    state, origin = dict(conversion.state), dict(conversion.origin)
    for name in conversion.state:
        prefix = name.removesuffix(".lora_a")
        if prefix == name or name in parameters:
            continue
        parts = [f"{prefix}.base.weight", f"{prefix}.lora_b", f"{prefix}.lora_a"]
        if all(part in state for part in parts):
            weight, up, down = (state.pop(part) for part in parts)
            product = up.astype(np.float64) @ down.astype(np.float64)
            state[f"{prefix}.weight"] = (weight + lora.alpha / lora.rank * product).astype(np.float32)
            origin[f"{prefix}.weight"] = tuple(official for part in parts for official in origin.pop(part))
        if f"{prefix}.base.bias" in state:
            state[f"{prefix}.bias"] = state.pop(f"{prefix}.base.bias")
            origin[f"{prefix}.bias"] = origin.pop(f"{prefix}.base.bias")
    return conversion._replace(state=state, origin=origin)
