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
from mindaam.data.datasets.opening import open_set
from mindaam.data.packs.packing import pack
from mindaam.evaluation.validation import SCORER
from mindaam.inference import predictor
from mindaam.models.registry import model_config
from mindaam.training.ranks.distributed import ALONE
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
    lines = out.splitlines()
    assert lines[0].startswith("bright, split val: 2 images, longest side of 400 px")
    role, n, cc = next(line for line in lines if line.startswith("right")).split()[:3]
    assert (role, n) == ("right", "2") and float(cc) > 0.5  # it looks where they looked
    assert max(map(len, lines)) <= 100
    assert [line for line in mindaam("evaluate", "--data", gaze)[1].splitlines() if "--data" not in line] == [
        line for line in lines if "--data" not in line
    ]


def test_reports_are_kept(mindaam, gaze, tmp_path):
    new = tmp_path / "new"
    saved = [argument for suffix in ("md", "csv", "html") for argument in ("--save", new / f"report.{suffix}")]
    assert mindaam("evaluate", "--data", gaze, *saved)[0] == 0
    code, out, _ = mindaam("evaluate", "--data", gaze, "--save", new / "report.json", "--split", "train")
    assert code == 0 and "report.json" in out
    assert "| bright | right | 2 |" in (new / "report.md").read_text()
    rows = list(csv.DictReader((new / "report.csv").open()))
    assert [row["name"] for row in rows if row["role"] == "right"] == ["a.png", "b.png"]
    assert "<html" in (new / "report.html").read_text()
    report = json.loads((new / "report.json").read_text())
    assert report["sets"]["bright"]["pictures"] == 1 and report["sets"]["bright"]["split"] == "train"
    assert sorted(p.name for p in new.iterdir()) == ["report.csv", "report.html", "report.json", "report.md"]


def test_a_folder_receives_everything_and_an_evaluation_in_it_is_resumed(mindaam, gaze, tmp_path):
    out = tmp_path / "out"
    assert mindaam("evaluate", "--data", gaze, "-o", out)[0] == 0
    names = ["evaluation.json", "examples", "report.html", "report.md", "rows.csv"]
    assert sorted(path.name for path in out.iterdir()) == names
    before = (out / "rows.csv").read_text()
    code, _, err = mindaam("evaluate", "--data", gaze, "-o", out)
    assert code == 2 and "continue it with --resume" in err
    assert mindaam("evaluate", "--data", gaze, "-o", out, "--resume")[0] == 0
    assert (out / "rows.csv").read_text() == before
    code, _, err = mindaam("evaluate", "--data", gaze, "-o", out, "--resume", "--protocol", "mit")
    assert code == 2 and "other settings (protocol.name" in err and err.count("\n") == 1


def test_metrics_prompts_and_granularities_are_chosen(mindaam, gaze, tmp_path):
    options = ["--metrics", "NSS,CC", "--prompts", "paraphrases", "--prompts", "none", "--protocol", "mit"]
    code, out, _ = mindaam("evaluate", "--data", gaze, *options, "--save", tmp_path / "r.json")
    assert code == 0 and out.splitlines()[1].split() == ["role", "n", "CC", "NSS"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert list(report["sets"]["bright"]["scores"])[:3] == ["right", "paraphrases", "none"]
    assert report["protocol"]["name"] == "mit" and set(report["sets"]["bright"]["paraphrases"]["std"]) == {"CC", "NSS"}
    code, out, err = mindaam("evaluate", "--data", gaze, "--granularity", "G1")
    assert code == 0 and out.splitlines()[4].split()[0] == "G1" and "no prompts" not in out
    meta = json.loads((gaze / "meta.json").read_text())
    (gaze / "meta.json").write_text(json.dumps({**meta, "sentences": {"free_viewing": ["A cat looks.", "A dog."]}}))
    code, out, err = mindaam("evaluate", "--data", gaze, "--granularity", "G1")
    assert code == 0 and "it has no prompts for G1" in out


@pytest.fixture
def maps(gaze, tmp_path):
    """Maps of another tool: bright where people look in a.png, dark there in b.png."""
    folder = tmp_path / "maps" / "bright"
    folder.mkdir(parents=True)
    for name, (x, y), shades in (("a", (20, 15), (0, 255)), ("b", (60, 40), (255, 0))):
        pixels = np.full((60, 90), shades[0], np.uint8)
        pixels[y - 4 : y + 4, x - 4 : x + 4] = shades[1]
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder.parent


def test_saved_maps_are_scored_without_a_model(mindaam, gaze, maps, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "_load", lambda name: pytest.fail("a model was loaded"))
    code, _, err = mindaam("evaluate", "--data", gaze, "--maps", maps, "--save", tmp_path / "r.json")
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "r.json").read_text())
    right = [row["CC"] for row in report["rows"] if row["role"] == "right"]
    assert right[0] > 0.5 > -0.5 > right[1] and {row["role"] for row in report["rows"]} >= {"right", "uniform"}


def test_maps_that_are_missing_are_reported_and_the_others_scored(mindaam, gaze, maps):
    (maps / "bright" / "b.png").unlink()
    code, out, err = mindaam("evaluate", "--data", gaze, "--maps", maps)
    assert code == 2 and "b.png" in err and err.count("\n") == 1 and "1 of 2 images" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "vall"], 'did you mean "val"'),
        (["--save", "report.txt"], ".csv, .json, .md, .html"),
        (["--data", "nowhere"], "nowhere"),
        (["--protocol", "papper"], 'did you mean "paper"'),
        (["--metrics", "CC,NS"], 'did you mean "NSS"'),
        (["--metrics", ""], "known: "),
        (["--protocol", "ntire26", "--metrics", "KLD"], "known: AUC_Judd, CC, NSS, SIM"),
        (["--prompts", "paraphrase"], 'did you mean "paraphrases"'),
        (["--granularity", "G5"], "known: G1, G2, G3, G4"),
        (["--audio", "on"], "auto or off"),
        (["--resume"], "-o DIR"),
        (["-o", "new", "--save", "new/../new/evaluation.json"], "is a file of the folder of -o"),
        (["--maps", "there", "--model", "m"], "remove --model"),
        (["--maps", "nowhere"], "nowhere is not a folder of maps"),
        (["--maps", "."], "has no map of any image"),
        (["--maps", "there", "--prompts", "none"], "remove --model and the prompts"),
    ],
)
def test_bad_input(mindaam, gaze, monkeypatch, arguments, says):
    monkeypatch.setattr(predictor, "_load", lambda name: pytest.fail("a model was loaded"))
    code, out, err = mindaam("evaluate", "--data", gaze, *arguments)
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err


@pytest.mark.parametrize("task", ["phases", "synthetic_videos", "sounding_object"])
def test_train_hands_its_options_on(mindaam, monkeypatch, tmp_path, task):
    """All tasks are run by `training.run`; after one on synthetic videos the command prints scores."""
    calls = []

    def train(*args, **options):
        calls.append((args, options))
        config = SimpleNamespace(TASK=task)
        learned = SimpleNamespace(config=config, model=1, held=2)
        return SimpleNamespace(finished=True, world=ALONE, folder=tmp_path, task=learned)

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
        tables = [part.splitlines() for part in out.split("\n\n") if ", split " in part]
        right = {lines[0].split(",")[0]: next(line for line in lines if line.startswith("right")) for lines in tables}
        return {name: line.split()[1] for name, line in right.items()}

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
    monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: False)
    code, out, _ = mindaam("evaluate", "--data", tmp_path, "--split", "test", "--set", "avad")
    assert code == 0 and out.count("the weights of wav2clip are not installed") == 1 and set(given) == {False}
    monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: True)
    monkeypatch.setattr("mindaam.evaluation.maps.encoder_of", lambda config: FakeAudioEncoder())
    for split, name, more, used in (
        ("test", "avad", (), {True}), ("test", "avad", ("--audio", "off"), {False}), ("val", "dhf1k", (), {False}),
    ):  # fmt: skip
        given.clear()
        code, out, _ = mindaam("evaluate", "--data", tmp_path, "--split", split, "--set", name, *more)
        assert code == 0 and set(given) == used and ("audio used" in out) == (used == {True})


@pytest.fixture
def saved_videos(tmp_path):
    """The folder of ETMD as it is published, and maps for all frames of its videos, also those that the set skips."""
    expected = video_trees.build("etmd", "official", tmp_path / "data")
    for film in expected.films:
        stem, count = film.name.rpartition(".")[0], film.numbers[-1] + 1
        (tmp_path / "maps/etmd").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"maps/etmd/{stem}.npy", np.random.default_rng(0).random((count, 8, 12), np.float32))
    return expected, tmp_path / "maps"


def test_saved_maps_of_videos_are_scored_beside_baselines(mindaam, saved_videos, tmp_path):
    expected, maps = saved_videos
    split = expected.films[0].split
    arguments = ("evaluate", "--data", expected.folder, "--maps", maps, "--split", split, "--metrics", "CC,NSS")
    code, _, err = mindaam(*arguments, "--save", tmp_path / "r.json")
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "r.json").read_text())
    assert {row["role"] for row in report["rows"]} >= {"right", "people", "uniform"}
    [missing] = [path for path in maps.rglob("*.npy") if path.stem in expected.films[0].name]
    np.save(missing, np.ones((1, 8, 12), np.float32))
    code, _, err = mindaam(*arguments)
    assert code == 2 and "has 1 map(s), but" in err
