"""From a table to scores and training through the command line: import, pack, check, evaluate, train."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mindaam import runtime
from mindaam.cli import main
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack
from mindaam.inference import predictor
from mindaam.places import configs_dir
from mindaam.training.tasks import corpus
from tests.cli.running import runner
from tests.fakes import FakeEncoder, FakeModel

CORPUS = configs_dir() / "train" / "corpus.yaml"
SIZE = (32, 32)  # of FakeModel's pictures


class Opened(Exception):
    """Ends a training once its data are open."""


@pytest.fixture
def mindaam(monkeypatch, capsys):
    """Runs the command line with a FakeModel; gives exit code, stdout, stderr."""
    monkeypatch.setattr(predictor, "_load", lambda name: FakeModel(SIZE))
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)

    return runner(capsys)


@pytest.fixture
def trained_on(mindaam, monkeypatch):
    """trained_on(options) -> the Corpus that `mindaam train` opens."""

    def call(*options):
        opened = []

        def open_data(*arguments):
            opened.append(open_it(*arguments))
            raise Opened

        open_it = corpus.open_data
        with monkeypatch.context() as patch, pytest.raises(Opened):
            patch.setattr(corpus, "open_data", open_data)
            mindaam("train", CORPUS, *options)
        return opened[0][0]

    return call


@pytest.fixture
def imported(mindaam, tmp_path):
    """tmp_path/gaze with the gaze folders `one` and `two`, as `data import` makes them; people look at bright spots."""
    for name, count in (("one", 5), ("two", 10)):
        source = tmp_path / "sources" / name
        source.mkdir(parents=True)
        rows = ["image,x,y"]
        for number in range(count):
            pixels = np.zeros((60, 90, 3), np.uint8)
            pixels[20:28, 5 * number : 5 * number + 8] = 255
            Image.fromarray(pixels).save(source / f"{number}.png")
            rows += [f"{number}.png,{5 * number + 4},{y}" for y in (22, 24, 26)]
        table = source.with_suffix(".csv")
        table.write_text("\n".join(rows) + "\n")
        assert mindaam("data", "import", source, table, "-o", tmp_path / "gaze" / name, "--px-per-degree", 4)[0] == 0
    return tmp_path / "gaze"


def scored(out):
    lines = out.splitlines()
    names = [line.split(", split ")[0] for line in lines if ", split val: " in line]
    assert sum(line.startswith("right ") for line in lines) == len(names)
    return names


def test_the_gaze_folder_that_is_imported_is_evaluated_and_trained_on_itself_or_by_its_parent(
    mindaam, trained_on, imported
):
    assert scored(mindaam("evaluate", "--data", imported / "one")[1]) == ["one"]
    assert scored(mindaam("evaluate", "--data", imported)[1]) == ["one", "two"]
    assert {name: len(each) for name, each in trained_on("--data", imported / "one").train.items()} == {"one": 4}
    corpus = trained_on("--data", imported)
    assert {name: len(each) for name, each in corpus.train.items()} == {"one": 4, "two": 8}
    assert {name: len(each) for name, each in corpus.val.items()} == {"one": 1, "two": 2}
    assert list(trained_on(f"data_root={imported / 'two'}", "corpus={two: 1}").train) == ["two"]


def test_packs_are_checked_trained_on_and_scored_as_what_they_were_made_of(mindaam, trained_on, imported):
    packs = imported.parent / "packs"
    code, out, err = mindaam("data", "pack", imported, packs, "--set", "one", "--size", SIZE[0])
    assert (code, err) == (0, "") and sorted(each.name for each in packs.iterdir()) == ["one.train", "one.val"]
    assert f"{packs / 'one.train'}: 4 images" in out
    code, out, err = mindaam("data", "check", packs)
    assert code == 0 and "| one.train | pack | train 4 | none |" in out
    corpus = trained_on("--data", packs)
    assert [each.root.name for each in (*corpus.train.values(), *corpus.val.values())] == ["one.train", "one.val"]
    reports = []
    for data in (imported / "one", packs, packs / "one.val"):
        assert mindaam("evaluate", "--data", data, "--save", packs.with_name("report.json"))[0] == 0
        reports.append(json.loads(packs.with_name("report.json").read_text())["sets"])
    original, packed, alone = reports
    assert list(original) == list(packed) == ["one"] and alone == packed
    original, packed = (each["one"]["scores"]["right"] for each in (original, packed))
    assert list(original) == list(packed) and "sAUC" in packed  # for which the split train was found
    assert packed["CC"] == pytest.approx(original["CC"], abs=0.05)


def test_where_a_pack_lies_beside_its_source_training_reads_the_one_and_evaluation_the_other(
    mindaam, trained_on, imported
):
    for split in ("train", "val"):
        pack(GazeFolder(imported / "one", split), imported / f"one.{split}", SIZE, workers=0)
    corpus = trained_on("--data", imported)
    assert {name: each.root.name for name, each in corpus.train.items()} == {"one": "one.train", "two": "two"}
    assert scored(mindaam("evaluate", "--data", imported)[1]) == ["one", "two"]
    shutil.rmtree(imported / "one")
    out = mindaam("data", "check", imported, "--set", "one")[1]
    assert "| one.val | pack | val 1 | none |" in out and "| two |" not in out
    code, _, err = mindaam("data", "pack", imported, imported.parent / "again", "--set", "one")
    assert code == 2 and "does not contain one" in err and not (imported.parent / "again").exists()


def test_what_cannot_be_packed_is_refused_before_anything_is_written(mindaam, imported, tmp_path):
    packs = tmp_path / "packs"
    for arguments, says in (
        ([], "no output folder was given; give one: mindaam data pack ROOT PACKS"),
        ([packs, "-o", tmp_path / "other"], "give either PACKS or --out"),
        ([imported / "one" / "packs"], "which is never modified; choose another folder for the packs"),
        ([packs, "--set", "oen"], 'no pack, gaze folder or dataset has that name (did you mean "one"?)'),
    ):
        code, out, err = mindaam("data", "pack", imported, *arguments)
        assert (code, out) == (2, "") and says in err and err.count("\n") == 1
    meta = json.loads((imported / "two" / "meta.json").read_text())
    (imported / "two" / "meta.json").write_text(json.dumps(meta | {"name": "one"}))
    code, _, err = mindaam("data", "pack", imported, packs, "--size", "32")
    assert code == 2 and "would both be written to one.train" in err and not packs.exists()
    code, _, err = mindaam("evaluate", "--data", imported)
    assert code == 2 and "have the same name one in their meta.json" in err
    assert scored(mindaam("evaluate", "--data", imported, "--set", "two")[1]) == ["one"]


def test_a_set_that_is_checked_may_be_one_s_own(mindaam, imported):
    code, out, _ = mindaam("data", "check", imported, "--set", "two")
    assert code == 0 and "| two | gaze folder | train 8; val 2 | none |" in out
    assert mindaam("data", "check", imported, "--set", "two", "--set", "osie")[0] == 1
    code, out, err = mindaam("data", "check", imported, "--set", "tow")
    assert code == 2 and 'did you mean "two"' in err


def test_a_pack_of_another_size_is_refused_with_the_command_that_packs_it_anew(mindaam, imported):
    packs = imported.parent / "packs"
    assert mindaam("data", "pack", imported, packs, "--set", "one", "--split", "val", "--size", "24x32")[0] == 0
    code, out, err = mindaam("evaluate", "--data", packs)
    assert (code, out) == (2, "") and "has images of 24 x 32" in err
    command = err.strip().partition("pack one again: mindaam ")[2].split()
    assert command[:3] == ["data", "pack", "ROOT"] and "--resize" in command
    command[2], command[command.index("NEW")] = imported, imported.parent / "new"
    assert mindaam(*command)[0] == 0
    assert scored(mindaam("evaluate", "--data", imported.parent / "new")[1]) == ["one"]


@pytest.mark.slow
def test_a_gaze_folder_and_a_pack_are_trained_on_by_their_parent(imported, tmp_path, monkeypatch, capsys):
    monkeypatch.undo()  # the real model, a tiny one
    for split in ("train", "val"):
        pack(GazeFolder(imported / "two", split), imported / f"two.{split}", (56, 56), workers=0)
    shutil.rmtree(imported / "two")
    try:
        arguments = ["train", "corpus", "--data", imported, "--tiny", "-o", tmp_path / "run"]
        assert main.run([str(each) for each in arguments]) == 0, capsys.readouterr().err
    finally:
        runtime.configure(mode="pynative")
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    folders = {name: imported / each for name, each in (("one", "one"), ("two", "two.train"))}
    assert {name: each["folder"] for name, each in data["train"].items()} == {
        name: str(each) for name, each in folders.items()
    }
    assert sorted(data["held_out"]) == ["one", "two"] and (tmp_path / "run" / "best.safetensors").is_file()
