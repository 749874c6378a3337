"""Variables that MindSpore cannot be imported with are taken out before it sees them, and said."""

import os

import mindspore as ms
import pytest

from mindaam import environment, runtime
from mindaam.errors import ConfigError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("GLOG_v", value) for value in ("abc", "7", "-1", "3.0", "٣")),
        ("GLOG_stderrthreshold", "warning"),
        ("GLOG_logtostderr", "yes"),
        ("GLOG_logtostderr", "0"),  # into files, and no folder is named
        ("logger_maxBytes", "1e6"),
        ("logger_backupCount", "-3"),
        *(("OMP_NUM_THREADS", value) for value in ("abc", "0", "-1", "1000000", "2,x", "9" * 5000)),
        ("MINDAAM_RANKS_HERE", "two"),
    ],
)
def test_what_cannot_be_obeyed_is_taken_out_and_said(variable, value):
    variables = {variable: value, "HOME": "/home"}
    told = environment.remove_invalid(variables)
    assert variables == {"HOME": "/home"} and len(told) == 1 and variable in told[0] and "ignored" in told[0]


def test_what_can_be_obeyed_stays(tmp_path):
    variables = {"GLOG_v": " 2 ", "GLOG_logtostderr": "0", "GLOG_log_dir": str(tmp_path / "new")}
    variables |= {"OMP_NUM_THREADS": "4,2", "logger_maxBytes": "50", "MINDAAM_RANKS_HERE": "2"}
    before = dict(variables)
    assert environment.remove_invalid(variables) == [] and variables == before


def test_logs_that_cannot_be_written_go_to_the_terminal(tmp_path):
    (tmp_path / "file").write_text("")
    variables = {"GLOG_logtostderr": "0", "GLOG_log_dir": str(tmp_path / "file")}
    assert len(environment.remove_invalid(variables)) == 1 and "GLOG_logtostderr" not in variables


def test_it_is_done_before_mindspore_is_set_up(monkeypatch):
    monkeypatch.setenv("GLOG_v", "abc")
    with pytest.warns(UserWarning, match="GLOG_v=abc"):
        runtime.configure()
    assert os.environ["GLOG_v"] == "3"  # noqa: SIM112 - as MindSpore spells it


@pytest.mark.parametrize("number", ["", "abc", "99"])
def test_a_rank_without_a_sound_number_shares_all_cores(number):
    cores = os.sched_getaffinity(0)
    runtime.take_share_of_cores({runtime.RANKS_HERE: "2", "MS_ROLE": "MS_WORKER", "DEVICE_ID": number})
    assert os.sched_getaffinity(0) == cores


def test_how_a_device_computes_follows_from_the_environment():
    found = runtime.settings("Ascend", {"HCCL_EXEC_TIMEOUT": "7200", "HOME": "/home"})
    assert found == {
        "device": "Ascend", "kernels": "ascend", "backend": "ms_backend", "jit_level": "O0", "deterministic": False,
        "variables": {"HCCL_EXEC_TIMEOUT": "7200"},
    }  # fmt: skip
    chosen = {"DEVICE_TARGET": "CPU", environment.JIT_LEVEL: "O1", environment.DETERMINISTIC: "1"}
    found = runtime.settings(None, chosen)
    assert (found["device"], found["jit_level"], found["deterministic"]) == ("CPU", "O1", True)
    assert runtime.settings("CPU", {})["jit_level"] == "MindSpore's own choice"


@pytest.mark.parametrize(
    ("variable", "value", "known"),
    [(environment.JIT_LEVEL, "O2", "O0, O1"), (environment.DETERMINISTIC, "yes", "0, 1")],
)
def test_an_unknown_way_to_compute_is_refused(monkeypatch, variable, value, known):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f'{variable} "{value}".*known: {known}'):
        runtime.configure(mode=None)


def test_deterministic_kernels_are_chosen_once(monkeypatch):
    calls = []
    monkeypatch.setattr(ms, "set_deterministic", calls.append)  # MindSpore raises at a second call
    monkeypatch.setattr(runtime, "_is_deterministic", False)
    runtime.configure(mode=None)
    assert calls == []
    monkeypatch.setenv(environment.DETERMINISTIC, "1")
    for _ in range(2):
        runtime.configure(mode=None)
    assert calls == [True]
