"""What a process takes of its machine."""

import os
import subprocess
import sys

import pytest

from mindaam import runtime


@pytest.fixture
def cores(monkeypatch):
    """A machine of four cores, and what a process was confined to."""
    taken = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 1, 2, 0})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: taken.append(list(cores)))
    return taken


def rank(number, ranks, role="MS_WORKER"):
    return {"MS_ROLE": role, "DEVICE_ID": str(number), runtime.RANKS_HERE: str(ranks)}


def test_ranks_of_one_machine_share_its_cores_out(cores):
    for number in range(2):
        runtime.take_share_of_cores(rank(number, 2))
    assert cores == [[0, 2], [1, 3]]


def test_a_share_is_taken_once(cores):
    environment = rank(0, 2)
    for _ in range(2):
        runtime.take_share_of_cores(environment)
    assert cores == [[0, 2]] and runtime.RANKS_HERE not in environment


@pytest.mark.parametrize("environment", [{}, rank(0, 1), rank(0, 5), rank(0, 2, "MS_SCHED")])
def test_whoever_is_alone_or_one_of_too_many_keeps_all_cores(cores, environment):
    runtime.take_share_of_cores(environment)
    assert cores == []


LINKED = """
from mindaam import runtime
runtime.link_libraries()
runtime.configure()
import mindspore as ms
print(float((ms.Tensor([1.0]) + 1)[0]))
"""


def test_mindspore_is_linked_beside_other_imports(tmp_path):
    done = subprocess.run([sys.executable, "-c", LINKED], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("2.0\n", "")


def test_without_mindspore_or_a_linker_nothing_is_linked(monkeypatch):
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    runtime._link()
    monkeypatch.undo()
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: object())
    runtime._link()


def test_float32_on_ascend_is_not_hf32(monkeypatch):
    import mindspore as ms

    calls, precision = [], ms.device_context.ascend.op_precision
    monkeypatch.setattr(ms, "set_device", lambda device: calls.append(device))
    monkeypatch.setattr(precision, "conv_allow_hf32", lambda value: calls.append(("conv", value)))
    monkeypatch.setattr(precision, "matmul_allow_hf32", lambda value: calls.append(("matmul", value)))
    runtime.configure("Ascend", mode=None)
    assert calls == ["Ascend", ("conv", False), ("matmul", False)]
