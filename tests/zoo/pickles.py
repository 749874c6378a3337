"""Pickles and archives by hand: what a test wants to write, PyTorch's own writers would refuse to."""

import struct
import zipfile
import zlib

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage",
    "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage",
    "bool": "BoolStorage", "bfloat16": "BFloat16Storage",
}  # fmt: skip


def text(value):
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def number(value):
    size = (value.bit_length() + 8) // 8
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def find(name):
    """A global by its dotted name."""
    module, _, last = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def listed(*items):
    return b"(" + b"".join(items) + b"t"


def call(name, *arguments):
    return find(name) + listed(*arguments) + b"R"


def storage(key="0", kind="FloatStorage", count=4, view=None):
    parts = [text("storage"), find(f"torch.{kind}"), text(key), text("cpu"), number(count)]
    return listed(*parts, *([] if view is None else [view])) + b"Q"


def tensor(place=None, offset=0, size=(4,), stride=(1,)):
    size, stride = listed(*map(number, size)), listed(*map(number, stride))
    hooks = find("collections.OrderedDict") + b")R"
    place = storage() if place is None else place
    return call("torch._utils._rebuild_tensor_v2", place, number(offset), size, stride, b"\x89", hooks)


def mapping(**items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def pickled(value):
    return b"\x80\x02" + value + b"."


def archive(path, value, storages=None, top="archive", packing=zipfile.ZIP_STORED, byteorder=None):
    """A zip archive as of torch.save, whose pickle is `value` and whose storages are {key: bytes}."""
    with zipfile.ZipFile(path, "w", packing) as file:
        file.writestr(f"{top}/data.pkl", pickled(value))
        if byteorder:
            file.writestr(f"{top}/byteorder", byteorder)
        for key, content in ({"0": np.arange(4, dtype="<f4").tobytes()} if storages is None else storages).items():
            file.writestr(f"{top}/data/{key}", content)
        file.writestr(f"{top}/version", b"3\n")
    return path


def legacy(path, value, storages=None, little=b"\x88", protocol=1001, counts=None):
    """The format before the zip archives; storages: {key: array}."""
    storages = {"0": np.arange(4, dtype="<f4")} if storages is None else storages
    counts = counts or {key: array.size for key, array in storages.items()}
    parts = [number(MAGIC), number(protocol), mapping(little_endian=little), value]
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    tail = b"".join(struct.pack("<q", counts[key]) + array.tobytes() for key, array in storages.items())
    path.write_bytes(b"".join(map(pickled, [*parts, keys])) + tail)
    return path


def zip_of(path, entries):
    """A zip archive written field by field: entries are dicts of name, data and what is to be said otherwise of them.

    Keys: flags, method, packed, size (in the directory), place (of its header), skip (write no bytes of its own).
    """
    body, directory = b"", b""
    for entry in entries:
        name, data = entry["name"].encode(), entry["data"]
        method, flags = entry.get("method", 0), entry.get("flags", 0)
        packed, size, crc = (
            entry.get("packed", len(data)),
            entry.get("size", len(data)),
            entry.get("crc", zlib.crc32(data)),
        )
        place = entry.get("place", len(body))
        if not entry.get("skip"):
            body += struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, method, 0, 0, crc, packed, size, len(name), 0)
            body += name + data
        fields = (b"PK\x01\x02", 20, 20, flags, method, 0, 0, crc, packed, size, len(name), 0, 0, 0, 0, 0, place)
        directory += struct.pack("<4s6H3L5H2L", *fields) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path
