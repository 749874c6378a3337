"""Compiled graphs that are kept between processes: each is read back as itself, in whatever order they are compiled."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam import graphs
from mindaam.errors import ConfigError
from mindaam.graph_keys import Unknown, graph_key
from mindaam.models.registry import build_model
from mindaam.schema import merge
from mindaam.training.tasks.corpus_objective import prepare
from tests.conftest import ROOT
from tests.models.tiny import CHANGES, NAME

PARTS = ("backbones", "encoders", "phases", "models", "corpus")


def scenario(out, parts, cache=None):
    """What each graph of these parts computed in a process of its own; graphs read back; graphs made."""
    environment = {**os.environ, "GLOG_v": "3", "PYTHONPATH": str(ROOT)}
    for name in (graphs.ENABLE, graphs.PATH):
        environment.pop(name, None)
    if cache:
        environment |= {graphs.ENABLE: "1", graphs.PATH: str(cache)}
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


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(graphs.ENABLE, "1")
    monkeypatch.setenv(graphs.PATH, str(tmp_path / "file"))
    monkeypatch.setattr(graphs, "_store", None)
    with pytest.raises(ConfigError, match=f"cannot store compiled graphs in .*set {graphs.PATH} to a writable folder"):
        graphs.keep()
    assert graphs.ENABLE not in os.environ  # MindSpore's own numbering is off in any case


def test_a_cache_that_was_switched_on_in_the_program_is_switched_off(monkeypatch):
    on = {"enable_compile_cache": True}
    monkeypatch.setattr(ms, "get_context", on.get)
    monkeypatch.setattr(ms, "set_context", on.update)
    graphs.keep()
    assert on == {"enable_compile_cache": False} and graphs.kept() is None


@pytest.mark.parametrize("environment", [{}, {graphs.ENABLE: "0"}, {graphs.ENABLE: "1", "MS_ROLE": "MS_WORKER"}])
def test_nothing_is_kept_unasked_or_by_one_of_several_ranks(environment, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graphs, "_store", None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    graphs.keep()
    assert graphs.kept() is None and graphs.ENABLE not in os.environ and not list(tmp_path.iterdir())


def test_a_process_that_is_stopped_leaves_no_folder(monkeypatch, tmp_path):
    graphs.clear()  # nothing without one
    (tmp_path / "own/rank_0").mkdir(parents=True)
    monkeypatch.setattr(graphs, "_store", SimpleNamespace(own=tmp_path / "own"))
    graphs.clear()
    assert not list(tmp_path.iterdir())
