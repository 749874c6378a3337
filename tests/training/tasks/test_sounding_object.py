"""The sounding-object experiment: learning, exact resume, its configuration, and its least scores."""

import csv
import json

import numpy as np
import pytest

from mindaam import runtime
from mindaam.errors import CheckpointError, ConfigError
from mindaam.schema import merge, read_yaml
from mindaam.training import checkpoint_content
from mindaam.training.loop import forward_backward
from mindaam.training.run import train
from mindaam.training.tasks import sounding_object
from mindaam.training.tasks.sounding_object import SoundingObjectTask, build
from mindaam.zoo.checkpoints import read_safetensors
from tests.training.sounding import RECIPE, SMALL, config, train_clips


@pytest.mark.slow  # a training
def test_it_learns_where_the_objects_are(graph):
    settings = config(steps=40)
    task = SoundingObjectTask(settings, build(settings), train_clips(), None)
    state, losses = checkpoint_content.first_state(task), []
    for part in task.parts(state.place):
        terms, _ = forward_backward(task, state, part, 3e-3)
        loss, kld, cc, similarity, gate = terms.asnumpy()
        assert loss == pytest.approx(kld - cc - similarity + 0.1 * gate, abs=1e-4)
        losses.append(float(loss))
        state = state._replace(number=state.number + 1, done={"model": state.number + 1})
    assert len(losses) == 40
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.2


# ---- whole runs ------------------------------------------------------------------------------------------------------


class KilledError(BaseException):
    """A process that dies, without the grace of an Exception."""


def start(out, *assignments, resume=False):
    out.parent.mkdir(exist_ok=True)
    recipe = out.parent / "small.yaml"
    recipe.write_text(json.dumps(merge(read_yaml(RECIPE), SMALL)))
    return train(recipe, assignments, out=out, resume=resume).folder


def rows(path):
    varying = ("seconds", "waiting", "computing", "memory_mb")
    with open(path, newline="") as file:
        return [{key: value for key, value in row.items() if key not in varying} for row in csv.DictReader(file)]


@pytest.mark.slow  # graphs to compile
def test_a_killed_run_continues_bit_for_bit(graph, tmp_path, monkeypatch, capsys):
    whole = start(tmp_path / "whole")
    after_step = SoundingObjectTask.after_step

    def killed(task, number):
        if number == 5:
            raise KilledError
        return after_step(task, number)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(SoundingObjectTask, "after_step", killed)
        start(tmp_path / "died")
    died = start(tmp_path / "died", resume=True)
    names = {"checkpoints", "latest", "metrics.csv", "gates.csv", "scores.json", "config.yaml", "data.json"}
    assert {path.name for path in whole.iterdir()} == {path.name for path in died.iterdir()} >= names
    ours, theirs = (read_safetensors(run / "checkpoints" / "step-00000006.safetensors") for run in (died, whole))
    assert ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert rows(died / "metrics.csv") == rows(whole / "metrics.csv") and len(rows(died / "metrics.csv")) == 6
    assert rows(died / "gates.csv") == rows(whole / "gates.csv") and len(rows(died / "gates.csv")) == 2
    assert (died / "scores.json").read_text() == (whole / "scores.json").read_text()
    assert "true sound" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="another configuration"):
        start(tmp_path / "died", "attack.p=0", resume=True)
    with pytest.raises(ConfigError, match="contains a run"):
        start(tmp_path / "died")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clips": {"train": 11}}, "even, 4 or more"),
        ({"clips": {"vals": 10}}, "even, 4 or more"),
        ({"with_audio": 3}, "with_audio"),
        ({"silent": 5}, "fewer scenes"),
        ({"size": [30, 32]}, "multiples"),
        ({"model": {"tokens": 4}}, "odd"),
        ({"model": {"heads": 3}}, "multiple of heads"),
        ({"attack": {"p": 2}}, "p must stay"),
        ({"step": 5}, "steps"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_a_tiny_run_is_a_sound_configuration():
    tiny = sounding_object.CONFIG.load(RECIPE, tiny=True)
    assert tiny.steps == 6 and tiny.with_audio == 12


def test_earlier_keys_are_read_with_a_line_each(tmp_path):
    path, lines = tmp_path / "old.yaml", []
    text = RECIPE.read_text()
    for new, old in (("images:", "photographs:"), ("size:", "picture:"), ("audio_width:", "sound_width:")):
        text = text.replace(new, old)
    path.write_text(text.replace("with_audio:", "with_sound:"))
    loaded = sounding_object.CONFIG.load(path, ["model.sound_width=9"], say=lines.append)
    assert loaded == sounding_object.CONFIG.load(RECIPE, ["model.audio_width=9"])
    assert len(lines) == 5 and '"sound_width"' in lines[-1] and '"audio_width"' in lines[-1]


@pytest.mark.slow  # graphs to compile
def test_a_tiny_run(tmp_path):
    run = train(RECIPE, [f"images={SMALL['images']}"], tiny=True, out=tmp_path / "run").folder
    runtime.configure(mode="pynative")
    assert len(rows(run / "metrics.csv")) == 6 and set(json.loads((run / "scores.json").read_text())["kinds"])


@pytest.mark.slow  # minutes: the whole experiment
def test_the_experiment_reaches_its_least_scores(tmp_path):
    run = train(RECIPE, [f"images={SMALL['images']}"], out=tmp_path / "run").folder
    runtime.configure(mode="pynative")
    scores = json.loads((run / "scores.json").read_text())
    kinds = scores["kinds"]
    assert kinds["true sound"]["share"] >= 0.8 and kinds["true sound"]["accuracy"] >= 0.85
    assert abs(kinds["noise"]["share"] - 0.5) <= 0.05 and kinds["noise"]["lean"] <= kinds["no sound"]["lean"] + 0.02
    assert abs(kinds["another clip's sound"]["share"] - 0.5) <= 0.1
    for kind in ("noise", "noise, 0.3 x as loud", "noise, 3 x as loud"):
        assert kinds[kind]["gate"] <= 0.5 * kinds["true sound"]["gate"]
    assert scores["CC of noise with no sound"] >= 0.98
