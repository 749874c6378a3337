"""`mindaam analyze cost`: what is counted, stored and resumed; one measurement for real."""

import json

import pytest

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.markdown_text import section
from mindaam.evaluation.studies import cost, cost_process
from mindaam.models.flops import forward_flops
from mindaam.models.registry import build_model
from mindaam.zoo import save_trained
from tests.models import tiny
from tests.models.tiny_video import CHANGES, NAME

TIMING = cost.Timing(False, 4, 3, 0.5, 0.4, 7.25, 512.4, 1.5)
CLIP = cost.Timing(True, 16, 3, 4.0, 3.2, 9.0, None, 1.5)


def head(**changes):
    parts = cost.counted(build_model(NAME, changes=CHANGES), [16])
    return {**cost.described(NAME, None, "CPU", 1.0, "mindaam analyze cost it"), "parts": parts, **changes}


def test_parts_add_up_to_the_model():
    model = build_model(NAME, changes=CHANGES)
    parts, stored = cost.counted(model, [16]), [each for _, each in stored_parameters(model)]
    assert sum(each["parameters"] for each in parts.values()) == sum(each.size for each in stored)
    assert sum(each["trained"] for each in parts.values()) == sum(each.size for each in stored if each.requires_grad)
    assert parts["backbone"]["trained"] == 0 < parts["adapters"]["trained"] == parts["adapters"]["parameters"]
    assert {part: each["flops"]["clip of 16"] for part, each in parts.items()} == forward_flops(model, 16, audio=False)


def test_the_first_call_is_compilation_and_the_rest_are_timed(monkeypatch):
    clock, calls = [0.0], []

    def call():
        calls.append(10.0 if not calls else 1.5)
        clock[0] += calls[-1]

    monkeypatch.setattr(cost_process.time, "perf_counter", lambda: clock[0])
    found = cost_process.timed(call, 5.0)
    assert len(calls) == 1 + 3 + 4 and found["calls"] == 4  # 4 s of warm calls, then 5 s
    assert (found["median"], found["least"], found["compiling"]) == (1.5, 1.5, 8.5)


def test_what_a_folder_contains_is_not_measured_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(cost, "in_process", lambda head, clip, count: asked.append((clip, count)) or TIMING)
    assert cost.measured(head(), [(False, 4)], tmp_path) == [TIMING]
    monkeypatch.setattr(cost, "in_process", lambda head, clip, count: asked.append((clip, count)) or CLIP)
    assert cost.measured(head(), [(True, 16), (False, 4)], tmp_path) == [CLIP, TIMING]
    assert asked == [(False, 4), (True, 16)]
    stored = json.loads((tmp_path / "cost.json").read_text())
    assert len(stored["timings"]) == 2 and stored["command"] == "mindaam analyze cost it" and stored["sha256"] is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "cannot be read"), ('{"timings": 3}', "cannot be read"), ("[]", "cannot be read")],
)
def test_a_damaged_folder_is_one_sentence(tmp_path, content, reason):
    (tmp_path / "cost.json").write_text(content)
    with pytest.raises(InputError, match=reason):
        cost.measured(head(), [(False, 4)], tmp_path)


def test_a_folder_of_another_machine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "in_process", lambda *_: TIMING)
    cost.measured(head(hardware="another"), [(False, 4)], tmp_path)
    with pytest.raises(InputError, match="measured with another hardware"):
        cost.measured(head(), [(False, 4)], tmp_path)


def test_the_tables_name_the_machine_and_stand_beside_the_paper():
    parts, measured, paper = cost.tables(head(), [TIMING, CLIP])
    assert parts.rows[-1][0] == "all" and parts.head[-1] == "GFLOP, clip of 16"
    assert measured.rows[0][:2] == ["batch of 4", "8.00 images/s"] and measured.rows[1][1] == "4.00 frames/s"
    assert measured.rows[1][4] == "-" and cost.hardware() in measured.notes[0]
    assert paper.rows[-2][-2] == "111 img/s" and paper.rows[-1][-2] == "4.00 img/s"
    assert "mindaam analyze cost it" in section(measured)
    assert cost.tables(head(), [])[-1].rows[-1][2] == "not run"


def test_a_failed_process_is_one_sentence():
    with pytest.raises(ConfigError, match="batch of 2 ended with code 1: "):
        cost.in_process(head(model="no_such_model"), False, 2)


@pytest.mark.slow  # a process that compiles a tiny model: 15 to 35 s
def test_a_checkpoint_is_measured_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_trained(build_model(tiny.NAME, changes=tiny.CHANGES), path)
    with pytest.raises(ConfigError, match='preset "paper", not "released"'):
        cost.built(str(path), "released")
    found = cost.in_process(head(model=str(path), seconds=0.0), False, 1)
    assert found.count == 1 and found.calls >= 3 and 0 < found.least <= found.median < 5
    assert found.compiling > 0.1 and (found.peak_mb is None or found.peak_mb > 100)
