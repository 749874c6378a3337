"""A key for everything that determines a compiled graph: two graphs with the same key are equal.

The key covers the version of MindSpore, the device, the form of the operators, the level of compilation, the rank, the
processor, the code of this package, the class, switches and constants of every Cell, the names, shapes and types of the
parameters, and the shapes and types of the inputs. It does not cover values of parameters and inputs.
"""

import hashlib
import os
import platform
from functools import lru_cache, partial
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from pydantic import BaseModel

from mindaam.environment import jit_level, kernel_form
from mindaam.files import file_sha256

RANKS = ("RANK_ID", "MS_WORKER_NUM")  # set by msrun: a graph of several ranks is that of one of them
# Attributes of MindSpore's own, before and after compilation; only the switches affect a graph.
_OF_EVERY_CELL = frozenset(vars(nn.Cell())) | {"current_phase", "sequence_modified"}
_SWITCHES = (
    "training", "requires_grad", "mixed_precision_type", "has_bprop", "_amp_level", "_has_config_recompute",
    "_jit_config_dict",
)  # fmt: skip
_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, type(ms.float32))


class Unknown(Exception):
    """A Cell has an attribute that this module cannot describe, so its graph has no key."""


def graph_key(cell, inputs, how=""):
    """Key of the graph of `cell` for `inputs`, 64 hexadecimal digits. how: "jit" for a graph by `ms.jit`.

    Raises Unknown for a Cell with an attribute of unknown type.
    """
    device = ms.get_context("device_target")
    choices = (kernel_form(device), str(jit_level(device)), how, *(os.environ.get(name, "") for name in RANKS))
    parts = [ms.__version__, device, *choices, _processor(), _code(), *_cells(cell)]
    parts += [_parameter(parameter) for parameter in cell.get_parameters()]
    return hashlib.sha256("\n".join([*parts, signature(inputs)]).encode()).hexdigest()


def values(key, tensors):
    """A key for `key` and the values of tensors."""
    digest = hashlib.sha256(key.encode())
    for each in tensors:
        digest.update(np.ascontiguousarray(each.asnumpy()))
    return digest.hexdigest()


def signature(value):
    """The part of the inputs that a graph is compiled for: shapes and types of tensors, and all other values."""
    if isinstance(value, ms.Tensor):
        return f"{tuple(value.shape)} {value.dtype}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(signature, value))})"
    return repr(value)


def _cells(top):
    """One line per Cell: its path, class, switches and the attributes set by its constructor."""
    for path, cell in top.cells_and_names():
        theirs = type(cell).__module__.startswith("mindspore")
        kept = {
            name: value
            for name, value in vars(cell).items()
            # MindSpore's layers keep their initial random values, which no graph reads
            if name not in _OF_EVERY_CELL and name[0] != "_" and not (theirs and "init" in name)
        }
        switches = {name: vars(cell).get(name) for name in _SWITCHES}
        # the scope is the path of a Cell after compilation; only this part exists before
        switches["recompute"] = "recompute" in (vars(cell).get("_scope") or "")
        yield f"{path} {_name(type(cell))} {_described(switches)} {_described(cell.get_flags())} {_described(kept)}"


def _described(value):
    """The value of an attribute as text that is the same in every process."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, ms.Parameter):
        return _parameter(value)
    if isinstance(value, (ms.Tensor, np.ndarray)):  # a constant of the graph
        array = value.asnumpy() if isinstance(value, ms.Tensor) else value
        return f"{array.dtype}{array.shape}{hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{name}: {_described(each)}' for name, each in value.items()))}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_described, value)))}}}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(_described, value))})"
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, ops.Primitive):
        return f"{_name(type(value))}{_described({name: each for name, each in vars(value).items() if name[0] != '_'})}"
    if isinstance(value, partial):
        return f"partial({_described(value.func)}, {_described(value.args)}, {_described(value.keywords)})"
    if isinstance(value, type) or callable(value) and hasattr(value, "__qualname__"):
        return _name(value)
    if isinstance(value, nn.Cell) or type(value).__module__.startswith("mindspore"):
        return _name(type(value))
    raise Unknown(f"{_name(type(value))}")


def _name(thing):
    return f"{thing.__module__}.{thing.__qualname__}"


def _parameter(parameter):
    return f"{parameter.name} {tuple(parameter.shape)} {parameter.dtype} {parameter.requires_grad}"


@lru_cache(maxsize=1)
def _code():
    """Hash of the code of the package; the code of each `construct` is not hashed separately."""
    here = Path(__file__).resolve().parent
    files = sorted(here.rglob("*.py"))
    lines = [f"{path.relative_to(here)} {file_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@lru_cache(maxsize=1)
def _processor():
    """The instruction sets of this machine, and the one that the user restricts oneDNN to."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:  # not Linux
        found = platform.processor()
    return f"{platform.machine()} {found.strip()} {os.environ.get('ONEDNN_MAX_CPU_ISA')}"
