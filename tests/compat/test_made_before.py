"""What was made at an earlier commit is read as it was read then: checkpoints, runs, packs, gaze folders, an export.

`make.py` made the folder and noted what each thing gave; `made.py` says what is in it.
"""

import csv
import gzip
import json
import shutil
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
import yaml

from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.evaluation.pages.run_report import write_report
from mindaam.evaluation.validation import SCORER
from mindaam.inference.predictor import Predictor
from mindaam.models.registry import model_config
from mindaam.training import checkpoints, run
from mindaam.training.feeding.corpus import fingerprint, open_corpus, strata_of
from mindaam.training.feeding.corpus_source import AudioEncoding
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.weights import checkpoint_config
from tests.compat import made
from tests.models.tiny import SIZE, images, prompts

FACTS = json.loads((made.FOLDER / "facts.json").read_text(encoding="utf-8"))
ON_CORPUS = ("ema", "audio")
READERS = ("photos.train", "photos.val", "clips.train", "clips.val")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def values():
    """{name: array} of what everything gave."""
    with np.load(made.FOLDER / "values.npz") as arrays:
        return dict(arrays)


@pytest.fixture(autouse=True)
def tiny_encoders():
    with made.stand_ins(made.FOLDER / "backbone.safetensors"):
        yield


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of everything, which is the present folder: the runs name their data from there."""
    shutil.copytree(made.FOLDER, tmp_path / "made")
    monkeypatch.chdir(tmp_path / "made")
    return tmp_path / "made"


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# ---- checkpoints ----


@pytest.mark.parametrize("name", made.RUNS)
def test_a_checkpoint_predicts_the_same_for_a_photo(values, name):
    found = Predictor(made.FOLDER / "begun" / name / "best.safetensors", mode="pynative")
    assert checkpoint_config(made.FOLDER / "begun" / name / "best.safetensors")[0] == found.model.config.name
    np.testing.assert_allclose(
        found.predict(values["photo"], made.PROMPT).map[::2, ::2], values[f"{name}/photo"], **TOLERANCE
    )


@pytest.mark.slow  # operator by operator
@pytest.mark.parametrize("name", ON_CORPUS)
def test_a_checkpoint_predicts_the_same_for_a_video(values, name):
    found = Predictor(made.FOLDER / "begun" / name / "best.safetensors", mode="pynative")
    frames = [np.roll(values["photo"], 5 * number, 1) for number in range(6)]
    maps = np.stack([each.map for each in found.stream(frames, made.PROMPT)])
    np.testing.assert_allclose(maps[:, ::4, ::4], values[f"{name}/video"], **TOLERANCE)


def test_a_checkpoint_hears_the_same(values):
    found = Predictor(made.FOLDER / "begun/audio/best.safetensors", mode="pynative")
    frames = [np.roll(values["photo"], 5 * number, 1) for number in range(4)]
    images = np.concatenate([found._as_batch(found._seen(frame)) for frame in frames])
    maps = found.model.video.maps(found.model.image_features(images))
    size, audio = images.shape[2:], made.audio_embeddings(4)
    said = found.model.infer_frames(maps, found.embed([made.PROMPT]), size, audio, first=3)  # all would take longer
    np.testing.assert_allclose(said.map[:, 0, ::4, ::4], values["audio/heard"][3:], **TOLERANCE)
    np.testing.assert_allclose(said.gate, values["audio/gate"][3:], **TOLERANCE)


# ---- data ----


@pytest.fixture(scope="module", params=["packs", "gaze"])
def corpus(request):
    """(name, Corpus) of the packs and of the gaze folders."""
    return request.param, open_corpus(made.FOLDER / request.param, None, (), GroundTruth())


def test_what_is_drawn_from_is_the_same(corpus):
    root, found = corpus
    assert fingerprint(strata_of(found.train)[0]) == FACTS["data"][root]["fingerprint"]


def test_samples_are_the_same(corpus, values):
    root, found = corpus
    readers = {f"{name}.train": each for name, each in found.train.items()}
    readers |= {f"{name}.val": each for name, each in found.val.items()}
    assert sorted(readers) == sorted(READERS)
    for name, reader in readers.items():
        key = f"{root}/{name}"
        facts = FACTS["data"][key]
        assert [list(entry) for entry in reader.entries] == facts["entries"]
        assert list(reader.prompts.of("free_viewing")) == facts["sentences"]
        # a text for people: its wording is today's where it is made anew, and the stored one in packs
        assert reader.ground_truth.replace("images", "pictures") == facts["ground_truth"]
        films = hasattr(reader, "clip")
        sample = reader.clip(0, range(0, 12, 4)) if films else image_sample(reader, 0)
        fixations = sample.fixations[1] if films else sample.fixations
        np.testing.assert_array_equal(sample.image[..., ::4, ::4, :], values[f"{key}/image"])
        np.testing.assert_allclose(sample.density[..., ::4, ::4], values[f"{key}/density"], rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(fixations, values[f"{key}/fixations"], rtol=1e-6)
        if films:
            assert [reader.frames(each) for each in range(len(reader))] == facts["frames"]
            np.testing.assert_allclose(sample.times, values[f"{key}/times"], rtol=1e-9)
        if f"{key}/sound" in values:
            audio = reader.pack.audio(reader.entries[0][0], -100, 8000)
            np.testing.assert_allclose(audio, values[f"{key}/sound"], rtol=0, atol=1e-7)


# ---- runs ----


@pytest.mark.parametrize("name", ON_CORPUS)
def test_a_runs_folder_is_read(folder, name):
    found = checkpoints.latest(folder / "begun" / name)
    assert found.path.name == "step-00000003.safetensors" and not found.note
    tensors, metadata = checkpoints.load(found.path)
    assert any(each.startswith("optimizer.temporal.") for each in tensors) and "config" in metadata
    written = yaml.safe_load((folder / "begun" / name / "config.yaml").read_text())
    assert CorpusConfig(**written).epochs == 2
    page = write_report(folder / "begun" / name).read_text(encoding="utf-8")
    assert "step 3" in page and "1 epoch" in page


class Resumed(Exception):
    """The run was taken up, and would now go on."""


@pytest.mark.parametrize("name", made.RUNS)
def test_a_run_is_taken_up_without_leave_to_change(folder, monkeypatch, name):
    def stop(task, state, *_):
        assert (state.number, tuple(state.place)) == (3, (1, 1))
        raise Resumed

    monkeypatch.setattr(run, "train_steps", stop)
    with pytest.raises(Resumed):
        gone_on(name)


def gone_on(name):
    if name == "phases":
        run.train(made.PHASES, made.RUNS[name], out=Path("begun/phases"), resume=True)
        return
    cut = cut_of(model_config("aam_dinov2_vits14").sound)
    audio_encoding = AudioEncoding(made.constant, cut, released=False) if name == "audio" else None
    run.train(
        made.CORPUS, made.RUNS[name], tiny=True, out=Path("begun") / name, resume=True,
        audio_encoding=audio_encoding, scorer=SCORER,
    )  # fmt: skip


# since then two windows of a video are scored, where one clip was
RESCORED = dict.fromkeys(("ema", "audio"), {"mean_CC", "clips_CC", "clips_SIM", "clips_KLD"})


@pytest.mark.slow
@pytest.mark.parametrize("name", made.RUNS)
def test_a_half_trained_run_goes_on_as_it_did(folder, name):
    gone_on(name)
    for log, wanted in FACTS["resumed"][name].items():
        found = table(folder / "begun" / name / ("metrics.csv" if log == "steps.csv" else log))  # its name of before
        assert len(found) == len(wanted)
        for row, before in zip(found, wanted, strict=True):
            for column in set(before) - {"seconds", "waiting", "computing", "memory_mb"} - RESCORED.get(name, set()):
                try:
                    assert float(row[column]) == pytest.approx(float(before[column]), rel=2e-3, abs=1e-5), column
                except ValueError:  # a name
                    assert row[column] == before[column]


# ---- export ----


def test_an_export_runs(graph, values, tmp_path):
    note = json.loads((made.FOLDER / "export/tiny.json").read_text(encoding="utf-8"))
    assert [port["shape"] for port in note["inputs"]] == [[1, 3, *SIZE], [1, len(note["sentences"][0]["embedding"])]]
    stored = (made.FOLDER / "export" / f"{note['graph']}.gz").read_bytes()
    (tmp_path / note["graph"]).write_bytes(gzip.decompress(stored))
    found = ms.nn.GraphCell(ms.load(str(tmp_path / note["graph"])))
    given = np.float32([note["sentences"][0]["embedding"]])
    np.testing.assert_allclose(given, prompts(1), rtol=1e-6)
    image = images(1, SIZE)
    np.testing.assert_allclose(found(ms.Tensor(image), ms.Tensor(given)).asnumpy()[0, 0], values["export"], **TOLERANCE)
