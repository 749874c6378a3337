"""`mindaam analyze condition-swap|paraphrase|granularity|zero-shot`: on images, videos and stored evaluations."""

import json

import pytest

from mindaam import runtime
from mindaam.evaluation import results
from mindaam.inference import predictor
from tests.cli.running import runner
from tests.cli.test_evaluate_command import gaze  # noqa: F401 - a fixture
from tests.data.datasets import video_trees
from tests.evaluation.made import made_evaluation
from tests.evaluation.test_videos import Tilted
from tests.fakes import FakeEncoder, FakeModel

COMMANDS = ("condition-swap", "paraphrase", "granularity", "zero-shot")


@pytest.fixture
def mindaam(monkeypatch, capsys):
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)
    return runner(capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_is_evaluated_and_studied(mindaam, gaze, tmp_path, monkeypatch, command):  # noqa: F811
    monkeypatch.setattr(predictor, "_load", lambda name: FakeModel())
    words = ["analyze", command, "--data", gaze.parent, "--set", "bright"]
    code, out, err = mindaam(*words, "-o", tmp_path / "out")
    assert (code, err) == (0, "") and "| bright |" in out and f"study: {tmp_path / 'out' / command}.md" in out
    stored = json.loads((tmp_path / "out" / f"{command}.json").read_text())
    assert stored["study"] == command and stored["records"] and stored["evaluations"][0]["sets"]["bright"]["n"] == 2
    before = (tmp_path / "out" / "evaluation" / "rows.csv").read_bytes()
    assert mindaam(*words, "-o", tmp_path / "out")[0] == 0  # what is finished is not evaluated again
    assert (tmp_path / "out" / "evaluation" / "rows.csv").read_bytes() == before
    code, again, _ = mindaam("analyze", command, tmp_path / "out" / "evaluation")
    assert code == 0 and again == out.partition("study: ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_videos_are_studied(mindaam, tmp_path, monkeypatch, command):
    monkeypatch.setattr(predictor, "_load", lambda name: Tilted(clip=4))
    folder = video_trees.build("dhf1k", "official", tmp_path / "data").folder
    words = ["--data", folder.parent, "--set", "dhf1k", "--split", "train", "-o", tmp_path / "out"]
    code, out, err = mindaam("analyze", command, *words)
    assert (code, err) == (0, "") and "| DHF1K |" in out and "2 videos of split train" in out
    values = {each["value"] for each in json.loads((tmp_path / "out" / f"{command}.json").read_text())["records"]}
    assert (
        values
        >= {
            "condition-swap": {"right", "generic", "none", "mismatched", "right - mismatched"},
            "paraphrase": {"standard deviation over paraphrases"},
            "granularity": {"G1", "pool G1", "G4", "pool G4", "G4 - G1"},
            "zero-shot": {"right", "none", "center_bias", "right - none"},
        }[command]
    )


def test_several_evaluations_are_studied_together(mindaam, tmp_path):
    evaluation = made_evaluation()
    for name, rows in (("osie", evaluation.rows_of("osie")), ("avad", evaluation.rows_of("avad"))):
        (tmp_path / name).mkdir()
        sets = {name: evaluation.settings["sets"][name]}
        results.save(results.Evaluation({**evaluation.settings, "sets": sets, "finished": None}, rows), tmp_path / name)
    code, out, err = mindaam("analyze", "zero-shot", tmp_path / "osie", tmp_path / "avad")
    assert code == 0 and "| OSIE |" in out and "| AVAD |" in out and err.count("is unfinished") == 2


def test_errors_are_one_sentence(mindaam, gaze, tmp_path):  # noqa: F811
    for words, part in (
        (["condition-swap"], "either folders of mindaam evaluate or --data"),
        (["paraphrase", tmp_path, "--data", gaze], "either folders of mindaam evaluate or --data"),
        (["granularity", tmp_path / "none"], "evaluation.json"),
        (["zero-shot", "--data", gaze], "name them with --set"),
    ):
        code, out, error = mindaam("analyze", *words)
        assert (code, out) == (2, "") and part in error and error.count("\n") == 1
