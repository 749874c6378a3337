"""A corpus of files that mean harm, or are broken: {name: a function that writes one to a path}.

None of them runs anything when it is read; those that would run a command, if they could, make the file SENTINEL.
"""

import struct
import zipfile

import numpy as np

from tests.zoo.pickles import (
    archive,
    call,
    find,
    legacy,
    listed,
    mapping,
    number,
    pickled,
    storage,
    tensor,
    text,
    zip_of,
)

SENTINEL = "it-ran"
_COMMAND = text(f"touch {SENTINEL}")
_PYTHON = text(f"open({SENTINEL!r}, 'w')")
_NESTED = text("cos\nsystem\n" + f"(S'touch {SENTINEL}'\ntR.")
_FLOATS = np.arange(4, dtype="<f4").tobytes()

VALUES = {
    # globals that would run something
    "os.system": call("os.system", _COMMAND),
    "posix.system": call("posix.system", _COMMAND),
    "builtins.eval": call("builtins.eval", _PYTHON),
    "builtins.exec of Python 2": call("__builtin__.exec", _PYTHON),
    "getattr to reach system": call("builtins.getattr", find("os.path"), text("os")),
    "importlib": call("importlib.import_module", text("os")),
    "subprocess": call("subprocess.check_output", b"](" + _COMMAND + b"e"),
    "torch.load again": call("torch.load", text("other.pth")),
    "torch's own way to a pickle in a pickle": call("torch.storage._load_from_bytes", _NESTED),
    "a pickle in a pickle": call("pickle.loads", _NESTED),
    "marshal": call("marshal.loads", _NESTED),
    "a module as a script": call("runpy.run_path", text("other.py")),
    "a partial call": call("functools.partial", find("os.system"), _COMMAND),
    "__import__": call("builtins.__import__", text("os")),
    "a scalar of NumPy's": call("numpy.core.multiarray.scalar", find("numpy.dtype"), b"U\x08" + bytes(8)),
    "settings of argparse": find("argparse.Namespace") + b")\x81" + mapping(lr=number(1)) + b"b",
    "torch.hub": call("torch.hub.load", text("someone/something"), text("model")),
    "numpy's loader": call("numpy.load", text("other.npy")),
    "a dotted name inside an allowed module": find("torch._utils.os.system") + listed(_COMMAND) + b"R",
    "a name with a space": b"cos\nsystem now\n" + listed(_COMMAND) + b"R",
    "a name with escapes": b"cos\nsys\\x74em\n" + listed(_COMMAND) + b"R",
    "a name that escapes nothing": b"cos\nsys\\tem\\q\n" + listed(_COMMAND) + b"R",
    "a name without end": b"cos\n" + b"a" * 5000 + b"\n",
    "a stacked global": text("os") + text("system") + b"\x93" + listed(_COMMAND) + b"R",
    "a stacked global of other things": number(1) + text("system") + b"\x93",
    "copyreg._reconstructor": call("copyreg._reconstructor", find("os._wrap_close"), find("builtins.object"), b"N"),
    "an object of a class": b"(" + find("os.system") + _COMMAND + b"o",
    "an instance": b"(" + _COMMAND + b"ios\nsystem\n",
    "a new object of a foreign class": find("collections.OrderedDict") + b")\x81",
    "a new object with keywords": find("__torch__.A") + b")}\x92",
    "an extension": b"\x82\x01",
    "an extension of two bytes": b"\x83\x01\x00",
    "an extension of four bytes": b"\x84\x01\x00\x00\x00",
    "a persistent id in text": b"Pstorage\n",
    "a persistent id that is no storage": listed(text("module"), find("torch.FloatStorage"), text("x")) + b"Q",
    "a storage of an unknown type": storage(kind="QInt8Storage"),
    "the state of a tensor": tensor() + mapping(__class__=text("x")) + b"b",
    "a state that would be a call": tensor() + mapping(__setstate__=find("os.system")) + b"b",
    "the state of a global": find("torch.FloatStorage") + mapping(__reduce__=text("x")) + b"b",
    "a call of a dtype": call("torch.float32", number(1)),
    "a call of a text": text("os.system") + listed(_COMMAND) + b"R",
    "a call of a script class's attribute": find("__torch__.A") + b")\x81" + listed() + b"R",
    "arguments that are no tuple": find("torch.Size") + b"](" + number(1) + b"eR",
    "a tensor subclass": call("torch._tensor._rebuild_from_type_v2", find("os.system"), b")", b"}"),
    "a sparse tensor": call("torch._utils._rebuild_sparse_tensor", text("x")),
    "a quantised tensor": call("torch._utils._rebuild_qtensor", text("x")),
    "complex numbers": mapping(a=tensor(storage(kind="ComplexFloatStorage"))),
    "a tensor that is to be negated": call(
        "torch._utils._rebuild_tensor_v2", storage(), number(0), listed(number(4)), listed(number(1)), b"\x89", b"N",
        mapping(neg=b"\x88"),
    ),
    # what would make an error of more than one line, or play with the terminal
    "a key of two lines": mapping(**{"a\nTraceback (most recent call last)": tensor()}),
    "a key that clears the screen": mapping(**{"a\x1b[2J": tensor(offset=9)}),
    "a key that is half a character": mapping(a=b"N") + b"X\x03\x00\x00\x00\xed\xa0\x80" + tensor() + b"s",
    "a class of two lines": text("__torch__") + text("a\nb") + b"\x93" + b"Nb",
    "numbers of a class of two lines": listed(
        text("storage"), text("__torch__") + text("a\nb") + b"\x93", text("0"), text("cpu"), number(4)
    ) + b"Q",
    # memory and time
    "a list in itself": b"]q\x00h\x00a",
    "a dict in itself": b"}q\x00" + text("a") + b"h\x00s",
    "lists of the same lists": b"]" + b"".join(
        b"q" + bytes([i]) + b"0](" + (b"h" + bytes([i])) * 9 + b"e" for i in range(40)
    ),
    "nested too deeply": b"]" * 5000 + b"a" * 4999,
    "a size copied again and again": (
        b"(" + number(1) * 20_000 + b"lq\x000" + (find("torch.Size") + b"h\x00\x85R0") * 2000 + b"N"
    ),
    "a text taken apart again and again": (
        text("a" * 300_000) + b"q\x000" + (find("torch.Size") + b"h\x00\x85R0") * 500 + b"N"
    ),
    "long arguments looked through again and again": (
        b"(" + b"N" * 20_000 + b"tq\x000" + find("torch.device") + b"q\x010" + b"h\x01h\x00R0" * 2000 + b"N"
    ),
    "a long key again and again": text("a" * 300_000) + b"q\x000" + b"}h\x00" * 60 + tensor() + b"s" * 60,
    "a long class again and again": (
        text("__torch__") + b"q\x00" + text("a" * 300_000) + b"q\x0100" + b"h\x00h\x01\x930" * 2000 + b"N"
    ),
    "an integer of megabytes for a key": b"}" + b"\x8b" + struct.pack("<i", 1 << 21) + b"\x01" * (1 << 21) + b"Ns",
    "one tensor under too many names": b"](" + tensor() + b"q\x00" + b"h\x00" * 20_000 + b"e",
    "a text longer than the file": b"\x8d" + struct.pack("<Q", 1 << 40) + b"x",
    "a number longer than the file": b"\x8b" + struct.pack("<i", 1 << 30) + b"\x01",
    "a number of negative length": b"\x8b" + struct.pack("<i", -5),
    "bytes longer than the file": b"B" + struct.pack("<I", 1 << 31),
    "a place in the memo as text": b"Np-1\n",
    "a text with escapes": b"S'\\x41'\n",
    "a decimal of a million digits": b"I" + b"9" * 1_000_000 + b"\n",
    "colliding keys": b"}(" + b"".join(number(i * ((1 << 61) - 1)) + b"N" for i in range(1, 2000)) + b"u",
    # broken programs
    "an empty stack": b"R",
    "a memo never filled": b"h\x07",
    "a mark never set": number(1) + b"t",
    "something left over": number(1) + number(2),
    "an unknown instruction": b"\xff",
    "a bad version": b"\x80\xffN",
    "a frame longer than the file": b"\x95" + struct.pack("<Q", 1 << 40) + b"N",
    "cut off in an argument": b"X\x09\x00",
    "a key without a value": b"}(" + text("a") + b"u",
    "a key that is a list": b"}" + b"]" + b"Ns",
    "items of a list": b"]" + text("a") + b"Ns",
    "items appended to a dict": b"}" + text("a") + b"a",
    "a duplicate of the top": number(1) + b"2",
    "a set": b"\x8f",
    "text that is not UTF-8": b"X\x02\x00\x00\x00\xff\xfe",
    # tensors that reach where they should not
    "a tensor beyond its storage": mapping(a=tensor(size=(5,))),
    "an offset beyond": mapping(a=tensor(offset=4, size=(1,))),
    "a stride beyond": mapping(a=tensor(size=(2,), stride=(4,))),
    "a huge stride": mapping(a=tensor(size=(2,), stride=((1 << 61) - 1,))),
    "a negative offset": mapping(a=tensor(offset=-1)),
    "a negative stride": mapping(a=tensor(offset=3, stride=(-1,))),
    "a negative size": mapping(a=tensor(size=(-4,))),
    "a size whose product overflows": mapping(a=tensor(size=(1 << 30, 1 << 30, 1 << 10), stride=(0, 0, 0))),
    "four numbers over a terabyte": mapping(a=tensor(size=(1 << 40,), stride=(0,))),
    "no numbers in a shape that nothing has": mapping(a=tensor(size=(0, *[1 << 31] * 3), stride=(0,) * 4)),
    "a thousand sides": mapping(a=tensor(size=(1,) * 1000, stride=(1,) * 1000)),
    "sides without strides": mapping(a=tensor(size=(2, 2), stride=(1,))),
    "a size that is text": mapping(
        a=call("torch._utils._rebuild_tensor", storage(), number(0), listed(text("4")), listed(number(1)))
    ),
    "a storage that is missing": mapping(a=tensor(storage(key="../../etc/passwd"))),
    "a storage that is longer than it is": mapping(a=tensor(storage(count=1 << 40), size=(1,))),
    "a view of a view": mapping(a=tensor(storage(view=listed(text("v"), number(3), number(9))), size=(1,))),
    "a storage of two types": mapping(a=tensor(), b=tensor(storage(kind="ByteStorage"))),
    "two tensors of one name": mapping(**{"a.b": tensor(), "a": mapping(b=tensor())}),
}  # fmt: skip


def _claimed(path):
    return zip_of(path, [{"name": "a/data.pkl", "data": b"\x80", "method": 8, "packed": 1, "size": 0xFFFF0000}])


def _bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", pickled(mapping(a=tensor())))
        file.writestr("a/data/0", bytes(64 << 20))
    return path


def _entries(*entries):
    good = {"name": "a/data.pkl", "data": pickled(mapping(a=tensor()))}
    return lambda path: zip_of(path, [good, {"name": "a/data/0", "data": _FLOATS}, *entries])


def _changed(**changes):
    good = {"name": "a/data.pkl", "data": pickled(mapping(a=tensor()))}
    return lambda path: zip_of(path, [good, {"name": "a/data/0", "data": _FLOATS, **changes}])


def _within(path):
    """An entry whose header and bytes lie in another's: an archive can grow without end by such."""
    inner = {"name": "a/data/1", "data": _FLOATS}
    header = zip_of(path, [inner]).read_bytes()[: 30 + len(inner["name"]) + len(_FLOATS)]
    good = {"name": "a/data.pkl", "data": pickled(mapping(a=tensor()))}
    place = 2 * 30 + len(good["name"]) + len(good["data"]) + len("a/data/0")
    return zip_of(path, [good, {"name": "a/data/0", "data": header}, {**inner, "place": place, "skip": True}])


def _locally(at, value):
    """An archive of which the header of the numbers, unlike the directory, has `value` in the field at byte `at`."""

    def write(path):
        content = bytearray(_entries()(path).read_bytes())
        place = content.index(b"a/data/0") - 30 + at
        content[place : place + len(value)] = value
        path.write_bytes(content)

    return write


def _over_a_header(path):
    """An entry whose bytes go on up to those of the next one."""
    long, good = len(_FLOATS) + 30 + len("a/data/1"), {"name": "a/data.pkl", "data": pickled(mapping(a=tensor()))}
    first = {"name": "a/data/0", "data": _FLOATS, "packed": long, "size": long}
    return zip_of(path, [good, first, {"name": "a/data/1", "data": _FLOATS}])


def _in_the_directory(path):
    """An entry whose bytes go on into the directory."""
    long = len(_FLOATS) + 20
    return _changed(packed=long, size=long)(path)


def _many_fields(path):
    """Entries with as many empty extra fields as there is room for."""
    content = bytearray(_entries()(path).read_bytes())
    start, extra = content.index(b"PK\x01\x02"), bytes(0xFFFC)
    first = content[start : start + 46 + len("a/data.pkl")]
    first[30:32] = struct.pack("<H", len(extra))
    directory = (bytes(first) + extra) * 12
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 12, 12, len(directory), start, 0)
    path.write_bytes(bytes(content[:start]) + directory + end)


def _cut(length):
    def write(path):
        path.write_bytes(archive(path, mapping(a=tensor())).read_bytes()[:length])

    return write


def _raw(content):
    return lambda path: path.write_bytes(content)


FILES = {
    **{f"zip: {name}": lambda path, value=value: archive(path, value) for name, value in VALUES.items()},
    "an archive that claims four gigabytes": _claimed,
    "a zip bomb": _bomb,
    "an entry twice": _entries({"name": "a/data/0", "data": _FLOATS}),
    "entries that share bytes": _within,
    "an entry with the next one's header in it": _over_a_header,
    "an entry that goes on into the directory": _in_the_directory,
    "a directory of extra fields": _many_fields,
    "an encrypted entry": _changed(flags=1),
    "an entry that is encrypted where it lies": _locally(6, b"\x01\x00"),
    "an entry that is shorter where it lies": _locally(18, struct.pack("<L", 4)),
    "a byte order that there is not": lambda path: archive(path, mapping(a=tensor()), byteorder="middle"),
    "truth values that are neither": lambda path: archive(
        path, mapping(a=tensor(storage(kind="BoolStorage"))), {"0": b"\x00\x01\x02\xff"}
    ),
    "an entry packed by an unknown method": _changed(method=99),
    "an entry that is longer than the file": _changed(packed=1 << 30, size=1 << 30),
    "an entry at another place": _changed(place=1),
    "an entry beyond the end": _changed(place=1 << 31),
    "an entry that is not packed as it says": _changed(method=8),
    "two pickles": _entries({"name": "b/data.pkl", "data": pickled(b"}")}),
    "an archive without a pickle": lambda path: zip_of(path, [{"name": "readme.txt", "data": b"hello"}]),
    "an archive with a pickle deep inside": lambda path: zip_of(
        path, [{"name": "a/b/data.pkl", "data": pickled(b"}")}]
    ),
    "an archive that is cut off": _cut(200),
    "an archive that is cut off in its end": _cut(-3),
    "an archive of nothing but its end": _raw(b"PK\x03\x04" + b"PK\x05\x06" + bytes(18)),
    "a directory that is said to be huge": _raw(
        b"PK\x03\x04" + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 1 << 30, 4, 0)
    ),
    "legacy: os.system": lambda path: legacy(path, VALUES["os.system"]),
    "legacy: more numbers than there are": lambda path: legacy(path, mapping(a=tensor()), counts={"0": 1 << 50}),
    "legacy: a negative number of numbers": lambda path: legacy(path, mapping(a=tensor()), counts={"0": -1}),
    "legacy: another version": lambda path: legacy(path, mapping(a=tensor()), protocol=7),
    "legacy: cut off": lambda path: path.write_bytes(legacy(path, mapping(a=tensor())).read_bytes()[:-5]),
    "legacy: a storage of two types": lambda path: legacy(path, VALUES["a storage of two types"]),
    "legacy: a storage that no tensor uses": lambda path: legacy(path, b"}"),
    "legacy: without its storages": lambda path: legacy(path, mapping(a=tensor()), storages={}),
    "a pickle that is not PyTorch's": _raw(pickled(VALUES["os.system"])),
    "a harmless pickle that is not PyTorch's": _raw(pickled(b"}")),
    "a pickle of nothing": _raw(b"\x80"),
    "nothing": _raw(b""),
    "a web page": _raw(b"<!DOCTYPE html><html>Please log in</html>"),
    "a tar archive": _raw(b"x" * 257 + b"ustar" + bytes(300)),
    "a safetensors file": _raw(struct.pack("<Q", 2) + b"{}"),
    "a safetensors file whose length begins as a pickle": _raw(struct.pack("<Q", 128) + b"{}" + b" " * 126),
    "noise": _raw(np.random.default_rng(0).bytes(5000)),
}  # fmt: skip
