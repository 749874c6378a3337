"""`mindaam analyze prompt-effect`: its files, resuming, and its errors."""

import json

import pytest

from mindaam import runtime
from mindaam.inference import predictor
from tests.cli.running import runner
from tests.evaluation.hyperbolic.small_predictor import small_model
from tests.training.small import FakeSentenceEncoder, make_gaze


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line with a small model."""
    monkeypatch.setattr(predictor, "_load", lambda name: small_model())
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeSentenceEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)
    return runner(capsys)


def test_the_shares_are_printed_and_written(run, tmp_path):
    gaze, out = make_gaze(tmp_path / "gaze"), tmp_path / "out"
    code, said, err = run("analyze", "prompt-effect", "--data", gaze, "-o", out)
    assert (code, err) == (0, "") and said.startswith("conditions ") and "all pairs" in said
    stored = json.loads((out / "prompt_effect.json").read_text())
    assert stored["dataset"] == "taskfix" and stored["results"]["images"] == 2 and stored["results"]["pairs"] == 1
    assert stored["results"]["all"]["share_e"]["share"] > 0
    assert len((out / "rows.csv").read_text().splitlines()) == 3
    assert run("analyze", "prompt-effect", "--data", gaze, "-o", out)[0] == 0  # nothing is left to do
    code, _, err = run("analyze", "prompt-effect", "--data", gaze, "--split", "train", "-o", out)
    assert code == 2 and "other settings" in err


def test_errors_are_one_sentence_and_exit_code_2(run, tmp_path):
    gaze = make_gaze(tmp_path / "gaze")
    for words, part in ((["--set", "osie"], "several conditions"), (["--set", "other"], "other")):
        code, out, err = run("analyze", "prompt-effect", "--data", gaze, *words, "-o", tmp_path / "out")
        assert (code, out) == (2, "") and part in err and err.count("\n") == 1
