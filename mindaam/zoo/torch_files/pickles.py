"""PyTorch's pickles as data: an interpreter of a short list of opcodes, to which every object is an inert record.

A pickle is a program. This one machine runs just what files of weights are written with: constants, containers, a memo,
and calls of the few functions in `_CALLS`, for which our own stand in. Nothing is imported and nothing of the file is
called; any other opcode or global is refused by name: NumPy's scalars and argparse's settings too, which training
leaves beside the weights in some files. Every step costs no more than what the pickle is long, and copies are counted.
"""

import pickletools
from io import BytesIO
from typing import NamedTuple

from mindaam.errors import CheckpointError

LONGEST = 1 << 26  # bytes of one pickle; those of weights are some hundred kilobytes
MOST = 1_000_000  # opcodes, and parts of all that is copied; a thousand tensors take about forty thousand
_NEWEST = 5  # version of the language that pickles are written in
_LONGEST_NAME = 1000  # of a global
_INTEGER_KEYS = 1 << 60  # below it integers cannot be made to collide in a dict
_CURE = "save its state_dict alone, in PyTorch's zip format, and give that file"


class Global(NamedTuple):
    """A name that a pickle refers to; it is never looked up."""

    module: str
    name: str

    def __str__(self):
        return f"{self.module}.{self.name}"


class StorageRef(NamedTuple):
    """Numbers that lie elsewhere in the file: type such as "FloatStorage", key, how many, and the first one's place."""

    type: str
    key: str
    count: int
    start: int = 0


class TensorRef(NamedTuple):
    """A tensor that is not looked at yet: its storage, and offset, size and stride in elements, all unchecked."""

    storage: StorageRef
    offset: int
    size: tuple
    stride: tuple


class Holder:
    """An object of a TorchScript class: its attributes and nothing else."""

    def __init__(self):
        self.attributes = {}


class _Refused(Exception):
    """What is wrong with the pickle, as the end of a sentence."""


def read_pickle(content, path):
    """The value of the pickle at the beginning of `content` (bytes), and how many bytes it took.

    It is made of None, bool, int, float, str, bytes, list, tuple, dict, Global, StorageRef, TensorRef and Holder, may
    share parts and contain itself. path: what the file is called in errors. Raises CheckpointError.
    """
    stream, machine = BytesIO(content), _Machine()
    try:
        _follow(stream, len(content), machine)
    except _Refused as error:
        raise CheckpointError(f"{path} is not read, because {error}; {_CURE}") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        reason = " ".join(f"{error}".split())[:100] or type(error).__name__
        raise CheckpointError(f"{path} is damaged: its pickle cannot be followed ({reason}); fetch it again") from error
    return machine.result, stream.tell()


def _follow(stream, length, machine):
    """Takes one step after the other until the pickle says that it ends; an argument is read once its step is known."""
    for _ in range(MOST):
        code = stream.read(1)
        if not code:
            raise ValueError("it ends without a STOP instruction")
        if code not in _OPCODES:
            raise _Refused(f"its pickle has the instruction {code!r}, which nothing writes")
        name, argument = _OPCODES[code].name, _OPCODES[code].arg
        if name not in _STEPS:
            raise _Refused(f"its pickle has the instruction {name}, which no file of weights needs")
        if argument is not None:
            argument = _two_lines(stream) if name == "GLOBAL" else argument.reader(stream)
        if name == "FRAME" and argument > length - stream.tell():
            raise ValueError("a frame of it is longer than what is there")
        _STEPS[name](machine, argument)
        if name == "STOP":
            return
    raise _Refused(f"its pickle has more than {MOST} instructions, which no file of weights needs")


def _two_lines(stream):
    """Module and name of a global as they are; the standard library's reader would take a backslash for an escape."""
    lines = [stream.readline(_LONGEST_NAME + 1) for _ in range(2)]
    if not all(line.endswith(b"\n") for line in lines):
        raise ValueError("a name in it has no end")
    return [line[:-1].decode() for line in lines]


class _Machine:
    """The stack, the stacks below the marks, and the memo of a pickle that is being followed."""

    def __init__(self):
        self.stack, self.below, self.memo, self.result = [], [], {}, None
        self.copied = 0

    def push(self, value):
        self.stack.append(value)

    def mark(self, _):
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self):
        """All values above the topmost mark, which go."""
        if not self.below:
            raise ValueError("a mark is missing")
        values, self.stack = self.stack, self.below.pop()
        return values

    def last(self, count):
        """The topmost `count` values, which go."""
        if len(self.stack) < count:
            raise IndexError("it takes more from its stack than is there")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def copying(self, value):
        """Counts what is copied or looked through, because a short pickle can have a long list copied often."""
        self.copied += len(value) if type(value) in (list, tuple, dict, str, bytes) else 0
        if self.copied > MOST:
            raise _Refused("it copies more than any file of weights needs")

    def begin(self, version):
        if version > _NEWEST:
            raise _Refused(f"its pickle is of the version {version}, which nothing writes")

    def remember(self, index):
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index):
        if index not in self.memo:
            raise ValueError("it reads an undefined memo entry")
        self.push(self.memo[index])

    def extend(self, values):
        target = self.stack[-1]
        if type(target) is not list:
            raise _Refused(f"it appends to {_called(target)}")
        target.extend(values)

    def fill(self, values):
        target = self.stack[-1]
        if type(target) is not dict:
            raise _Refused(f"it sets items of {_called(target)}")
        target.update(_pairs(values))

    def find(self, module, name):
        if type(module) is not str or type(name) is not str or len(module) + len(name) > _LONGEST_NAME:
            raise _Refused("it builds the name of a global at run time")
        found = Global(module, name)
        if str(found) not in _KNOWN and not _is_script(found):
            raise _Refused(
                f"it wants {str(found)[:200]!r} to be imported, and only tensors and plain containers are read"
            )
        self.push(found)

    def call(self, _):
        function, arguments = self.last(2)
        if type(arguments) is not tuple:
            raise _Refused(f"it calls something with {_called(arguments)} for arguments")
        if type(function) is Global and _is_script(function):
            return self.push(Holder())
        if type(function) is not Global or str(function) not in _CALLS:
            raise _Refused(f"it calls {_called(function)}")
        self.copying(arguments)
        for argument in arguments:
            self.copying(argument)
        return self.push(_CALLS[str(function)](*arguments))

    def create(self, _):
        kind, _arguments = self.last(2)
        if type(kind) is not Global or not _is_script(kind):
            raise _Refused(f"it creates an object of {_called(kind)}")
        self.push(Holder())

    def build(self, _):
        (state,) = self.last(1)
        target = self.stack[-1]
        self.copying(state)
        if type(target) is Holder:
            target.attributes.update(state if type(state) is dict else {"state": state})
        elif type(target) is not dict:  # of an OrderedDict they are attributes, such as the versions of modules
            raise _Refused(f"it sets the state of {_called(target)}")

    def storage(self, _):
        (what,) = self.last(1)
        if type(what) is not tuple or len(what) not in (5, 6) or what[0] != "storage" or type(what[1]) is not Global:
            raise _Refused("it refers to something outside that is no storage")
        _, kind, key, _device, count, *view = what
        if str(kind) not in STORAGES:
            raise _Refused(f"it stores numbers as {_called(kind)}, which is not read here")
        start = 0
        if view and view[0] is not None:  # of the old format: a part of a storage that others share
            _, start, count = view[0]
        if type(key) is not str or not _counts((count, start)):
            raise _Refused("it describes a storage by other things than a key and numbers")
        self.push(StorageRef(str(kind), key, count, start))

    def stop(self, _):
        (self.result,) = self.last(1)
        if self.stack or self.below:
            raise ValueError("it ends in the middle of something")


def _is_script(found):
    return found.module == "__torch__" or found.module.startswith("__torch__.")


def _called(value):
    return repr(str(value)[:200]) if type(value) is Global else f"something of the type {type(value).__name__}"


def _counts(values):
    return all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _pairs(values):
    """[key, value, key, value, ...] as a dict, whose keys are texts or numbers."""
    if len(values) % 2:
        raise ValueError("a key without a value")
    for key in values[::2]:
        if type(key) not in (str, int, bool) or not (type(key) is str or -_INTEGER_KEYS < key < _INTEGER_KEYS):
            raise _Refused(f"a dict of it has {_called(key)} for a key")
    return dict(zip(values[::2], values[1::2], strict=True))


def _ordered_dict(items=()):
    """OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it."""
    return _pairs([part for key, value in items for part in (key, value)])


def _tensor(storage, offset, size, stride, _gradient=False, _hooks=None, metadata=None):
    if type(storage) is not StorageRef or type(size) is not tuple or type(stride) is not tuple:
        raise _Refused("it describes a tensor by other things than a storage and numbers")
    if not _counts((offset, *size, *stride)):
        raise _Refused("a tensor of it has a size, stride or offset that is negative, huge, or not a number")
    if metadata:  # that its numbers are meant negated or conjugated
        raise _Refused("a tensor of it is to be computed from the numbers that are stored")
    return TensorRef(storage, offset, size, stride)


def _first(value, *_):
    return value


STORAGES = {
    "torch.FloatStorage": "f4", "torch.DoubleStorage": "f8", "torch.HalfStorage": "f2", "torch.BFloat16Storage": "bf16",
    "torch.LongStorage": "i8", "torch.IntStorage": "i4", "torch.ShortStorage": "i2", "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip
_CALLS = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.Size": tuple,
    "torch.device": lambda *_: None,
    # of TorchScript's archives
    "torch.jit._pickle.build_intlist": _first,
    "torch.jit._pickle.build_doublelist": _first,
    "torch.jit._pickle.build_boollist": _first,
    "torch.jit._pickle.build_tensorlist": _first,
    "torch.jit._pickle.restore_type_tag": _first,
}
_DTYPES = (
    "float32", "float", "float64", "double", "float16", "half", "bfloat16", "int64", "long", "int32", "int16", "int8",
    "uint8", "bool",
)  # fmt: skip
_KNOWN = {*_CALLS, *STORAGES, *(f"torch.{name}" for name in _DTYPES)}

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
# Instructions whose arguments are lines of text are of the first version, which PyTorch never wrote.
_CONSTANTS = (
    "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
)  # fmt: skip
_STEPS = {
    **dict.fromkeys(_CONSTANTS, _Machine.push),
    "PROTO": _Machine.begin,
    "FRAME": lambda machine, _: None,
    "STOP": _Machine.stop,
    "MARK": _Machine.mark,
    "POP": lambda machine, _: machine.last(1),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.last(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.last(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.last(3))),
    "DICT": lambda machine, _: machine.push(_pairs(machine.since_mark())),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.fill(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.fill(machine.since_mark()),
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": lambda machine, argument: machine.find(*argument),
    "STACK_GLOBAL": lambda machine, _: machine.find(*machine.last(2)),
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.create,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.storage,
}
