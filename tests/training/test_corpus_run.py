"""A run on pictures and films together: it learns, it goes on where it stopped, and it says what it was trained on."""

import csv
import json

import numpy as np
import pytest

from mindaam import runtime
from mindaam.errors import CheckpointError, ConfigError, InputError
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.training import corpus_run
from mindaam.training.config import OptimizerConfig
from mindaam.training.corpus_run import Run, require_films, train
from mindaam.training.corpus_step import CLIPS, PICTURES, optimizers
from mindaam.zoo.checkpoints import read_safetensors
from mindaam.zoo.factory import create_model
from tests.models.tiny_film import CHANGES, NAME
from tests.training.corpus_root import FILMS, make_corpus
from tests.training.corpus_root import PICTURES as PICTURE_SETS
from tests.training.test_corpus_data import config

RECIPE = configs_dir() / "train" / "corpus.yaml"


@pytest.fixture
def graph():
    """Operator by operator, these would take minutes."""
    runtime.configure(mode="graph")
    yield
    runtime.configure(mode="pynative")


def rows(folder):
    with open(folder / "steps.csv", newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_every_trained_parameter_has_one_optimizer_and_only_matrices_are_decayed():
    model = build_model(NAME, "paper", changes=CHANGES)
    found = optimizers(model, OptimizerConfig(weight_decay=0.1))
    assert set(found) == {PICTURES, CLIPS}
    names = {name: [parameter.name for parameter in each.parameters] for name, each in found.items()}
    assert all(name.startswith("head.temporal.") for name in names[CLIPS])
    together = names[PICTURES] + names[CLIPS]
    trained = {parameter.name for parameter in model.trained_parameters() if parameter.requires_grad}
    assert len(together) == len(set(together)) and set(together) == trained
    for each in found.values():
        assert all((decay > 0) == (p.ndim > 1) for p, decay in zip(each.parameters, each.decays, strict=True))


def test_films_need_temporal_blocks_as_long_as_the_clips():
    model = build_model(NAME, "paper", changes={**CHANGES, "audio": None, "temporal": None})
    with pytest.raises(ConfigError, match=r"no branch for them: give model_changes\.temporal"):
        require_films(model, config())
    model = build_model(NAME, "paper", changes=CHANGES)
    with pytest.raises(ConfigError, match=r"sampling\.clip is 5 and model_changes\.temporal\.clip 16"):
        require_films(model, config(sampling={"clip": 5}))


def test_an_unknown_set_is_named(tmp_path):
    with pytest.raises(InputError, match=r'does not hold salicom \(did you mean "salicon"\?\)'):
        train(RECIPE, [f"data_root={make_corpus(tmp_path / 'data')}", "corpus={salicom: 1}"], tiny=True, out=tmp_path)


@pytest.mark.slow  # graphs to compile
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(graph, tmp_path, monkeypatch):
    root = make_corpus(tmp_path / "data")
    changes = [f"data_root={root}", "checkpoint_every=3", "corpus={osie: 1, salicon: 2, dhf1k: 1, diem: 1}"]
    whole = train(RECIPE, changes, tiny=True, out=tmp_path / "whole")
    assert len(rows(whole)) == 5 and {row["set"] for row in rows(whole)} & set(FILMS)

    step = Run.step

    def stops(run, this):
        if sum(run.done.values()) == 4:
            raise KeyboardInterrupt
        step(run, this)

    monkeypatch.setattr(Run, "step", stops)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, changes, tiny=True, out=tmp_path / "halved")
    monkeypatch.setattr(Run, "step", step)
    with pytest.raises(ConfigError, match="--resume"):
        train(RECIPE, changes, tiny=True, out=tmp_path / "halved")
    halved = train(RECIPE, changes, tiny=True, out=tmp_path / "halved", resume=True)
    assert rows(halved) == rows(whole)
    last = [read_safetensors(folder / "last.safetensors") for folder in (whole, halved)]
    assert last[0].keys() == last[1].keys() and all(np.array_equal(last[0][name], last[1][name]) for name in last[0])

    told = json.loads((whole / "data.json").read_text(encoding="utf-8"))
    assert set(told["train"]) == {"osie", "salicon", "dhf1k", "diem"}
    assert create_model("aam_dinov2_vits14", whole / "best.safetensors").config.temporal.clip == 4
    for other, said in (([*changes, "learning_rate=0.1"], "learning_rate"), (changes, "other data")):
        if said == "other data":
            (root / "SALICON/images/train/COCO_train2014_000000000009.jpg").unlink()
        with pytest.raises(CheckpointError, match=said):
            train(RECIPE, other, tiny=True, out=tmp_path / "halved", resume=True, skip_damaged=True)


@pytest.mark.slow  # graphs to compile
def test_steps_of_pictures_leave_the_temporal_blocks_alone_and_learn(graph, tmp_path):
    root = make_corpus(tmp_path / "data")
    changes = [f"data_root={root}", f"corpus={{{', '.join(f'{name}: 1' for name in PICTURE_SETS)}}}", "warmup_steps=0"]
    changes += ["sampling.steps=30", "learning_rate=0.003"]
    folder = train(RECIPE, changes, tiny=True, out=tmp_path / "run")
    losses = [float(row["loss"]) for row in rows(folder)]
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 0.3
    trained = read_safetensors(folder / "last.safetensors")
    data = corpus_run.merge(corpus_run.read_yaml(RECIPE), corpus_run.TINY_RUN)
    runtime.configure(mode="graph", seed=data["seed"])
    fresh = build_model(data["model"], "paper", changes=data["model_changes"])
    temporal = {p.name: p.asnumpy() for p in fresh.head.temporal.get_parameters()}
    assert temporal and all(np.array_equal(trained[name], value) for name, value in temporal.items())
    assert not any(name.startswith("optimizer.clips") and value.any() for name, value in trained.items())
