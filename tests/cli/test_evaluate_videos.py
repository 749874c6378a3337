"""`mindaam evaluate` on videos: damage in a batch, a stop in the middle of a video, what a folder of results holds."""

import csv
import json
import re

import numpy as np
import pytest

from mindaam import runtime
from mindaam.inference import predictor
from tests.cli.running import runner
from tests.data.datasets import video_trees
from tests.evaluation.test_videos import Tilted
from tests.fakes import FakeEncoder


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(predictor, "_load", lambda name: Tilted(clip=4))
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)


@pytest.fixture
def mindaam(model, capsys):
    return runner(capsys)


@pytest.fixture
def dhf1k(tmp_path):
    """The folder of a tree of DHF1K, whose split train has two videos."""
    return video_trees.build("dhf1k", "official", tmp_path / "data").folder


def rows_in(folder):
    with open(folder / "rows.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def arguments(folder, *more):
    return "evaluate", "--data", folder.parent, "--set", "dhf1k", "--split", "train", *more


def test_a_folder_has_a_row_for_each_video_and_role(mindaam, dhf1k, tmp_path):
    code, out, err = mindaam(*arguments(dhf1k, "-o", tmp_path / "out"))
    assert code == 0 and "dhf1k, split train: 2 videos" in out
    assert re.fullmatch(r"(mindaam: graphs: .* s\n)?", err)  # of tests before, if any compiled one
    rows = rows_in(tmp_path / "out")
    assert {row["name"] for row in rows} == {"001.AVI", "600.AVI"}
    for name, frames in (("001.AVI", "4"), ("600.AVI", "3")):  # 8 + number % 3 frames, the first five are skipped
        mine = {row["role"]: row for row in rows if row["name"] == name}
        assert {"right", "generic", "center_bias", "uniform"} <= set(mine)
        assert {row["maps"] for row in mine.values()} == {frames}
        assert all(np.isfinite(float(mine["right"][metric])) for metric in ("CC", "SIM", "KLD", "NSS", "AUC_Judd"))
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())["sets"]["dhf1k"]
    assert (stored["kind"], stored["n"], stored["scored"], stored["skipped"]) == ("videos", 2, 2, [])
    assert "audio not used: DHF1K is a dataset of videos without audio (2 videos)" in stored["notes"]


def test_a_video_that_is_damaged_further_on_is_an_error_or_skipped(mindaam, tmp_path):
    folder = video_trees.build("dhf1k", "released", tmp_path / "data").folder
    frame = folder / "DHF1K_train/video/001/images/0008.png"
    frame.write_bytes(frame.read_bytes()[:40] + bytes(60))
    code, _, err = mindaam(*arguments(folder))
    assert code == 2 and str(frame) in err and err.count("\n") == 1
    code, _, err = mindaam(*arguments(folder, "--skip-damaged", "-o", tmp_path / "out"))
    assert code == 2 and str(frame) in err  # the others are scored
    [name] = {row["name"] for row in rows_in(tmp_path / "out")}
    assert "002" in name
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())["sets"]["dhf1k"]
    assert stored["scored"] == 1 and len(stored["skipped"]) == 1 and "001" in stored["skipped"][0]


def test_an_evaluation_that_was_stopped_within_a_video_continues(model, monkeypatch, capsys, dhf1k, tmp_path):
    mindaam = runner(capsys)
    assert mindaam(*arguments(dhf1k, "-o", tmp_path / "whole"))[0] == 0
    passes = []

    class Stopped(Tilted):
        def image_features(self, images):
            passes.append(images)
            if len(passes) == 6:  # in the second video
                raise KeyboardInterrupt
            return super().image_features(images)

    monkeypatch.setattr(predictor, "_load", lambda name: Stopped(clip=4))
    code, _, err = mindaam(*arguments(dhf1k, "-o", tmp_path / "out"))
    assert code != 0 and "--resume continues" in err
    assert {row["name"] for row in rows_in(tmp_path / "out")} == {"001.AVI"}
    monkeypatch.setattr(predictor, "_load", lambda name: Tilted(clip=4))
    assert mindaam(*arguments(dhf1k, "-o", tmp_path / "out", "--resume"))[0] == 0
    assert (tmp_path / "out" / "rows.csv").read_bytes() == (tmp_path / "whole" / "rows.csv").read_bytes()
