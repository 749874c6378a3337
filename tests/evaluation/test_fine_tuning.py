"""Before and after fine-tuning: which entries are scored, with what, and how it is shown."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.cli import train as command
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.prompts.prompting import Prompting
from mindaam.errors import CheckpointError
from mindaam.evaluation import fine_tuning
from mindaam.evaluation.fine_tuning import compare, compared, entries, lines, write
from mindaam.inference.predictor import Predictor
from mindaam.training.feeding.corpus import open_corpus
from tests.evaluation.recording_model import RecordingModel
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus_source import SIZE, encode


class Flat(RecordingModel):
    """Its maps have one value, as those of a model that was not trained; CC is 0."""

    def _maps(self, count, steepness):
        return np.full((count, 1, *self.config.image_size), 0.5, np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    settings = SimpleNamespace(
        name="fake", image_size=SIZE, resize="area", mean=(0.5,) * 3, std=(0.25,) * 3,
        temporal=SimpleNamespace(clip=4), text=SimpleNamespace(name="fake"),
    )  # fmt: skip
    models = {"start": Flat(settings), str(tmp_path / "best.safetensors"): RecordingModel(settings)}
    made = Predictor

    def predictor(model, **options):
        if isinstance(model, RecordingModel):
            return made(model, **options)
        if str(model) not in models:
            raise CheckpointError(f"{model} no longer exists")
        return SimpleNamespace(model=models[str(model)])

    monkeypatch.setattr(fine_tuning, "Predictor", predictor)
    readers = open_corpus(root, None, (), GroundTruth()).val
    config = SimpleNamespace(
        TASK="corpus", start="start", data_root=readers["salicon"].root, prompting=Prompting(),
        validation={"images": 2, "videos": 1},
    )  # fmt: skip
    task = SimpleNamespace(
        held_out={name: readers[name] for name in ("diem", "salicon")}, config=config, encode=encode,
        audio_encoding=None, heard=[],
    )  # fmt: skip
    return SimpleNamespace(folder=tmp_path, task=task)


def test_both_models_are_scored_on_the_same_entries_own_data_first(run):
    steps = []
    found = compare(run, "start", SimpleNamespace(step=steps.append))
    wanted = [("salicon", True, "images"), ("diem", False, "videos")]
    assert [(each.name, each.own, each.kind) for each in found] == wanted
    assert len(steps) == sum(len(entries(run.task, reader)) for reader in run.task.held_out.values()) == 3
    for each in found:
        assert list(each.scores)[:2] == ["before", "after"] and "uniform" in each.scores
        assert each.scores["before"]["CC"].mean == pytest.approx(0.0, abs=1e-6)
        assert each.scores["before"]["KLD"].mean == pytest.approx(each.scores["uniform"]["KLD"].mean, rel=1e-4)
        for metric, change in each.change.items():
            assert change.mean == pytest.approx(each.scores["after"][metric].mean - each.scores["before"][metric].mean)
    stored = json.loads(write(found, run, "start").read_text())
    assert stored["start"] == "start" and list(stored["datasets"]) == ["salicon", "diem"]
    assert stored["datasets"]["salicon"]["change"]["CC"]["mean"] == found[0].change["CC"].mean
    assert stored["datasets"]["diem"]["change"]["CC"]["low"] is None  # one video has no interval


def test_lines_fit_80_columns_and_hold_both_scores_and_the_baselines():
    draw, rows = np.random.default_rng(0), []
    for number in range(12):
        of = {"before": 0.5, "after": 0.6, "center_bias": 0.4, "uniform": 0.0}
        for role, value in of.items():
            noise = 0.01 * draw.standard_normal()
            row = {"name": f"{number}.jpg", "condition": "free_viewing", "role": role}
            rows.append(row | {"CC": value + noise, "SIM": 0.5, "KLD": -10.0 + 100 * value})
    text = list(lines([compared("mine", rows, True, "images"), compared("osie", [], False, "videos")]))
    assert max(map(len, text)) <= 80 and text[1] == "mine: own data, 12 images"
    assert text[2].split() == ["before", "after", "change", "center", "bias", "uniform"]
    cells = text[3].split()
    assert cells[0] == "CC" and float(cells[1]) == pytest.approx(0.5, abs=0.02)
    assert float(cells[3]) == pytest.approx(0.1, abs=0.02) and re.fullmatch(r"\[\+0\.\d{3},", cells[4])
    assert text[-2:] == ["osie: old data, 0 videos", "  no frame with gaze data is in the part that is scored"]


def test_the_command_prints_and_stores_them_and_a_missing_start_is_one_sentence(run, capsys):
    command._compare(run)
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("before and after, on held-out data") and f"stored: {run.folder}" in out
    run.task.config.start = "gone"
    command._compare(run)
    assert capsys.readouterr() == ("", "mindaam: gone no longer exists\n")
    run.task.config.start = None  # a smoke test, which starts from random weights
    command._compare(run)
    assert capsys.readouterr() == ("", "")
