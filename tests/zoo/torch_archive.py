"""Writes PyTorch's zip format without PyTorch: the pickle by hand, one stored entry a storage, arrays one by one."""

import math
import zipfile

import numpy as np

_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage", "float64": "DoubleStorage"}
_ALIGNMENT = 64


def write_torch(path, state, wrapper=()):
    """Writes arrays {name: array, or a function that makes it} as torch.save would write a state dict.

    wrapper: keys of dicts around the state dict, outermost first. The same object under two names is stored once, as
    tied tensors are. A function is called with no argument when its turn comes, and tells shape and dtype beforehand
    by its attributes of these names, so that a file may be larger than memory.
    """
    keys = {}
    for value in state.values():
        keys.setdefault(id(value), (str(len(keys)), value))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _entry(archive, "archive/data.pkl", [_pickled(state, keys, wrapper)])
        _entry(archive, "archive/byteorder", [b"little"])
        for key, value in keys.values():
            array = np.ascontiguousarray(value() if callable(value) else value)
            _entry(archive, f"archive/data/{key}", [array.reshape(-1).view(np.uint8).data])
        _entry(archive, "archive/version", [b"3\n"])


def _entry(archive, name, pieces):
    """One stored entry whose content starts at a multiple of 64 bytes, as PyTorch's do."""
    info = zipfile.ZipInfo(name)
    # a large entry's header grows by a field of 20 bytes, which `force_zip64` adds before the padding
    start = archive.fp.tell() + 30 + len(name) + 20 + 4
    padding = -start % _ALIGNMENT
    info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    with archive.open(info, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)


def _text(value):
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def _number(value):
    return b"\x8a\x08" + int(value).to_bytes(8, "little", signed=True)


def _tuple(values):
    return b"(" + b"".join(_number(value) for value in values) + b"t"


def _tensor(key, array):
    size = math.prod(array.shape)
    strides = [math.prod(array.shape[axis + 1 :]) for axis in range(len(array.shape))]
    storage = f"ctorch\n{_STORAGES[str(np.dtype(array.dtype))]}\n".encode()
    place = b"(" + _text("storage") + storage + _text(key) + _text("cpu") + _number(size) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + place + _number(0) + _tuple(array.shape) + _tuple(strides) + b"\x89" + hooks + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def _pickled(state, keys, wrapper):
    items = b"".join(_text(name) + _tensor(keys[id(value)][0], value) for name, value in state.items())
    content = b"ccollections\nOrderedDict\n)R(" + items + b"u"
    for key in reversed(wrapper):
        content = b"}" + _text(key) + content + b"s"
    return b"\x80\x02" + content + b"."
