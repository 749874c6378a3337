"""A run on pictures and films together: it learns, survives, and says what it was trained on."""

import csv
import json
import os
import signal
from functools import partial
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
import yaml

from mindaam import runtime
from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.packs.packing import pack
from mindaam.encoders.tables import is_table
from mindaam.errors import CheckpointError, ConfigError, InputError, TrainingError
from mindaam.evaluation.validation import SCORER
from mindaam.models.registry import build_model, model_config
from mindaam.places import configs_dir
from mindaam.training import checkpoint_content, checkpoints, loop, run
from mindaam.training.checkpoint_content import State
from mindaam.training.feeding.corpus import open_data
from mindaam.training.feeding.corpus_source import CLIPS_WITH_AUDIO, AudioEncoding
from mindaam.training.loop import scored
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.starting import open_audio_encoding
from mindaam.training.tasks import corpus as task_corpus
from mindaam.training.tasks.corpus import CorpusTask, require_temporal
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import PARTS, SHARED, SOUND, TEMPORAL, optimizers
from mindaam.training.tasks.task import Setup
from mindaam.zoo.factory import create_model
from tests.data.datasets import image_trees
from tests.models.tiny_video import CHANGES, NAME
from tests.training.corpus_root import PICTURES as PICTURE_SETS
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus import config
from tests.training.feeding.test_corpus_source import loudness

train = partial(run.train, scorer=SCORER)  # as the command line does
RECIPE, FINE_TUNING = (configs_dir() / "train" / f"{name}.yaml" for name in ("corpus", "finetune"))


def rows(folder):
    told = ("seconds", "waiting", "computing", "memory_mb")
    with open(folder / "metrics.csv", newline="") as file:
        return [{key: value for key, value in row.items() if key not in told} for row in csv.DictReader(file)]


def assert_best_is_latest(folder):
    """That the best model of a run is that of its last checkpoint."""
    best, latest = (create_model("aam_dinov2_vits14", folder / name) for name in ("best", "latest"))
    assert latest.config == best.config and all(
        np.array_equal(mine.asnumpy(), theirs.asnumpy())
        for mine, theirs in zip(latest.get_parameters(), best.get_parameters(), strict=True)
    )


def test_every_trained_parameter_has_one_optimizer():
    model = build_model(NAME, "paper", changes=CHANGES)
    found = optimizers(model, config())
    assert set(found) == {SHARED, TEMPORAL, SOUND} == set(PARTS)
    names = {name: [parameter.name for parameter in each.parameters] for name, each in found.items()}
    assert all(name.startswith("head.temporal.") for name in names[TEMPORAL])
    assert all(name.startswith("head.fusion.") for name in names[SOUND])
    together = [name for each in names.values() for name in each]
    assert any(map(is_table, (path for path, _ in model.parameters_and_names())))  # of dropout among them
    assert not any(map(is_table, (*together, *(parameter.name for parameter in model.trained_parameters()))))
    trained = {parameter.name for parameter in model.trained_parameters() if parameter.requires_grad}
    assert len(together) == len(set(together)) and set(together) == trained
    for each in found.values():
        assert all((decay > 0) == (p.ndim > 1) for p, decay in zip(each.parameters, each.decays, strict=True))


def test_videos_need_temporal_blocks_as_long_as_the_clips():
    model = build_model(NAME, "paper", changes={**CHANGES, "audio": None, "temporal": None})
    with pytest.raises(ConfigError, match=r"no branch for them: give model_changes\.temporal"):
        require_temporal(model, config())
    model = build_model(NAME, "paper", changes=CHANGES)
    with pytest.raises(ConfigError, match=r"sampling\.clip is 5 and model_changes\.temporal\.clip 16"):
        require_temporal(model, config(sampling={"clip": 5}))


def test_packs_that_do_not_hold_what_the_model_takes_are_refused_before_a_step(tmp_path, monkeypatch):
    image_trees.build("osie", "official", tmp_path / "OSIE")
    pack(open_found(find_set(tmp_path, "osie"), "train"), tmp_path / "packs/osie.train", (32, 32), workers=0)
    model = SimpleNamespace(config=model_config("aam_dinov2_vits14", "released"))
    monkeypatch.setattr(task_corpus, "start_model", lambda config: model)
    with pytest.raises(InputError, match=r"32 x 32, resized by 'area', and .* 336 x 336 by 'antialiased'.*data pack"):
        train(RECIPE, [f"data_root={tmp_path / 'packs'}"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_held_out_splits_the_newest_model_is_kept(monkeypatch, tmp_path):
    kept, said, state = [], [], State(number=1)
    logs, progress = SimpleNamespace(epoch=lambda row: None), SimpleNamespace(say=said.append)
    monkeypatch.setattr(loop, "save_trained", lambda model, *_: kept.append(model.number))
    model = SimpleNamespace(set_train=lambda on: None, number=0)
    task = SimpleNamespace(
        model=model, held_out={}, scorer=None, world=ALONE, audio_encoding=None, heard=(), encode=None,
        config=config(), ema=None, header={},
    )  # fmt: skip
    task.score = partial(CorpusTask.score, task)
    for model.number in (1, 2):
        state, score = scored(task, state, Setup(tmp_path, ALONE, progress), logs)
        assert score == state.best == 0.0
    assert kept == [1, 2] and said[-1] == "epoch 0: the newest model is kept"
    assert CorpusTask.finish(task, tmp_path, 0.0) == [f"done: {tmp_path / 'best.safetensors'} is the newest model"]


def test_an_audio_encoder_that_is_not_here_is_stated_once():
    class Line:
        said = []

        def say(self, line):
            self.said.append(line)

    model = build_model(NAME, "paper", changes={**CHANGES, "audio": {**CHANGES["audio"], "name": "wav2clip"}})
    assert open_audio_encoding(model.config, Line()) is None
    assert Line.said == ["videos are trained and scored without audio: the weights of wav2clip are not installed"]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (None, "neither mix.data_root nor MINDAAM_GAZE is set"),
        ("gone", "MINDAAM_GAZE names gone, which is not a folder"),
    ],
)
def test_old_data_are_mixed_in_where_they_are(tmp_path, monkeypatch, place, says):
    class Line:
        said = []

        def say(self, line):
            self.said.append(line)

        def passing(self, line):
            pass

    monkeypatch.setenv("MINDAAM_GAZE", place) if place else monkeypatch.delenv("MINDAAM_GAZE", raising=False)
    mine, old = tmp_path / "mine", tmp_path / "old"
    image_trees.build("cat2000", "official", mine / "CAT2000")
    image_trees.build("osie", "official", old / "OSIE")
    changes = [f"data_root={mine}"]
    corpus, weights = open_data(CorpusConfig.load(FINE_TUNING, changes), False, Line())
    assert (list(corpus.train), weights) == (["cat2000"], {})
    [line] = Line.said
    assert line.startswith("no old data are added: ") and line.endswith(says)

    (tmp_path / "empty").mkdir()
    for where, why in (
        ("empty", "contains no pack, gaze folder or dataset"),
        ("mine", "already part of the training data"),
    ):
        monkeypatch.setenv("MINDAAM_GAZE", str(tmp_path / where))
        corpus, weights = open_data(CorpusConfig.load(FINE_TUNING, changes), False, Line())
        assert (list(corpus.train), weights) == (["cat2000"], {}) and why in Line.said.pop()
    with pytest.raises(InputError, match="contains no pack"):
        open_data(CorpusConfig.load(FINE_TUNING, [*changes, f"mix.data_root={tmp_path / 'empty'}"]), False, Line())

    monkeypatch.setenv("MINDAAM_GAZE", str(old))
    corpus, weights = open_data(CorpusConfig.load(FINE_TUNING, changes), False, Line())
    assert set(corpus.train) == {"cat2000", "osie"} and weights["osie"] > 0 and len(Line.said) == 1
    with pytest.raises(InputError, match="gone is not a folder"):  # one that is named must be there
        open_data(CorpusConfig.load(FINE_TUNING, [*changes, "mix.data_root=gone"]), False, Line())


def test_an_unknown_set_is_named(tmp_path):
    with pytest.raises(InputError, match=r'does not contain salicom \(did you mean "salicon"\?\)'):
        train(RECIPE, [f"data_root={make_corpus(tmp_path / 'data')}", "corpus={salicom: 1}"], tiny=True, out=tmp_path)


@pytest.mark.slow  # graphs to compile
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(graph, tmp_path, monkeypatch):
    root = make_corpus(tmp_path / "data")
    changes = [f"data_root={root}", "checkpoint_every=2", "corpus={osie: 1, salicon: 2, dhf1k: 1, diem: 1}"]
    changes += ["ema.decay=0.9", "model_changes.lora.dropout=0.1", "sampling.steps=6", "clip_norm=1.0"]
    whole = train(RECIPE, changes, tiny=True, out=tmp_path / "whole")
    assert whole.finished and len(rows(whole.folder)) == 6
    assert {row["kind"] for row in rows(whole.folder)} == {"pictures", "clips"}
    of_part = loop.forward_backward

    def asked_in_step(number):
        def asked(task, state, *others):
            if state.number == number - 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return of_part(task, state, *others)

        return asked

    def killed_in_the_sixth_step(task, state, *others):
        if state.number == 5:
            raise KeyboardInterrupt
        return of_part(task, state, *others)

    monkeypatch.setattr(loop, "forward_backward", asked_in_step(4))
    halved = train(RECIPE, changes, tiny=True, out=tmp_path / "halved")
    assert not halved.finished and checkpoints.latest(halved.folder).path.name == "step-00000004.safetensors"
    with pytest.raises(ConfigError, match="--resume"):
        train(RECIPE, changes, tiny=True, out=halved.folder)
    monkeypatch.setattr(loop, "forward_backward", killed_in_the_sixth_step)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, changes, tiny=True, out=halved.folder, resume=True)

    monkeypatch.setattr(loop, "forward_backward", asked_in_step(6))  # too late: the epoch is scored all the same
    resumed = train(RECIPE, changes, tiny=True, out=halved.folder, resume=True)
    assert resumed.finished and rows(resumed.folder) == rows(whole.folder)
    last = [checkpoints.load(checkpoints.latest(each.folder).path)[0] for each in (whole, resumed)]
    assert last[0].keys() == last[1].keys() and all(np.array_equal(last[0][name], last[1][name]) for name in last[0])

    for name in ("epochs.csv", "best.safetensors"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    wider = [*changes, "model_changes.lora.rank=3"]
    with pytest.raises(CheckpointError, match=r"lora_a is \[.*in this configuration's model"):
        train(RECIPE, wider, tiny=True, out=halved.folder, resume=True, allow_changes=True)
    told = json.loads((whole.folder / "data.json").read_text(encoding="utf-8"))
    assert set(told["train"]) == {"osie", "salicon", "dhf1k", "diem"}
    written = yaml.safe_load((whole.folder / "config.yaml").read_text())
    assert CorpusConfig(**written).sampling.weights["salicon"] == 2
    assert create_model("aam_dinov2_vits14", whole.folder / "best.safetensors").config.temporal.clip == 4
    # scored once, at its last step: the checkpoint's averages are what `best` holds
    assert_best_is_latest(whole.folder)
    with pytest.raises(CheckpointError, match=r"schedule\.learning_rate: 0\.0003 -> 0\.1.*--allow-changes"):
        train(RECIPE, [*changes, "schedule.learning_rate=0.1"], tiny=True, out=halved.folder, resume=True)
    (root / "SALICON/images/train/COCO_train2014_000000000009.jpg").unlink()
    with pytest.raises(CheckpointError, match="other data"):
        train(RECIPE, changes, tiny=True, out=halved.folder, resume=True, skip_damaged=True)


@pytest.mark.slow  # graphs to compile
def test_steps_of_pictures_leave_the_temporal_blocks_alone_and_learn(graph, tmp_path, capsys):
    root = make_corpus(tmp_path / "data")
    changes = [f"data_root={root}", f"corpus={{{', '.join(f'{name}: 1' for name in PICTURE_SETS)}}}"]
    changes += ["sampling.steps=30", "schedule={kind: constant, learning_rate: 0.003}"]
    task = run.train(RECIPE, changes, tiny=True, out=tmp_path / "run").task  # without a scorer
    losses = [float(row["loss"]) for row in rows(tmp_path / "run")]
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 0.3
    trained = checkpoints.load(checkpoints.latest(tmp_path / "run").path)[0]
    runtime.configure(mode="graph", seed=task.config.seed)
    fresh = build_model(task.config.model, "paper", changes=task.config.model_changes)
    temporal = {p.name: p.asnumpy() for p in fresh.head.temporal.get_parameters()}
    assert temporal and all(np.array_equal(trained[name], value) for name, value in temporal.items())
    with open(tmp_path / "run" / "epochs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{"step": "30", "epoch": "1", "heard": "0", "mean_CC": "0"}]
    said = capsys.readouterr().err
    assert "no scorer was given: held-out datasets are not scored" in said and "best.safetensors is the newest" in said
    assert_best_is_latest(tmp_path / "run")
    assert not any(name.startswith("optimizer.temporal") and value.any() for name, value in trained.items())


@pytest.mark.slow  # graphs to compile
def test_the_sound_branch_learns_from_films_with_sound_and_a_loss_of_nothing_stops_the_run(graph, tmp_path):
    root, audio = (
        make_corpus(tmp_path / "data"),
        "{name: wav2clip, width: 2, attention_width: 8, heads: 2, dropout: 0.1}",
    )
    changes = [f"data_root={root}", "corpus={diem: 1}", f"model_changes.audio={audio}", "attack={p: 0.5, weight: 0.5}"]
    audio_encoding = AudioEncoding(
        loudness, Cut(5, 0.5, "times", "polyphase", 1.0), released=False
    )  # as the model's `sound.tokens`
    trained = train(RECIPE, changes, tiny=True, out=tmp_path / "run", audio_encoding=audio_encoding)
    task, state = trained.task, trained.state
    told = rows(tmp_path / "run")
    assert [row["kind"] for row in told] == [CLIPS_WITH_AUDIO] * 5 and state.done == {SHARED: 5, TEMPORAL: 5, SOUND: 5}
    assert {float(row["gate"]) > 0 for row in told} == {True, False}  # an attack, and none
    moved = [name for name in (p.name for p in task.optimizers[SOUND].parameters)]
    first = {
        p.name: p.asnumpy()
        for p in build_model(task.config.model, "paper", changes=task.config.model_changes).get_parameters()
    }
    now = {p.name: p.asnumpy() for p in task.model.get_parameters()}
    assert sum(not np.array_equal(first[name], now[name]) for name in moved) > len(moved) // 2

    latest = checkpoints.latest(tmp_path / "run").path
    tensors, metadata = checkpoints.load(latest)
    place = json.loads(metadata["place"])
    assert place["heard"] == task.heard == ["diem"] and place["videos_scored"] == SCORER.videos
    with open(tmp_path / "run" / "epochs.csv", newline="") as file:
        assert [row["heard"] for row in csv.DictReader(file)] == ["1"]
    assert checkpoint_content.restore(latest, task, tmp_path) == state and state.best > -1
    del metadata["score"], metadata["place"]
    for lacking in ("heard", "videos_scored"):  # as of earlier versions, without audio, and on other frames
        folder, theirs = tmp_path / lacking, {key: value for key, value in place.items() if key != lacking}
        checkpoints.save(folder, 5, tensors, {**metadata, "corpus": json.dumps(theirs)})
        before = checkpoint_content.restore(checkpoints.latest(folder).path, task, tmp_path)
        assert before.best < 0 and before == state._replace(best=before.best) and before.number == 5

    silence = audio_encoding._replace(encode=lambda waves: np.full((len(waves), 2), np.nan, np.float32))
    with pytest.raises(TrainingError, match=r"its gradient nan, at step 1 \(diem: .*failed_batch\.json"):
        train(RECIPE, changes, tiny=True, out=tmp_path / "broken", audio_encoding=silence)
    replay = json.loads((tmp_path / "broken" / "failed_batch.json").read_text())
    assert replay["set"] == "diem" and len(replay["names"]) == 1 and replay["state"] == [0, 0]
    assert checkpoints.latest(tmp_path / "broken") is None
    assert ms.get_context("mode") == ms.GRAPH_MODE
