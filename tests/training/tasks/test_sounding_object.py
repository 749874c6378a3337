"""The sounding-object experiment: its batches, its front end, learning, exact resume, and what it has to reach."""

import csv
import json

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.data.synthetic.sounding_objects import RATE
from mindaam.errors import ConfigError, InputError, TrainingError
from mindaam.places import PACKAGE, configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training.tasks import sounding_object
from mindaam.training.tasks.sounding_model import BANDS, HEARD, PIECES, SAMPLES, SoundingModel, SoundingStep, listen
from mindaam.training.tasks.sounding_object import (
    SoundingConfig,
    batch,
    build,
    clips_of,
    predict,
    right_shares,
    score,
    table,
)
from mindaam.zoo.checkpoints import read_safetensors

RECIPE = configs_dir() / "experiments" / "sounding_object.yaml"
SMALL = {
    "photographs": str(PACKAGE.parent / "examples"),
    "clips": {"train": 12, "held": 10},
    "frames": 4,
    "picture": [32, 32],
    "model": {"width": 16, "sound_width": 8, "heads": 4, "tokens": 3, "reach": 1},
    "with_sound": 4,
    "silent": 1,
    "attack": {"p": 0.5, "weight": 0.1},
    "steps": 6,
    "checkpoint_every": 2,
    "gates_every": 3,
}


def config(**changes):
    return validate(SoundingConfig, merge(read_yaml(RECIPE), merge(SMALL, changes)), "test")


@pytest.fixture(scope="module")
def clips():
    return clips_of(config(), "train")


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_steps_batch_comes_from_seed_and_step(clips):
    first, again, other = (batch(clips, config(), number) for number in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
    assert not np.array_equal(first[0].asnumpy(), other[0].asnumpy())
    frames, heard, truths, attacked, weight = (each.asnumpy() for each in first)
    assert frames.shape == (5, 4, 3, 32, 32) and frames.dtype == np.float32 and np.abs(frames).max() <= 2
    assert heard.shape == (4, 4, 3, HEARD) and heard.dtype == np.float32
    assert truths.shape == (5, 16, 16) and attacked.shape == (4,) and weight == np.float32(0.1)
    np.testing.assert_allclose(truths.sum((1, 2)), 1, atol=1e-5)


def test_pairs_share_a_scene_and_noise_and_silence_look_at_both(clips):
    settings, seen = config(), set()
    alike = [np.sort(densities.mean(0).ravel()) for densities in clips[1].densities]  # sorted, whether mirrored or not
    for number in range(12):
        frames, _, truths, attacked, _ = (each.asnumpy() for each in batch(clips, settings, number))
        np.testing.assert_array_equal(frames[:2], frames[2:4])
        for one, other in ((0, 2), (1, 3)):
            both = (bool(attacked[one]), bool(attacked[other]))
            seen.add(both)
            if both == (False, False):  # one source each
                assert np.minimum(truths[one], truths[other]).sum() < 0.1
            if both == (True, True):
                np.testing.assert_array_equal(truths[one], truths[other])
            if both == (True, False):  # half of what the noise leaves alone lies on the source that the other hears
                assert np.minimum(truths[one], truths[other]).sum() == pytest.approx(0.5, abs=0.06)
        assert any(np.allclose(np.sort(truths[4].ravel()), both) for both in alike)
    assert {(False, False), (True, True), (True, False)} <= seen


def test_without_attack_no_sound_is_replaced(clips):
    settings = config(attack={"p": 0.0})
    assert not any(batch(clips, settings, number)[3].asnumpy().any() for number in range(10))


def test_splits_share_no_scene():
    (train, shown), (held, others) = clips_of(config(), "train"), clips_of(config(), "held")
    assert not {spec.seed for spec in train} & {spec.seed for spec in held}
    assert len(shown.frames) == 12 and len(others.frames) == 10


# ---- what the model hears --------------------------------------------------------------------------------------------


def test_windows_lie_about_times():
    """A click is heard in the piece of the window that it lies in, wherever the frames lie."""
    wave = np.zeros((1, RATE), np.float32)
    wave[0, RATE // 2] = 1.0
    for late in (-0.2, 0.02, 0.15):
        heard = listen(wave, np.array([[0.5 + late]]), 1, 0.1)[0, 0, 0, :PIECES]
        assert heard.argmax() == np.floor(PIECES / 2 - late * RATE / SAMPLES)
    tokens = listen(wave, np.array([[0.5, 0.6]]), 3, 0.1)
    np.testing.assert_allclose(tokens[0, 0, 2], tokens[0, 1, 1], atol=1e-5)  # the same half second
    far = listen(wave, np.array([[-5.0, 9.0]]), 1, 0.1)
    np.testing.assert_array_equal(far[..., : PIECES + BANDS], 0)  # silence beyond the ends


def test_a_louder_sound_differs_in_its_level_alone():
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    soft, loud = (listen(level * wave, np.array([[0.5]]), 1, 0.1)[0, 0, 0] for level in (1, 3))
    np.testing.assert_allclose(soft[:-1], loud[:-1], atol=2e-3)
    assert loud[-1] - soft[-1] == pytest.approx(2 * np.log10(3), abs=1e-3)


# ---- the model -------------------------------------------------------------------------------------------------------


def test_silent_clips_skip_the_fusion():
    ms.set_seed(1)
    model = SoundingModel(16, 8, 4, 3, 1).set_train(False)
    draw = np.random.default_rng(0)
    model.fusion.film.predict.weight.set_data(ms.Tensor(draw.standard_normal((32, 16)), ms.float32))
    frames = ms.Tensor(draw.standard_normal((3, 2, 3, 32, 32)), ms.float32)
    heard = ms.Tensor(draw.standard_normal((3, 2, 3, HEARD)), ms.float32)
    maps, gates = model(frames, heard)
    few, few_gates = model(frames, heard[:1])
    silent, none = model(frames, None)
    assert maps.shape == (3, 2, 16, 16) and gates.shape == (3, 2) and few_gates.shape == (1, 2) and none is None
    np.testing.assert_allclose(maps.asnumpy().sum((2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(few.asnumpy()[:1], maps.asnumpy()[:1], atol=1e-6)
    np.testing.assert_allclose(few.asnumpy()[1:], silent.asnumpy()[1:], atol=1e-6)
    assert np.abs(maps.asnumpy() - silent.asnumpy()).max() > 1e-4


def test_the_right_share_is_that_within_the_masks():
    masks = np.zeros((2, 2, 8, 8), bool)
    masks[:, 0, :4, :4], masks[:, 1, 4:, 4:] = True, True
    maps = np.full((2, 3, 4, 4), 1.0)
    maps[0, :, :2, :2] = 3.0
    np.testing.assert_allclose(right_shares(maps, masks, [0, 1]), [0.75, 0.5])
    np.testing.assert_allclose(right_shares(maps, masks, [1, 0]), [0.25, 0.5])


@pytest.mark.slow  # a training
def test_it_learns_where_the_sources_are(graph, clips):
    settings = config()
    step = SoundingStep(build(settings), settings.optimizer).set_train(True)
    losses = []
    for number in range(40):
        loss, terms = step(step.optimizer.settings(number, 3e-3), *batch(clips, settings, number))
        kld, cc, similarity, gate = terms.asnumpy().tolist()
        assert float(loss.asnumpy()) == pytest.approx(kld - cc - similarity + 0.1 * gate, abs=1e-4)
        losses.append(float(loss.asnumpy()))
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.2


def test_scores_of_every_kind_of_sound(clips):
    settings = config()
    model, held = build(settings), clips_of(settings, "held")
    maps, gates = predict(model, settings, held[1], held[1].wave)
    assert maps.shape == (10, 4, 16, 16) and gates.shape == (10, 4)  # more than are predicted at once
    scores = score(model, settings, held)
    kinds = scores["kinds"]
    assert list(kinds)[:3] == ["true sound", "another clip's sound", "noise"] and len(kinds) == 6
    assert kinds["no sound"]["gate"] is None and 0 < kinds["true sound"]["gate"] < 1
    # untrained, the fusion adds nothing: the same map whatever is heard, and two clips of a scene cancel
    assert all(row["share"] == pytest.approx(0.5, abs=1e-4) for row in kinds.values())
    assert scores["CC of noise with no sound"] == pytest.approx(1, abs=1e-4)
    assert len(table(scores)) == 8


# ---- whole runs ------------------------------------------------------------------------------------------------------


class KilledError(BaseException):
    """A process that dies, without the grace of an Exception."""


def start(out, *assignments, resume=False):
    out.parent.mkdir(exist_ok=True)
    recipe = out.parent / "small.yaml"
    recipe.write_text(json.dumps(merge(read_yaml(RECIPE), SMALL)))
    return sounding_object.train(recipe, assignments, out=out, resume=resume)


def rows(path):
    with open(path, newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow  # graphs to compile
def test_a_run_that_died_goes_on_as_if_nothing_had_been(graph, tmp_path, monkeypatch, capsys):
    whole = start(tmp_path / "whole")
    note = sounding_object.note

    def noted(log, progress, label, step, *told):
        note(log, progress, label, step, *told)
        if step == 5:
            raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(sounding_object, "note", noted)
        start(tmp_path / "died")
    died = start(tmp_path / "died", resume=True)
    names = {"last.safetensors", "steps.csv", "gates.csv", "scores.json"}
    assert {path.name for path in whole.iterdir()} == {path.name for path in died.iterdir()} == names
    ours, theirs = (read_safetensors(run / "last.safetensors") for run in (died, whole))
    assert ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert rows(died / "steps.csv") == rows(whole / "steps.csv") and len(rows(died / "steps.csv")) == 6
    assert rows(died / "gates.csv") == rows(whole / "gates.csv") and len(rows(died / "gates.csv")) == 2
    assert (died / "scores.json").read_text() == (whole / "scores.json").read_text()
    assert "true sound" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="another configuration"):
        start(tmp_path / "died", "attack.p=0", resume=True)
    with pytest.raises(ConfigError, match="holds a run already"):
        start(tmp_path / "died")


def test_a_loss_that_is_not_finite_stops_the_run():
    with pytest.raises(TrainingError, match="step 7"):
        sounding_object.note(None, None, "clips", 7, 1e-3, float("nan"), [0.0] * 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clips": {"train": 11}}, "even numbers"),
        ({"clips": {"vals": 10}}, "even numbers"),
        ({"with_sound": 3}, "with_sound"),
        ({"silent": 5}, "fewer scenes"),
        ({"picture": [30, 32]}, "multiples"),
        ({"model": {"tokens": 4}}, "odd"),
        ({"model": {"heads": 3}}, "multiple of heads"),
        ({"attack": {"p": 2}}, "p must stay"),
        ({"step": 5}, "steps"),
    ],
)
def test_configurations_that_cannot_be(changes, said):
    with pytest.raises(ConfigError, match=said):
        config(**changes)


def test_a_tiny_run_is_a_sound_configuration():
    tiny = validate(SoundingConfig, merge(read_yaml(RECIPE), sounding_object.TINY), "test")
    assert tiny.steps == 6 and tiny.with_sound == 12


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no pictures"):
        clips_of(config(photographs=str(tmp_path)), "train")


@pytest.mark.slow  # graphs to compile
def test_a_tiny_run(tmp_path):
    run = sounding_object.train(RECIPE, [f"photographs={SMALL['photographs']}"], tiny=True, out=tmp_path / "run")
    runtime.configure(mode="pynative")
    assert len(rows(run / "steps.csv")) == 6 and set(json.loads((run / "scores.json").read_text())["kinds"])


@pytest.mark.slow  # minutes: the whole experiment
def test_the_experiment_reaches_what_it_must(tmp_path):
    run = sounding_object.train(RECIPE, [f"photographs={SMALL['photographs']}"], out=tmp_path / "run")
    runtime.configure(mode="pynative")
    scores = json.loads((run / "scores.json").read_text())
    kinds = scores["kinds"]
    assert kinds["true sound"]["share"] >= 0.8 and kinds["true sound"]["accuracy"] >= 0.85
    assert abs(kinds["noise"]["share"] - 0.5) <= 0.05 and kinds["noise"]["lean"] <= kinds["no sound"]["lean"] + 0.02
    assert abs(kinds["another clip's sound"]["share"] - 0.5) <= 0.1
    for kind in ("noise", "noise, 0.3 x as loud", "noise, 3 x as loud"):
        assert kinds[kind]["gate"] <= 0.5 * kinds["true sound"]["gate"]
    assert scores["CC of noise with no sound"] >= 0.98
