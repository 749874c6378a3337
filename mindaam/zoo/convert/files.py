"""From an untrusted file to a safetensors file of MindAAM: read without executing, renamed by tables, written.

Arrays stay views of the mapped input until they are written, one by one; memory holds the file about once.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.errors import CheckpointError, OutputError
from mindaam.file_kinds import START, foreign_weights, stand_in
from mindaam.files import opened
from mindaam.zoo.checkpoints import map_safetensors, sha256_of, write_safetensors
from mindaam.zoo.convert import kinds
from mindaam.zoo.convert.report import Report, account, first_names
from mindaam.zoo.convert.wrappers import unwrap

SUFFIX = ".safetensors"
PYTORCH = (b"PK\x03\x04", b"\x80")  # first bytes of PyTorch files: zip archives, and pickles before 2020


class Converted(NamedTuple):
    """A checkpoint under our names, not written yet: state {our name: array}, its Report, and the file it came from.

    prompts: {dataset: prompt} that it was trained with, as `prompts.read_prompts` gives them, or {} where not known.
    note: a line on the wrappers around the weights in the file, as `wrappers.unwrap` gives it.
    """

    kind: str
    name: str
    state: dict
    report: Report
    source: Path
    sha256: str
    prompts: dict = {}
    note: str = ""


def convert(source, kind, *, name=None, allow=()):
    """Reads a foreign checkpoint and renames it; nothing is written.

    source: a PyTorch or safetensors file. kind: one of `kinds.KINDS`. name: the variant, needed only where the sizes
    fit several. allow: names that may be missing, unexpected, or at odds with their alias. The Report lists the
    differences; `report.insist` raises an error for them.
    Raises ConfigError for an unknown kind or name; CheckpointError for a file that is unusable, of another kind, of no
    known variant, in which two names of one array disagree, or with weights that are integers or not finite.
    """
    row = kinds.kind_of(kind)
    official, note = unwrap(read_foreign(source), kind, source)
    try:
        conversion = row.convert(official)
    except (ValueError, IndexError, TypeError) as error:  # shapes that cannot be joined, split or laid flat
        raise CheckpointError(f"{source} holds arrays of shapes that no {kind} checkpoint has ({error})") from error
    if not any(conversion.origin.values()):
        raise CheckpointError(f"{source} has no name of a {kind} checkpoint ({first_names(official)}); check --kind")
    for disputed, reason in kinds.disputed(conversion).items():
        if disputed not in allow:
            raise CheckpointError(
                f"{source}: {disputed} {reason}; give the publisher's file, or use --allow {disputed}"
            )
    name = kinds.variant_of(kind, conversion.state, source, name)
    report = account(official, conversion, kinds.parameters_of(kind, name), allow)
    state = {each: conversion.state[each] for each in (*report.matched, *report.renamed, *report.made)}
    _check_parts(source, official, {each: conversion.origin[each] for each in state})
    _check_values(source, state)
    return Converted(kind, name, state, report, Path(source), sha256_of(source), note=note)


def read_foreign(path):
    """All arrays of a PyTorch or safetensors file, read-only, by the names in it.

    Nothing in the file is executed. Raises CheckpointError for a file that is unusable or of another format.
    """
    try:
        with opened(path) as file:
            start = file.read(START)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    named = stand_in(start) or foreign_weights(start)
    if named:
        raise CheckpointError(f"{path} is {named}")
    if start[8:9] == b"{":
        state = map_safetensors(path)
    elif start.startswith(PYTORCH):
        from mindaam.zoo.torch_files.reading import read_torch

        state = read_torch(path)
    else:
        raise CheckpointError(f"{path} is neither a PyTorch nor a safetensors file, or is damaged; download it again")
    if not state:
        raise CheckpointError(f"{path} has no arrays; give a weights file")
    return state


def check_target(source, target, force=False):
    """Raises OutputError when `target` cannot become the output, before the work."""
    target = Path(target)
    if target.suffix != SUFFIX:
        raise OutputError(f"{target} does not end in {SUFFIX}; rename it")
    if os.path.isdir(target):
        raise OutputError(f"{target} is a folder; name a file in it")
    if os.path.exists(target):
        if os.path.exists(source) and os.path.samefile(source, target):
            raise OutputError(f"{target} is the input; choose another name for the result")
        if not force:
            raise OutputError(f"{target} already exists; choose another name, or replace it with --force")
    if not os.path.isdir(target.parent):
        raise OutputError(f"the folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"cannot write to the folder {target.parent}; choose another place")


def save(converted, target):
    """Writes the arrays with a header: their kind, the SHA-256 of the source file, the prompts.

    The file appears whole or not at all; the same input gives the same bytes. Raises OutputError.
    """
    metadata = {
        "naming": "mindaam",
        "kind": converted.kind,
        "name": converted.name,
        "source_sha256": converted.sha256,
    }
    if converted.prompts:
        metadata["prompts"] = json.dumps(converted.prompts, ensure_ascii=False)
    write_safetensors(target, converted.state, metadata)


def _check_parts(source, official, origin):
    """Raises CheckpointError for integers, as in quantized files, and for parts of one array that differ in length."""
    used = [part for parts in origin.values() for part in parts]
    integers = [part for part in used if official[part].dtype.kind != "f"]
    if integers:
        kind = official[integers[0]].dtype
        raise CheckpointError(
            f"{source} holds numbers of the type {kind} in {first_names(integers)}, where weights are floats; "
            "give the file that is not quantized"
        )
    for parts in origin.values():  # a bias and its mask; query, key and value: a scalar would spread over the others
        if len({official[part].shape[:1] for part in parts}) > 1:
            shapes = " and ".join(f"{part} {list(official[part].shape)}" for part in parts)
            raise CheckpointError(f"{source} holds {shapes}, which belong together and must be of one length")


def _check_values(source, state):
    """Raises CheckpointError for values that are not finite."""
    broken = [name for name, array in state.items() if not np.isfinite(array).all()]
    if broken:
        raise CheckpointError(f"{source} gives {first_names(broken)} values that are not finite; download it again")
