"""Runs of a shrunken model: each is trained once, shares its features, and continues after a kill."""

import csv
import os
import signal

import numpy as np
import pytest
import yaml

from mindaam import runtime
from mindaam.cli.main import run as command
from mindaam.errors import InputError, TrainingError
from mindaam.evaluation.ablations import official, rows, running, runs
from mindaam.evaluation.results import save
from mindaam.schema import validate
from mindaam.training.feeding.features import FeatureCache
from mindaam.training.tasks.phases import Phases
from mindaam.zoo.checkpoints import read_safetensors
from mindaam.zoo.run_checkpoints import latest
from tests.evaluation.made import made_evaluation
from tests.training.small import CONFIG, FROZEN, make_gaze, use_stand_ins


class KilledError(BaseException):
    """A process that dies, without the grace of an Exception."""


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    return make_gaze(tmp_path_factory.mktemp("gaze"))


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    use_stand_ins(monkeypatch)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture
def small(tmp_path):
    """Ablations with one run per dataset and a joint one, of the shrunken model."""
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump({**CONFIG, "phases": [FROZEN], "checkpoint_every": 1}))
    single = {"text": "single", "runs": ["osie", "taskfix"], "official": {"scored": "images", "each": True}}
    data = {
        "recipes": {"head": {"base": str(base)}},
        "runs": {
            "osie": {"recipe": "head", "sets": ["osie"]},
            "taskfix": {"recipe": "head", "sets": ["taskfix"]},
            "joint": {"recipe": "head", "sets": ["osie", "taskfix"]},
        },
        "official_recipe": "corpus",
        "kinds": {"images": ["osie", "taskfix"]},
        "ablations": {
            "A": {
                "title": "Joint",
                "rows": {
                    "A1": {**single, "scores": "others", "official": None},
                    "A2": {**single, "official": None},
                    "A3": {"text": "joint", "runs": ["joint"]},
                },
            },
            "B": {"title": "Official", "rows": {"B1": single | {"runs": []}}},
        },
    }
    return validate(rows.Ablations, data, "test")


def run(small, gaze, work, seeds=1):
    return running.run(small, ["A"], runs.Place(gaze, work), seeds, "mindaam analyze ablation A", lambda line: None)


def table(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_every_run_is_trained_once_and_scored_on_all_datasets(small, gaze, tmp_path, monkeypatch):
    work = tmp_path / "work"
    results, finished = run(small, gaze, work)
    assert finished and not [row for row, kind in results[0].not_run if kind == "small"]
    found = {(row["row"], row["run"], row["dataset"]) for row in table(work / "A.csv") if row["metric"] == "CC"}
    assert found == {
        ("A1", "osie", "taskfix"), ("A1", "taskfix", "osie"), ("A2", "osie", "osie"), ("A2", "taskfix", "taskfix"),
        ("A3", "joint", "osie"), ("A3", "joint", "taskfix"),
    }  # fmt: skip
    epoch = table(work / "joint_0" / "epochs.csv")[-1]
    value = next(r["value"] for r in table(work / "A.csv") if (r["row"], r["dataset"]) == ("A3", "osie"))
    assert float(value) == float(epoch["osie_CC"])
    assert {path.name for path in (work / "features").glob("*.json")} == {
        "osie.train.json", "osie.val.json", "taskfix.train.json", "taskfix.val.json",
    }  # fmt: skip
    assert not list(work.glob("*_0/features"))
    monkeypatch.setattr(runs, "train", None)  # nothing is trained again
    assert run(small, gaze, work)[1]


@pytest.mark.slow
def test_the_features_are_computed_once(small, gaze, tmp_path, monkeypatch):
    computed, fill = [], FeatureCache.fill

    def counting(self, compute, image, report=None):
        def counted(pixels):
            computed.append(self.stem)
            return compute(pixels)

        fill(self, counted, image, report)

    monkeypatch.setattr(FeatureCache, "fill", counting)
    run(small, gaze, tmp_path / "work")
    assert {stem: computed.count(stem) for stem in computed} == {
        "osie.train": 8, "osie.val": 2, "taskfix.train": 8, "taskfix.val": 2,
    }  # fmt: skip


@pytest.mark.slow
def test_killed_at_any_step_it_continues_to_the_same_scores(small, gaze, tmp_path):
    run(small, gaze, tmp_path / "whole", seeds=2)
    work, deaths = tmp_path / "killed", 0
    while True:
        count = [0]

        def die_at_the_third(self, number, count=count):
            count[0] += 1
            if count[0] == 3:
                raise KilledError
            return {}

        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(Phases, "after_step", die_at_the_third)
            try:
                finished = run(small, gaze, work, seeds=2)[1]
            except KilledError:
                deaths += 1
                continue
        break
    assert finished and deaths > 3
    assert table(work / "A.csv") == table(tmp_path / "whole" / "A.csv")
    for name in ("joint_1", "osie_0"):
        ours, theirs = (read_safetensors(latest(place / name).path) for place in (work, tmp_path / "whole"))
        assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.slow
def test_killed_before_the_scores_are_written_it_scores_without_training(small, gaze, tmp_path):
    work = tmp_path / "work"
    run(small, gaze, work)
    before = (work / "osie_0" / "scores.json").read_text()
    (work / "osie_0" / "scores.json").unlink()
    steps = len(table(work / "osie_0" / "metrics.csv"))
    assert run(small, gaze, work)[1] and (work / "osie_0" / "scores.json").read_text() == before
    assert len(table(work / "osie_0" / "metrics.csv")) == steps


@pytest.mark.slow
def test_a_request_to_stop_ends_with_a_checkpoint_and_tables(small, gaze, tmp_path, monkeypatch):
    def stop(self, number):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(Phases, "after_step", stop)
        results, finished = run(small, gaze, tmp_path / "work")
    assert not finished and results[0].not_run["A2", "small"] == "1 of 2 runs are not finished"
    assert (tmp_path / "work" / "A.md").is_file()
    assert run(small, gaze, tmp_path / "work")[1]


def test_missing_data_are_named_and_nothing_fails(small, tmp_path):
    (tmp_path / "empty").mkdir()
    results, finished = run(small, tmp_path / "empty", tmp_path / "work")
    assert finished and results[0].not_run["A1", "small"] == "missing: osie, taskfix"
    results, _ = run(small, None, tmp_path / "work")
    assert results[0].not_run["A3", "small"] == "no data folder was given"


def test_damaged_scores_are_one_sentence(small, gaze, tmp_path):
    (tmp_path / "joint_0").mkdir()
    (tmp_path / "joint_0" / "scores.json").write_text('{"osie": 1}')
    with pytest.raises(InputError, match="is damaged"):
        run(small, gaze, tmp_path)


def test_official_rows_are_ordinary_commands(small, gaze, tmp_path, monkeypatch):
    called, place = [], runs.Place(gaze, tmp_path)

    def answer(words):
        called.append(words)
        if words[0] == "evaluate":
            folder = tmp_path / "official" / words[words.index("-o") + 1].split("/")[-2] / "scores"
            folder.mkdir()
            save(made_evaluation(), folder)
        return 0

    monkeypatch.setattr(official, "executed", answer)
    results, finished = running.run(small, ["B"], place, 1, "mindaam", lambda line: None)
    assert finished and [words[0] for words in called] == ["train", "evaluate"] * 2
    assert "corpus={osie: 1}" in called[0] and called[0][-1] == "--resume"
    assert {row["dataset"] for row in results[0].rows if row["run"] == "osie_0"} == {"osie"}
    called.clear()
    assert running.run(small, ["B"], place, 1, "mindaam", lambda line: None)[1] and not called


def test_a_command_that_fails_is_named(small, gaze, tmp_path, monkeypatch):
    monkeypatch.setattr(official, "executed", lambda words: 2)
    with pytest.raises(TrainingError, match="mindaam train corpus .* ended with exit code 2"):
        running.run(small, ["B"], runs.Place(gaze, tmp_path), 1, "mindaam", lambda line: None)


def test_the_command_names_what_is_missing(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    code = command(["analyze", "ablation", "B", "--data", str(tmp_path / "empty"), "-o", str(tmp_path / "work")])
    out = capsys.readouterr().out
    assert code == 0 and "not run: missing: diem, coutrot1" in out and "mindaam train aam_dinov3_vitl16_paper" in out
    assert command(["analyze", "ablation", "Z", "-o", str(tmp_path / "z")]) == 2 and not (tmp_path / "z").exists()
