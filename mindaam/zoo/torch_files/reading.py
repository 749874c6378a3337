"""PyTorch's files without PyTorch, and without running anything in them: `read_torch` gives the arrays by name.

Read are the zip format (`torch.save` since 1.6, and TorchScript archives, of whose code nothing is read) and the legacy
format before it. `pickles` follows the pickle, `archives` finds the bytes, and here tensors become arrays: views
of the mapped file, so that a large file costs no memory until its numbers are used.
"""

import math
import os

import numpy as np

from mindaam.errors import CheckpointError
from mindaam.file_kinds import START, foreign_weights, stand_in
from mindaam.zoo.torch_files import archives
from mindaam.zoo.torch_files.pickles import LONGEST, MOST, STORAGES, Holder, TensorRef, read_pickle

# Keys under which training programs keep an average of the weights, beside the weights themselves.
AVERAGES = ("ema", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "model_ema_state_dict", "params_ema")
_MAGIC = 0x1950A86A20F9469CFC6C  # the number that the legacy format begins with
_PROTOCOL = 1001
_DEEPEST = 64  # containers inside one another
_MOST_TENSORS = 20_000
_COST = 20  # of a container, in parts of it, of which all together may have MOST
_LONGEST_NAME = 1000
_PARTS = (TensorRef, Holder, dict, list, tuple)  # what tensors are or lie in; all else is skipped
_AXES = 16
_LONGEST_SIDE = 1 << 31
_SPREAD = 1 << 20  # elements that a tensor may have even where its storage has fewer


def read_torch(path):
    """All tensors of a PyTorch file as read-only arrays {name: array}.

    Names are the keys on the way to a tensor, joined by dots: those of dicts, places in lists, and the attributes of
    TorchScript modules; a tensor that was saved alone has the name "". Where a dict has the key "state_dict" and a
    container under it, that alone is taken and leaves no trace in the names; epochs and optimizers beside it are not.
    Nothing is chosen where an average of the weights is beside it.
    Numbers and texts are skipped. bfloat16, which NumPy does not have, becomes float32; other types stay. Tensors
    that share a storage share memory; one that was expanded stays a view that repeats its numbers.
    The file must not be truncated while the arrays are in use. Its numbers are not compared with a checksum.
    Raises CheckpointError for a file that is missing, damaged, of another format, or that needs anything to be run.
    """
    data = _mapped(path)
    if bytes(data[8:9]) == b"{":  # first, because a length may begin as a pickle does
        raise CheckpointError(f"{path} is a safetensors file, which needs no reader of PyTorch's; open it as one")
    if bytes(data[:4]) == b"PK\x03\x04":
        tree, storage = _open_zip(memoryview(data), path)
    elif bytes(data[:1]) == b"\x80":
        tree, storage = _open_legacy(memoryview(data), path)
    else:
        raise CheckpointError(f"{path} {_other(bytes(data[:START]))}")
    arrays, storages = {}, {}
    for name, tensor in _tensors(_unwrapped(tree), path):
        if name in arrays:
            raise CheckpointError(f"{path} holds two tensors of the name {name[:100]!r}; give its state_dict alone")
        kind, key = tensor.storage.type, tensor.storage.key
        if key not in storages:
            storages[key] = kind, _numbers(storage(tensor.storage), kind, path)
        if storages[key][0] != kind:  # each type could cost a copy
            raise CheckpointError(f"{path} is damaged: a storage in it has two types; fetch it again")
        arrays[name] = _view(storages[key][1], tensor, f"{path}: the tensor {name[:100]!r}")
    return arrays


def _mapped(path):
    """The whole file as read-only bytes that are read when they are used."""
    try:
        if os.path.isdir(path):
            raise CheckpointError(f"{path} is a folder; name a file in it")
        if os.path.getsize(path) == 0:
            raise CheckpointError(f"{path} is empty; fetch it again")
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}; check the path") from error


def _other(start):
    """What a file is that is not PyTorch's, by how it begins, and what to do."""
    if start[257:262] == b"ustar":
        return "is a tar archive, PyTorch's format before 2017, which is not read; save it again in the zip format"
    named = stand_in(start) or foreign_weights(start)
    if named:
        return f"is {named}"
    return "is not a PyTorch file, or is damaged; give a file that PyTorch wrote"


# --- the two formats: each gives what was saved, and a function from a StorageRef to its bytes


def _open_zip(data, path):
    entries = archives.read_directory(data, path)
    tops = [name.removesuffix("data.pkl") for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(tops) != 1 or tops[0].count("/") > 1:
        raise CheckpointError(f"{path} is a zip archive, but not one of PyTorch's; give a file that PyTorch wrote")
    pickled = entries[f"{tops[0]}data.pkl"]
    if pickled.size > LONGEST:
        raise CheckpointError(f"{path} has a pickle of {pickled.size / 1e6:.0f} MB, too long for one of weights")
    tree, _ = read_pickle(bytes(archives.content(data, pickled, path)), path)
    written = entries.get(f"{tops[0]}byteorder")
    order = {b"little": "<", b"big": ">"}.get(
        b"little" if written is None else bytes(archives.content(data, written, path)[:9])
    )
    if order is None:
        raise CheckpointError(f"{path} is damaged: its byte order is neither little nor big; fetch it again")

    def storage(ref):
        name = f"{tops[0]}data/{ref.key}"
        if name not in entries:
            raise CheckpointError(f"{path} is damaged: {name[:200]!r} is missing in it; fetch it again")
        return archives.content(data, entries[name], path), order

    return tree, storage


def _open_legacy(data, path):
    parts, position = [], 0
    for _ in range(5):  # the magic number, the version, the machine, what was saved, the storages' keys
        part, length = read_pickle(bytes(data[position : position + LONGEST]), path)
        parts.append(part)
        position += length
        if parts[0] != _MAGIC:
            raise CheckpointError(
                f"{path} is a Python pickle, but not one of PyTorch's; give a file that PyTorch wrote"
            )
    _, protocol, machine, tree, keys = parts
    if protocol != _PROTOCOL or type(machine) is not dict or type(keys) is not list:
        raise CheckpointError(f"{path} is of a version of PyTorch's legacy format that is not known; save it again")
    spans, itemsizes = {}, {}
    for _, tensor in _tensors(tree, path):
        size = _itemsize(tensor.storage.type)
        if itemsizes.setdefault(tensor.storage.key, size) != size:
            raise CheckpointError(f"{path} is damaged: a storage in it has two types; fetch it again")
    for key in keys:
        # little end first on every machine, as the numbers are, whatever the machine says of itself
        count = int.from_bytes(data[position : position + 8], "little")
        position += 8
        if type(key) is not str or key in spans or key not in itemsizes:
            # its length follows from its type, which only a tensor that uses it tells
            raise CheckpointError(f"{path} has a storage that no tensor uses; give its state_dict alone")
        end = position + count * itemsizes[key]
        if end > len(data):
            raise CheckpointError(f"{path} is cut off: it says more numbers than there are; fetch it again")
        spans[key], position = (position, end), end

    def storage(ref):
        if ref.key not in spans:
            raise CheckpointError(f"{path} is damaged: the storage {ref.key[:200]!r} is missing; fetch it again")
        start, end = spans[ref.key]
        return data[start:end], "<"

    return tree, storage


# --- from what was saved to tensors by name


def _tensors(tree, path):
    """Yields (name, TensorRef) of all that are in `tree`, in the order of the file."""
    looked, found = 0, 0  # what is shared counts each time

    def walk(value, name, depth):
        nonlocal looked, found
        if type(value) is TensorRef:
            found += 1
            if found > _MOST_TENSORS:
                raise CheckpointError(f"{path} has more than {_MOST_TENSORS} tensors; give its state_dict alone")
            yield name, value
            return
        parts = value.attributes if type(value) is Holder else value
        looked += _COST + len(parts)
        if looked > MOST or depth > _DEEPEST:
            raise CheckpointError(f"{path} is nested too deeply or without end; give its state_dict alone")
        for key, item in parts.items() if type(parts) is dict else enumerate(parts):
            if type(item) not in _PARTS:
                continue
            key = str(key)
            if len(name) + len(key) > _LONGEST_NAME or not key.isprintable():
                raise CheckpointError(f"{path} has {key[:100]!r} for a part of a name; give its state_dict alone")
            yield from walk(item, f"{name}.{key}" if depth else key, depth + 1)

    return walk(tree, "", 0) if type(tree) in _PARTS else iter(())


def _unwrapped(tree):
    for _ in range(_DEEPEST):
        if type(tree) is not dict or type(tree.get("state_dict")) not in (dict, Holder):
            break
        if any(type(tree.get(name)) in (dict, Holder) for name in AVERAGES):
            break
        tree = tree["state_dict"]
    return tree


# --- from bytes to arrays


def _itemsize(storage_type):
    return 2 if STORAGES[storage_type] == "bf16" else np.dtype(STORAGES[storage_type]).itemsize


def _numbers(found, storage_type, path):
    """A storage's bytes, as much as are whole numbers, as a read-only array of one axis."""
    content, order = found
    raw = np.frombuffer(content, np.uint8)
    raw = raw[: len(raw) - len(raw) % _itemsize(storage_type)]
    kind = STORAGES[storage_type]
    if kind == "?" and raw.max(initial=0) > 1:  # NumPy would take them for neither true nor false
        raise CheckpointError(f"{path} is damaged: a truth value in it is neither 0 nor 1; fetch it again")
    if kind == "bf16":  # the upper half of a float32
        numbers = raw.view(f"{order}u2").astype(np.uint32) << 16
        numbers = numbers.view(np.float32)
    else:
        numbers = raw.view(np.dtype(kind).newbyteorder(order))
        numbers = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    numbers.flags.writeable = False
    return numbers


def _view(numbers, tensor, what):
    """The tensor as an array that looks into its storage; checked first, because NumPy does not check bounds here."""
    storage, offset, size, stride = tensor
    if storage.start + storage.count > len(numbers):
        raise CheckpointError(
            f"{what} needs {storage.start + storage.count} numbers, where {len(numbers)} are; fetch the file again"
        )
    numbers = numbers[storage.start : storage.start + storage.count]
    if len(size) != len(stride) or len(size) > _AXES or any(side > _LONGEST_SIDE for side in size):
        raise CheckpointError(f"{what} has a shape that nothing can have; fetch the file again")
    count = math.prod(size)
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if offset > len(numbers) or (count and last >= len(numbers)):
        raise CheckpointError(f"{what} reaches beyond its storage; fetch the file again")
    if count > max(len(numbers), _SPREAD):
        raise CheckpointError(f"{what} spreads {len(numbers)} numbers over {count} places; save it as it is meant")
    if not count:
        if math.prod(side for side in size if side) > _LONGEST_SIDE:
            raise CheckpointError(f"{what} has a shape that nothing can have; fetch the file again")
        return numbers[:0].reshape(size)
    # a side of one is never stepped along, whatever its stride says
    steps = [step * numbers.itemsize if side > 1 else 0 for side, step in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)
