"""How graphs are compiled: level and backend of the environment, seconds of each in the log, no deprecated call."""

import re
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import context, nn

import mindaam
from mindaam import compilation, graphs
from mindaam.environment import JIT_LEVEL
from mindaam.graph_keys import graph_key

X = ms.Tensor(np.ones((2, 2), np.float32))


class Doubled(nn.Cell):
    """2 x."""

    def construct(self, x):
        return x + x


@pytest.mark.parametrize("level", ["O0", "O1"])
def test_the_level_reaches_functions_and_cells(graph, monkeypatch, level):
    monkeypatch.setenv(JIT_LEVEL, level)
    given = {}
    monkeypatch.setattr(ms, "jit", lambda function, **options: given.update(options) or function)
    compilation.jit(Doubled().construct)
    assert given == {"jit_level": level, "backend": "ms_backend"}
    cell = Doubled()
    assert graphs.run(cell, X).asnumpy().tolist() == [[2, 2], [2, 2]]
    assert (cell.jit_config_dict["jit_level"], cell.jit_config_dict["backend"]) == (level, "ms_backend")


def test_on_a_cpu_the_level_is_mindspores_choice(graph, monkeypatch):
    monkeypatch.delenv(JIT_LEVEL, raising=False)
    cell = Doubled()
    graphs.run(cell, X)
    assert not cell.jit_config_dict and compilation._options() == {}


def test_a_stored_graph_is_that_of_one_level(monkeypatch):
    keys = set()
    for level in ("", "O0", "O1"):
        monkeypatch.setenv(JIT_LEVEL, level)
        keys.add(graph_key(Doubled(), (X,)))
    assert len(keys) == 3


def test_a_stored_graph_is_that_of_one_rank(monkeypatch):
    keys = set()
    for rank, ranks in (("0", "2"), ("1", "2"), ("0", "4")):
        monkeypatch.setenv("RANK_ID", rank)
        monkeypatch.setenv("MS_WORKER_NUM", ranks)
        keys.add(graph_key(Doubled(), (X,)))
    assert len(keys) == 3


def test_the_seconds_of_each_graph_are_reported(graph, monkeypatch):
    lines, spent = [], {"compiled": [], "loaded": []}
    monkeypatch.setattr(compilation, "_spent", spent)
    monkeypatch.setattr(compilation, "_report", None)
    assert compilation.summary() is None
    cell = Doubled()
    for _ in range(2):
        graphs.run(cell, X)
    assert len(spent["compiled"]) == 1 and spent["compiled"][0] > 0
    with compilation.reporting(lines.append):
        compilation.record("TrainStep", 41.23, loaded=False)
        compilation.record("Small", 0.2, loaded=True)
    compilation.record("Later", 3.0, loaded=True)
    compilation._spent["loaded"].pop()
    assert lines == ["TrainStep: graph compiled and run once in 41.2 s"]
    assert re.fullmatch(r"graphs: 2 compiled in 4\d\.\d s, 1 loaded in 0\.2 s", compilation.summary())


def test_no_deprecated_parameter_of_mindspore_is_set():
    """Except `enable_compile_cache=False`, with which `graphs` reverts the deprecated call of another program."""
    root, used = Path(mindaam.__file__).parent, []
    for path in root.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        used += [(path.name, name) for name in re.findall(r"\bms\.(?:context\.)?set_context\((\w+)=", code)]
        used += [(path.name, name) for name in re.findall(r"mindspore\.set_context\((\w+)=False", code)]
    assert sorted(used) == [("graphs.py", "enable_compile_cache"), ("runtime.py", "mode")]
    source = Path(context.__file__).read_text(encoding="utf-8").split("def _check_context_deprecated")[1][:4000]
    assert "'runtime_num_threads'" in source and "'mode'" not in source


def test_what_a_command_compiled_is_summed_up_without_what_others_did(monkeypatch):
    monkeypatch.setattr(compilation, "_spent", {"compiled": [5.0], "loaded": []})
    begun = compilation.compiled()
    compilation.record("A", 0.2, loaded=True)
    compilation.record("A", 0.6, loaded=False)
    assert compilation.compiled_since(begun) is None  # quick
    compilation.record("A", 3.0, loaded=False)
    assert compilation.compiled_since(begun) == "graphs: 2 compiled in 3.6 s"
