"""operators.yaml: what says that MindSpore has a primitive on Ascend; each statement is looked up in the wheel."""

import inspect
import re
from functools import cache
from pathlib import Path

import mindspore as ms

from mindaam.yaml_files import read

DATA = Path(__file__).with_name("operators.yaml")
PLUGIN = Path(ms.__file__).parent / "lib" / "plugin"
KERNELS = PLUGIN / "libmindspore_ops_ascend.so"
ADAPTERS = PLUGIN / "ascend" / "libmindspore_ascend_res_manager.so"
SOURCES = ("kernel", "eager", "adapter", "documented")


@cache
def operators():
    """{primitive: its entry} of operators.yaml."""
    return read(DATA)["operators"]


@cache
def _content(path):
    return path.read_bytes()


def holds(source, name):
    """Whether the installed wheel has what an entry states, one of SOURCES and its name."""
    if source == "documented":
        return "Ascend" in _platforms(name)
    # names of types, as C++ compilers write them: each part behind its length
    if source == "adapter":
        return f"OpAdapterINS1_{len(name) + 2}cz{name}EE".encode() in _content(ADAPTERS)
    within = b"N9mindspore6kernel7pyboost" if source == "eager" else b"N9mindspore6kernel"
    written = f"{len(name)}{name}E".encode()
    found = re.finditer(re.escape(within) + rb"(?:\d+[a-z]\w*?)?" + re.escape(written), _content(KERNELS))
    return any((b"pyboost" in each[0]) == (source == "eager") for each in found)


def _platforms(path):
    """The line below "Supported Platforms" of what lies at a path within mindspore."""
    place = ms
    for part in path.split("."):
        place = getattr(place, part)
    found = re.search(r"Supported Platforms:\s*\n\s*(.*)", inspect.getdoc(place) or "")
    return found[1] if found else ""
