"""`mindaam analyze hierarchy`: its files, its finding, and its errors."""

import csv
import json

import pytest
from PIL import Image

from mindaam import runtime
from mindaam.evaluation.hyperbolic import cosne, hierarchy
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
    monkeypatch.setattr(cosne, "STEPS", 20)
    return runner(capsys)


def test_numbers_image_and_page_are_written(run, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["/somewhere/mindaam", "analyze", "hierarchy", "-o", "a folder"])
    code, said, err = run("analyze", "hierarchy", "--data", make_gaze(tmp_path / "gaze"), "--images", 2, "-o", out)
    assert (code, err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == sorted(hierarchy.FILES)
    settings = json.loads((out / "hierarchy.json").read_text())
    assert settings["finding"] in said and settings["command"] == "mindaam analyze hierarchy -o 'a folder'"
    assert set(settings["conditions"]) == {"free_viewing", "count_people", "judge_emotion"}
    assert settings["data"]["taskfix"] == {"split": "val", "images": 2}
    prompts = sum(each["prompts"] for each in settings["conditions"].values())
    assert settings["prompts"] == prompts >= 24
    points = list(csv.DictReader((out / "points.csv").open()))
    assert [row["kind"] for row in points] == ["anchor"] + prompts * ["prompt"] + 4 * ["image"]
    assert all(float(row["cosne_x"]) ** 2 + float(row["cosne_y"]) ** 2 < 1 for row in points)
    assert len(list(csv.DictReader((out / "prompts.csv").open()))) == prompts
    assert Image.open(out / "hierarchy.png").size[0] > 1000
    page = (out / "hierarchy.html").read_text()
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert page.count('class="note"') == 2 * 2 * len(points) and "osie · free viewing" in page


def test_without_data_the_built_in_conditions_are_analyzed(run, tmp_path):
    assert run("analyze", "hierarchy", "-o", tmp_path)[0] == 0
    settings = json.loads((tmp_path / "hierarchy.json").read_text())
    assert len(settings["conditions"]) == 6 and settings["depths"]["images"]["n"] == 0


def test_errors_are_one_sentence_and_exit_code_2(run, tmp_path, monkeypatch):
    gaze = make_gaze(tmp_path / "gaze")
    monkeypatch.setattr(hierarchy, "MOST", 20)
    for words, part in (
        (["--data", tmp_path / "none"], "is not a folder"),
        (["--data", gaze, "--set", "other"], "other"),
        (["--data", gaze], "lower --images"),
    ):
        code, out, err = run("analyze", "hierarchy", *words, "-o", tmp_path / "out")
        assert (code, out) == (2, "") and part in err and err.count("\n") == 1
