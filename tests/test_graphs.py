"""Compiled graphs that are kept between processes: each is read back as itself, in whatever order they are compiled."""

import os
import re
import subprocess
import sys
import time
from _thread import interrupt_main
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam import graphs
from mindaam.errors import ConfigError
from mindaam.graph_folder import GraphFolder
from mindaam.graph_keys import Unknown, graph_key
from mindaam.models.registry import build_model
from mindaam.schema import merge
from mindaam.training.tasks.corpus_objective import prepare
from tests.conftest import ROOT
from tests.models.tiny import CHANGES, NAME

PARTS = ("backbones", "encoders", "phases", "models", "corpus")


def scenario(out, parts, folder=None):
    """What each graph of these parts computed in a process of its own; graphs read back; graphs made."""
    environment = {**os.environ, "GLOG_v": "3", "PYTHONPATH": str(ROOT), graphs.ENABLE: "0"}
    if folder:
        environment |= {graphs.ENABLE: "1", graphs.PATH: str(folder)}
    command = [sys.executable, "-m", "tests.graph_scenario", str(out), *parts]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = re.search(r"(\d+) graphs were read back, (\d+) made", done.stdout)
    with np.load(out) as found:
        return dict(found), *(map(int, counts.groups()) if counts else (0, 0))


def assert_same(one, other):
    assert one.keys() == other.keys() and one
    differ = [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)]
    assert not differ, f"{len(differ)} of {len(one)} differ: {differ[:5]}"


@pytest.mark.slow  # two processes that compile every kind of graph that there is, a third that compiles a few
def test_every_graph_gives_the_same_bits_when_it_is_read_back_in_another_order(tmp_path):
    made = scenario(tmp_path / "made.npz", PARTS, tmp_path / "cache")
    assert made[1] == 0 and made[2] > 25
    read = scenario(tmp_path / "read.npz", PARTS[::-1], tmp_path / "cache")
    assert sum(read[1:]) == made[2] and read[1] > made[2] // 2  # one that is not found costs time and nothing else
    assert_same(read[0], made[0])
    plain = scenario(tmp_path / "plain.npz", PARTS[:2])
    assert_same(plain[0], {name: array for name, array in made[0].items() if name.startswith(PARTS[:2])})


class Scaled(nn.Cell):
    def __init__(self, factor):
        super().__init__()
        self.dense, self.factor = nn.Dense(2, 2), factor

    def construct(self, x):
        return self.dense(x) * self.factor


def test_a_graphs_key_follows_from_what_it_is_and_not_from_values(graph):
    x, wide = ms.Tensor(np.ones((1, 2), np.float32)), ms.Tensor(np.ones((3, 2), np.float32))
    cell = Scaled(2.0)
    key = graph_key(cell, (x,))
    assert key == graph_key(Scaled(2.0), (x * 3,)) and re.fullmatch("[0-9a-f]{64}", key)
    half = Scaled(2.0)
    half.to_float(ms.float16)
    renamed = nn.SequentialCell(Scaled(2.0))[0]
    others = [
        graph_key(Scaled(3.0), (x,)),
        graph_key(cell, (wide,)),
        graph_key(cell, (x,), "jit"),
        graph_key(Scaled(2.0).set_train(True), (x,)),
        graph_key(half, (x,)),
        graph_key(renamed, (x,)),
        graph_key(Scaled(ms.Tensor([2.0])), (x,)),
        graph_key(Scaled(ms.Tensor([3.0])), (x,)),
    ]
    assert len({key, *others}) == 1 + len(others)
    cell(x)
    assert graph_key(cell, (x,)) == key  # MindSpore notes on a Cell that it was compiled


def test_keys_of_models_differ_wherever_their_graphs_do():
    pictures = (ms.Tensor(np.zeros((1, 3, 28, 42), np.float32)),)

    def key(preset="paper", prepared=None, **changes):
        model = build_model(NAME, preset, changes=merge(CHANGES, changes))
        if prepared:
            prepare(model, **prepared)
        return graph_key(model.backbone, pictures), graph_key(model.head, ())

    plain = key()
    assert plain == key()
    heads = [plain[1], key("released")[1], key(head={"gaussians": 3})[1]]
    backbones = [plain[0], key(lora={"last_n_blocks": 1})[0], key(encoder={"heads": 4})[0]]
    backbones += [key(prepared={"precision": "bfloat16"})[0], key(prepared={"recompute": True})[0]]
    assert len(set(heads)) == 3 and len(set(backbones)) == 5


def test_a_cell_that_holds_something_unknown_has_no_key():
    with pytest.raises(Unknown, match="object"):
        graph_key(Scaled(object()), ())


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """No folder is chosen yet, and the user's cache is an empty one."""
    monkeypatch.setattr(graphs, "_folder", None)
    monkeypatch.setattr(graphs, "_store", None)
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "cache"))
    for name in (graphs.ENABLE, graphs.PATH):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(fresh, tmp_path):
    (tmp_path / "file").write_text("")
    fresh.setenv(graphs.ENABLE, "1")
    fresh.setenv(graphs.PATH, str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=f"cannot store compiled graphs in .*set {graphs.PATH} to a writable folder"):
        graphs.keep()
    assert graphs.ENABLE not in os.environ  # MindSpore's own numbering is off in any case


def test_a_cache_that_was_switched_on_in_the_program_is_switched_off(fresh):
    on = {"enable_compile_cache": True}
    fresh.setattr(ms, "get_context", on.get)
    fresh.setattr(ms, "set_context", on.update)
    graphs.keep()
    assert on == {"enable_compile_cache": False}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, "cache/graphs"),
        ({graphs.PATH: "elsewhere"}, "cache/graphs"),  # for graphs of MindSpore's own, and off
        ({graphs.ENABLE: "1", graphs.PATH: "elsewhere"}, "elsewhere/mindaam_graphs"),
        ({graphs.ENABLE: "0"}, None),
        ({graphs.ENABLE: "1", graphs.PATH: "runs", "MS_ROLE": "MS_WORKER"}, "runs/mindaam_graphs"),
        ({"MS_ROLE": "MS_WORKER"}, None),
    ],
)
def test_where_graphs_are_stored(environment, place, fresh, tmp_path):
    fresh.chdir(tmp_path)
    for name, value in environment.items():
        fresh.setenv(name, value)
    for _ in range(2):
        graphs.keep()
        assert os.environ.get(graphs.ENABLE) in (None, "0")
        assert (tmp_path / graphs._folder.path if graphs._folder else None) == (place and tmp_path / place)
    assert graphs.kept() is None and not (tmp_path / "cache").exists()  # nothing is made before the first graph


def test_without_a_folder_for_temporary_files_nothing_is_stored(fresh, tmp_path):
    fresh.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert graphs.run(Scaled(2.0), ms.Tensor(np.ones((1, 2), np.float32)), by=lambda x: x) is not None
    assert graphs.kept() is None and graphs._folder is False


def test_a_process_that_is_stopped_leaves_no_folder(monkeypatch, tmp_path):
    graphs.clear()  # nothing without one
    (tmp_path / "own/rank_0").mkdir(parents=True)
    monkeypatch.setattr(graphs, "_store", SimpleNamespace(own=tmp_path / "own"))
    graphs.clear()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path):
    for name, age in (("mindaam-graphs-old", 90_000), ("mindaam-graphs-new", 80_000), ("other", 90_000)):
        (tmp_path / name / "rank_0").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    graphs._remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mindaam-graphs-new", "other"]


class Compiler:
    """MindSpore's cache, as `_Store` uses it: reads the n-th file, or writes it; a graph is the text `makes`."""

    def __init__(self, store):
        self.store, self.number, self.compiled = store, 0, 0

    def __call__(self, *makes):
        for graph in makes if cache.on else ():
            path = self.store._cache / graphs._name_of(self.number)
            self.number += 1
            if not path.exists():
                path.write_bytes(graph)
                self.compiled += 1
            else:
                assert path.read_bytes() == graph  # otherwise: the wrong graph
        self.compiled += 0 if cache.on else len(makes)
        return makes


class Switch:
    """In place of `_cache_on`: whether the cache is on."""

    on = False

    @contextmanager
    def __call__(self):
        self.on = True
        yield
        self.on = False


cache = Switch()


@pytest.fixture
def store(fresh, tmp_path):
    fresh.setattr("tempfile.tempdir", str(tmp_path))
    fresh.setattr(graphs, "_cache_on", cache)
    fresh.setattr(cache, "on", False)
    fresh.setattr(graphs._Store, "_reads_here", lambda store: True)
    return graphs._Store(GraphFolder(tmp_path / "graphs"))


def test_a_process_takes_graphs_by_their_keys_in_any_order(store):
    first = Compiler(store)
    for graph in (b"one", b"two", b"one", b"three"):
        store.compiled(graph.decode(), lambda graph=graph: first(graph))
    assert (store.made, store.found, first.compiled) == (3, 1, 3)
    later = graphs._Store(store.folder)
    second = Compiler(later)
    for graph in (b"three", b"new", b"one"):
        later.compiled(graph.decode(), lambda graph=graph: second(graph))
    assert (later.made, later.found, second.compiled) == (1, 2, 1)


def test_a_graph_that_was_not_read_is_not_read_as_another_one(store):
    first = Compiler(store)
    store.compiled("one", lambda: first(b"one"))
    store.compiled("one", lambda: None)  # MindSpore had it already
    store.compiled("two", lambda: first(b"two"))
    store.compiled("one", lambda: first(b"one"))
    store.compiled("two", lambda: first(b"two"))
    assert not list(store._cache.iterdir())


def test_two_graphs_in_one_call_are_not_stored(store):
    first = Compiler(store)
    store.compiled("both", lambda: first(b"one", b"two"))
    later = graphs._Store(store.folder)
    second = Compiler(later)
    later.compiled("both", lambda: second(b"one", b"two"))
    assert second.compiled == 2


def test_a_graph_that_mindspore_cannot_write_is_compiled_without_the_cache(store):
    calls = []

    def call():
        calls.append(None)
        if len(calls) == 1:
            raise RuntimeError("cannot write the MindIR file")
        return "result"

    assert store.compiled("key", call) == "result" and store.compiled("key", call) == "result"
    assert len(calls) == 3
    with pytest.raises(RuntimeError, match="something else"):
        store.compiled("other", lambda: (_ for _ in ()).throw(RuntimeError("something else")))


def test_the_first_compilation_is_reported_and_loading_is_not(store, fresh):
    lines, first = [], Compiler(store)
    fresh.setattr(graphs, "_folder", store.folder)
    fresh.setattr(graphs, "_report", None)
    store.compiled("one", lambda: first(b"one"))  # in a library: nothing
    graphs.announce(lines.append)
    store.compiled("one", lambda: first(b"one"))
    assert not lines
    for graph in (b"two", b"three"):
        store.compiled(graph.decode(), lambda graph=graph: first(graph))
    assert lines == ["compiling, once, about 10 s"]


def test_compiling_is_not_called_once_where_nothing_can_be_stored(store, fresh, tmp_path):
    lines, first = [], Compiler(store)
    (tmp_path / "file").write_text("")
    store.folder = GraphFolder(tmp_path / "file" / "graphs")
    fresh.setattr(graphs, "_report", lines.append)
    store.compiled("one", lambda: first(b"one"))
    store.folder = GraphFolder(tmp_path / "graphs")
    store.folder.write("two", graphs.UNWRITABLE)
    fresh.setattr(graphs, "_report", lines.append)
    store.compiled("two", lambda: "result")
    assert lines == 2 * ["compiling, about 10 s"]


def test_a_stop_arrives_outside_the_compiler():
    may_end, ended = Event(), Event()

    def compiler(_):
        interrupt_main()
        may_end.wait(60)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        graphs._in_thread(compiler)(1)
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(60)
    with pytest.raises(ZeroDivisionError):
        graphs._in_thread(lambda x: x / 0)(1)
    assert graphs._in_thread(lambda x: x + 1)(1) == 2


def reader(place, *mode, **environment):
    """`tests.graph_reader` with the user's cache `place`."""
    kept = {name: value for name, value in os.environ.items() if name != graphs.ENABLE}
    environment = {**kept, "GLOG_v": "3", "PYTHONPATH": str(ROOT), "MINDAAM_CACHE": str(place), **environment}
    command = [sys.executable, "-m", "tests.graph_reader", *mode]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answer(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and not err, err[-2000:]
    return out.splitlines()


@pytest.mark.slow  # ten processes
def test_the_users_cache_serves_every_process_and_is_never_in_the_way(tmp_path):
    place = tmp_path / "cache"
    said, values, _ = answer(reader(place, MS_COMPILER_CACHE_ENABLE="0"))
    assert said == "compiling, about 10 s"
    two = [reader(place) for _ in range(2)]  # at the same time
    for process in two:
        lines = answer(process)
        assert lines[-2] == values and lines[-1] in ("0 read, 1 made", "1 read, 0 made")
    assert answer(reader(place)) == [values, "1 read, 0 made"]
    [stored] = (place / "graphs").iterdir()

    stored.write_bytes(stored.read_bytes()[:100])  # cut short by a power failure
    assert answer(reader(place)) == ["compiling, once, about 10 s", values, "0 read, 1 made"]
    assert answer(reader(place)) == [values, "1 read, 0 made"]

    stored.unlink()
    process = reader(place, "kill")  # while it stores its graph
    process.communicate(timeout=300)
    assert process.returncode == -9
    assert answer(reader(place))[-2:] == [values, "0 read, 1 made"]

    (tmp_path / "file").write_text("")
    assert answer(reader(tmp_path / "file")) == [said, values, "0 read, 1 made"]  # no folder can be made there
    assert answer(reader(place, "fork")) == [values, "1 read, 0 made"]


class Halves(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2, 2)

    def construct(self, x):
        """x [B,2] -> two tensors."""
        return self.dense(x), x.sum()


@pytest.fixture
def recalled(graph, tmp_path, monkeypatch):
    """A function: what `run_or_recall` returns as if in a process of its own, and the number of stored files."""
    store = SimpleNamespace(folder=GraphFolder(tmp_path), found=0, compiled=lambda key, call: call())
    monkeypatch.setattr(graphs, "_store", store)
    monkeypatch.setattr(graphs, "_compiled", {})

    def found(cell, x):
        graphs._compiled.clear()
        results = graphs.run_or_recall(cell, tuple(cell.get_parameters()), ms.Tensor(x))
        return [each.asnumpy() for each in results], len(store.folder.files())

    return found


def test_a_result_is_recalled_without_computing(recalled, monkeypatch):
    cell, x = Halves(), np.ones((1, 2), np.float32)
    first, _ = recalled(cell, x)
    monkeypatch.setattr(graphs, "run", None)
    again, files = recalled(cell, x)
    assert files == 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype and one.shape == other.shape


def test_a_result_of_other_weights_or_inputs_or_a_damaged_one_is_not_recalled(recalled, tmp_path):
    cell, x = Halves(), np.ones((1, 2), np.float32)
    first, _ = recalled(cell, x)
    other, files = recalled(cell, 2 * x)
    assert files == 2 and not np.array_equal(other[0], first[0])
    cell.dense.weight.set_data(ms.Tensor(cell.dense.weight.asnumpy() + 1))
    changed, files = recalled(cell, x)
    assert files == 3 and not np.array_equal(changed[0], first[0])
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    np.testing.assert_array_equal(recalled(cell, x)[0][0], changed[0])
