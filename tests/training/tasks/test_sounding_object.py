"""The sounding-object experiment: its batches, its audio features, learning, exact resume, and its least scores."""

import csv
import json

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.data.synthetic.sounding_objects import RATE
from mindaam.errors import CheckpointError, ConfigError, InputError
from mindaam.places import PACKAGE, configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training import checkpoint_content
from mindaam.training.feeding.sounding_objects import (
    BANDS,
    FEATURES,
    PIECES,
    SAMPLES,
    audio_features,
    batch,
    clips_of,
)
from mindaam.training.loop import forward_backward
from mindaam.training.run import train
from mindaam.training.tasks import sounding_object
from mindaam.training.tasks.sounding_model import SoundingModel
from mindaam.training.tasks.sounding_object import SoundingObjectConfig, SoundingObjectTask, build
from mindaam.training.tasks.sounding_object_scores import predict, right_shares, score, table
from mindaam.zoo.checkpoints import read_safetensors

RECIPE = configs_dir() / "experiments" / "sounding_object.yaml"
SMALL = {
    "images": str(PACKAGE.parent / "examples"),
    "clips": {"train": 12, "held": 10},
    "frames": 4,
    "size": [32, 32],
    "model": {"width": 16, "audio_width": 8, "heads": 4, "tokens": 3, "reach": 1},
    "with_audio": 4,
    "silent": 1,
    "attack": {"p": 0.5, "weight": 0.1},
    "steps": 6,
    "checkpoint_every": 2,
    "gates_every": 3,
}


def config(**changes):
    return validate(SoundingObjectConfig, merge(read_yaml(RECIPE), merge(SMALL, changes)), "test")


@pytest.fixture(scope="module")
def clips():
    return clips_of(config(), "train")


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_steps_batch_comes_from_seed_and_step(clips):
    first, again, other = (batch(clips, config(), number) for number in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    frames, audio, truths, attacked, weight = first
    assert frames.shape == (5, 4, 3, 32, 32) and frames.dtype == np.float32 and np.abs(frames).max() <= 2
    assert audio.shape == (4, 4, 3, FEATURES) and audio.dtype == np.float32
    assert truths.shape == (5, 16, 16) and attacked.shape == (4,) and weight == np.float32(0.1)
    np.testing.assert_allclose(truths.sum((1, 2)), 1, atol=1e-5)


def test_pairs_share_a_scene_and_the_truth_of_noise_and_silence_is_on_both_objects(clips):
    settings, seen = config(), set()
    alike = [np.sort(densities.mean(0).ravel()) for densities in clips[1].densities]  # sorted, whether mirrored or not
    for number in range(12):
        frames, _, truths, attacked, _ = batch(clips, settings, number)
        np.testing.assert_array_equal(frames[:2], frames[2:4])
        for one, other in ((0, 2), (1, 3)):
            both = (bool(attacked[one]), bool(attacked[other]))
            seen.add(both)
            if both == (False, False):  # one object each
                assert np.minimum(truths[one], truths[other]).sum() < 0.1
            if both == (True, True):
                np.testing.assert_array_equal(truths[one], truths[other])
            if both == (True, False):  # half of the truth under noise is on the object that sounds in the other
                assert np.minimum(truths[one], truths[other]).sum() == pytest.approx(0.5, abs=0.06)
        assert any(np.allclose(np.sort(truths[4].ravel()), both) for both in alike)
    assert {(False, False), (True, True), (True, False)} <= seen


def test_without_attack_no_audio_is_replaced(clips):
    settings = config(attack={"p": 0.0})
    assert not any(batch(clips, settings, number)[3].any() for number in range(10))


def test_splits_share_no_scene():
    (train, shown), (held, others) = clips_of(config(), "train"), clips_of(config(), "held")
    assert not {spec.seed for spec in train} & {spec.seed for spec in held}
    assert len(shown.frames) == 12 and len(others.frames) == 10


# ---- audio features -------------------------------------------------------------------------------------------------


def test_windows_lie_about_times():
    """A click is in the piece of the window that has its time, whenever the frames are shown."""
    wave = np.zeros((1, RATE), np.float32)
    wave[0, RATE // 2] = 1.0
    for late in (-0.2, 0.02, 0.15):
        features = audio_features(wave, np.array([[0.5 + late]]), 1, 0.1)[0, 0, 0, :PIECES]
        assert features.argmax() == np.floor(PIECES / 2 - late * RATE / SAMPLES)
    tokens = audio_features(wave, np.array([[0.5, 0.6]]), 3, 0.1)
    np.testing.assert_allclose(tokens[0, 0, 2], tokens[0, 1, 1], atol=1e-5)  # the same half second
    far = audio_features(wave, np.array([[-5.0, 9.0]]), 1, 0.1)
    np.testing.assert_array_equal(far[..., : PIECES + BANDS], 0)  # silence beyond the ends


def test_louder_audio_differs_in_its_level_alone():
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    soft, loud = (audio_features(level * wave, np.array([[0.5]]), 1, 0.1)[0, 0, 0] for level in (1, 3))
    np.testing.assert_allclose(soft[:-1], loud[:-1], atol=2e-3)
    assert loud[-1] - soft[-1] == pytest.approx(2 * np.log10(3), abs=1e-3)


# ---- the model -------------------------------------------------------------------------------------------------------


def test_silent_clips_skip_the_fusion():
    ms.set_seed(1)
    model = SoundingModel(16, 8, 4, 3, 1).set_train(False)
    draw = np.random.default_rng(0)
    model.fusion.film.predict.weight.set_data(ms.Tensor(draw.standard_normal((32, 16)), ms.float32))
    frames = ms.Tensor(draw.standard_normal((3, 2, 3, 32, 32)), ms.float32)
    audio = ms.Tensor(draw.standard_normal((3, 2, 3, FEATURES)), ms.float32)
    maps, gates = model(frames, audio)
    few, few_gates = model(frames, audio[:1])
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
def test_it_learns_where_the_objects_are(graph, clips):
    settings = config(steps=40)
    task = SoundingObjectTask(settings, build(settings), clips, None)
    state, losses = checkpoint_content.first_state(task), []
    for part in task.parts(state.place):
        (loss, kld, cc, similarity, gate), _ = forward_backward(task, state, part, 3e-3)
        assert loss == pytest.approx(kld - cc - similarity + 0.1 * gate, abs=1e-4)
        losses.append(float(loss))
        state = state._replace(number=state.number + 1, done={"model": state.number + 1})
    assert len(losses) == 40
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.2


def test_scores_of_every_kind_of_audio(clips):
    settings = config()
    model, held = build(settings), clips_of(settings, "held")
    maps, gates = predict(model, settings, held[1], held[1].wave)
    assert maps.shape == (10, 4, 16, 16) and gates.shape == (10, 4)  # more than in one batch
    scores = score(model, settings, held)
    kinds = scores["kinds"]
    assert list(kinds)[:3] == ["true sound", "another clip's sound", "noise"] and len(kinds) == 6
    assert kinds["no sound"]["gate"] is None and 0 < kinds["true sound"]["gate"] < 1
    # untrained, the fusion adds nothing: one map for all audio, and two clips of a scene cancel
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
    tiny = sounding_object.load(RECIPE, tiny=True)
    assert tiny.steps == 6 and tiny.with_audio == 12


def test_earlier_keys_are_read_with_a_line_each(tmp_path):
    path, lines = tmp_path / "old.yaml", []
    text = RECIPE.read_text()
    for new, old in (("images:", "photographs:"), ("size:", "picture:"), ("audio_width:", "sound_width:")):
        text = text.replace(new, old)
    path.write_text(text.replace("with_audio:", "with_sound:"))
    loaded = sounding_object.load(path, ["model.sound_width=9"], say=lines.append)
    assert loaded == sounding_object.load(RECIPE, ["model.audio_width=9"])
    assert len(lines) == 5 and '"sound_width"' in lines[-1] and '"audio_width"' in lines[-1]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        clips_of(config(images=str(tmp_path)), "train")


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
