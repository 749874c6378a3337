"""`mindaam evaluate` on a stand-in model and a made gaze folder; `mindaam train` hands its options on."""

import csv
import gzip
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mindaam import runtime
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.opening import open_set
from mindaam.data.packs.packing import pack
from mindaam.evaluation.validation import SCORER
from mindaam.inference import predictor
from mindaam.models.registry import model_config
from mindaam.training.feeding.corpus_source import AudioEncoding
from tests.cli.running import runner
from tests.data.datasets import video_trees
from tests.fakes import FakeAudioEncoder, FakeEncoder, FakeModel


@pytest.fixture
def mindaam(monkeypatch, capsys):
    """Runs the command line with a FakeModel; gives exit code, stdout, stderr."""
    monkeypatch.setattr(predictor, "_load", lambda name: FakeModel())
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)

    return runner(capsys)


@pytest.fixture
def gaze(tmp_path):
    """A gaze folder `gaze/bright`: people look at the bright spot of each of two pictures, as FakeModel does."""
    folder = tmp_path / "gaze/bright"
    (folder / "stimuli").mkdir(parents=True)
    rows = []
    for name, (x, y) in {"a.png": (20, 15), "b.png": (60, 40)}.items():
        pixels = np.zeros((60, 90, 3), np.uint8)
        pixels[y - 4 : y + 4, x - 4 : x + 4] = 255
        Image.fromarray(pixels).save(folder / "stimuli" / name)
        rows += [(name, "free_viewing", x + dx, y) for dx in (-2, 0, 2)]
    with gzip.open(folder / "fixations.csv.gz", "wt", newline="") as stream:
        csv.writer(stream).writerows([("image", "condition", "x", "y"), *rows])
    images = {name: {"size": [90, 60]} for name in ("a.png", "b.png")}
    meta = {"name": "bright", "conditions": {"free_viewing": "look"}, "images": images, "px_per_degree_stored": 4}
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "splits.json").write_text(json.dumps({"train": ["a.png"], "val": ["a.png", "b.png"]}))
    return folder


def test_a_folder_of_gaze_folders_gives_a_table(mindaam, gaze):
    code, out, err = mindaam("evaluate", "--data", gaze.parent)
    assert (code, err) == (0, "")
    right = next(line for line in out.splitlines() if "right" in line)
    assert right.startswith("| bright | right | 2 |")
    assert float(right.split("|")[4]) > 0.5  # CC: it looks where they looked
    assert mindaam("evaluate", "--data", gaze)[1] == out


def test_reports_are_kept(mindaam, gaze, tmp_path):
    assert mindaam("evaluate", "--data", gaze, "--save", tmp_path / "new/report.md")[0] == 0
    code, out, _ = mindaam("evaluate", "--data", gaze, "--save", tmp_path / "new/report.json", "--split", "train")
    assert code == 0 and "report.json" in out
    assert "| bright | right | 2 |" in (tmp_path / "new/report.md").read_text()
    report = json.loads((tmp_path / "new/report.json").read_text())
    assert report["sets"]["bright"]["pictures"] == 1 and report["sets"]["bright"]["split"] == "train"
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["report.json", "report.md"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "vall"], 'did you mean "val"'),
        (["--save", "report.txt"], ".md or .json"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input(mindaam, gaze, arguments, says):
    code, out, err = mindaam("evaluate", "--data", gaze, *arguments)
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err


@pytest.mark.parametrize("task", ["phases", "synthetic_videos", "sounding_object"])
def test_train_hands_its_options_on(mindaam, monkeypatch, tmp_path, task):
    """All tasks are run by `training.run`; after one on synthetic videos the command prints scores."""
    calls = []

    def train(*args, **options):
        calls.append((args, options))
        config = SimpleNamespace(TASK=task)
        return SimpleNamespace(
            finished=True, is_first=True, folder=tmp_path, task=SimpleNamespace(config=config, model=1, held=2)
        )

    monkeypatch.setattr("mindaam.training.run.train", train)
    monkeypatch.setattr("mindaam.evaluation.synthetic_video_scores.report", lambda *run: [f"CC {run[1]}.{run[2]}"])
    config = tmp_path / "c.yaml"
    config.write_text("sets: {}\n")
    code, out, _ = mindaam("train", config, "batch_size=2", "seed=1", "--tiny", "--resume", "-o", tmp_path)
    assert code == 0 and out == ("CC 1.2\n" if task == "synthetic_videos" else "")
    (args, options) = calls[0]
    assert args[0] == config and args[1] == ["batch_size=2", "seed=1"]
    assert options == {
        "tiny": True, "out": tmp_path, "resume": True, "skip_damaged": False, "allow_changes": False, "scorer": SCORER
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "task"),
    [
        ("corpus", "corpus"), ("films", "synthetic_videos"), ("videos", "synthetic_videos"),
        ("clips", "sounding_object"), ("folders", "phases"),
    ],
)  # fmt: skip
def test_the_keys_of_a_configuration_decide_its_task(tmp_path, key, task):
    from mindaam.training.run import task_of

    (tmp_path / "c.yaml").write_text(f"{key}: {{}}\n")
    assert task_of(tmp_path / "c.yaml").__name__ == f"mindaam.training.tasks.{task}"


def test_a_set_of_videos_that_was_never_trained_on_is_scored_beside_images(mindaam, gaze):
    root, splits = gaze.parent, {"test": ["b.png"]}
    (gaze / "splits.json").write_text(json.dumps(splits))
    tree = video_trees.build("avad", "released", root).folder

    def scored(*more):
        code, out, err = mindaam("evaluate", "--data", root, "--split", "test", *more)
        assert (code, err) == (0, "")
        rows = [line.split("|") for line in out.splitlines() if "| right |" in line]
        return {name.strip(): pairs.strip() for _, name, _, pairs, *_ in rows}

    assert scored() == {"bright": "1", "avad": "1"}
    pack(open_set(root, "avad", "test"), root / "avad.test", FakeModel().config.image_size, workers=0)
    shutil.rmtree(tree)  # the pack of its split test is all that there is of it now
    assert scored("--set", "avad") == {"avad": "1"}


def test_a_model_that_hears_is_scored_with_the_audio_of_sets_that_are_trained_with_it(mindaam, tmp_path, monkeypatch):
    sound = model_config("aam_dinov3_vits16", "paper").sound
    given = []

    class Hears(FakeModel):
        def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first, clip):
            given.append(audio_embeddings is not None)
            return super().infer_frames(maps, sentence_embedding, size, audio_embeddings, first=first, clip=clip)

    monkeypatch.setattr(predictor, "_load", lambda name: Hears(clip=4, sound=sound))
    for key, layout in (("avad", "released"), ("dhf1k", "official")):
        video_trees.build(key, layout, tmp_path)
    code, _, err = mindaam("evaluate", "--data", tmp_path, "--split", "test", "--set", "avad")
    assert code == 0 and err.count("the weights of wav2clip are not installed") == 1 and set(given) == {False}
    audio_encoding = AudioEncoding(lambda windows: FakeAudioEncoder().encode(windows, 16_000), cut_of(sound), False)
    monkeypatch.setattr("mindaam.training.starting.open_audio_encoding", lambda config, line: audio_encoding)
    for split, name, heard in (("test", "avad", {True}), ("val", "dhf1k", {False})):
        given.clear()
        assert mindaam("evaluate", "--data", tmp_path, "--split", split, "--set", name)[0] == 0
        assert set(given) == heard
