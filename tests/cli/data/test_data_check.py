"""`mindaam data check`: its exit codes, its text, what it saves, and that the data folders stay as they are."""

import json
import os

import pytest
import typer
from PIL import Image

from mindaam.cli.data import check as data_check
from mindaam.data.datasets.catalogue import catalogue
from mindaam.errors import ConfigError, InputError
from tests.data.datasets import image_trees, video_trees


@pytest.fixture
def root(tmp_path):
    place = tmp_path / "daten sätze"
    image_trees.build("cat2000", "official", place / "CAT2000")
    video_trees.build("ucf_sports", "official", place)
    return place


def run(*arguments):
    """The exit code of the command."""
    app = typer.Typer()
    app.command()(data_check.check)
    return app([str(each) for each in arguments], standalone_mode=False) or 0


def listing(root):
    return {
        place: os.lstat(place).st_mtime_ns
        for folder, names, files in os.walk(root)
        for place in [folder, *(os.path.join(folder, name) for name in (*names, *files))]
    }


def complete(monkeypatch):
    """As if the little trees were all that was ever published."""
    for key, count in (("cat2000", 3), ("ucf_sports", 2)):
        published = catalogue()[key].published.model_copy(update={"total": count, "by_split": {}})
        changed = catalogue()[key].model_copy(update={"published": published})
        monkeypatch.setitem(catalogue(), key, changed)


def test_all_is_well_where_all_is_complete(root, monkeypatch, capsys):
    complete(monkeypatch)
    assert run(root) == 0
    text = capsys.readouterr().out
    assert "| CAT2000 | complete | 3 / 3 |" in text and "| UCF Sports | complete | 2 / 2 |" in text
    assert "| not here |" not in text and f"{len(catalogue()) - 2} were not found: FIGRIM, " in text


def test_something_missing_or_damaged_is_exit_code_1(root, monkeypatch, capsys):
    assert run(root) == 1
    complete(monkeypatch)
    next((root / "CAT2000").rglob("*.mat")).write_bytes(b"")
    assert run(root) == 1
    assert "the file of fixations is empty (0 bytes)" in capsys.readouterr().out


def test_a_set_that_was_asked_for_and_is_not_here_is_exit_code_1(root, monkeypatch, capsys):
    complete(monkeypatch)
    assert run(root, "--set", "cat2000") == 0
    assert "UCF Sports | complete" not in capsys.readouterr().out
    assert run(root, "--set", "cat2000", "--set", "osie") == 1
    assert "| OSIE | not here |" in capsys.readouterr().out


def test_a_folder_without_any_set_is_exit_code_1_and_one_sentence_on_stderr(tmp_path, capsys):
    assert run(tmp_path) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"mindaam: {tmp_path} contains no gaze folder, no pack and no published dataset; ")
    assert err.count("\n") == 1 and len(out.splitlines()) < 10


def test_a_folder_that_is_not_there_or_an_unknown_set_is_misuse(root):
    with pytest.raises(InputError, match="is not a folder"):
        run(root / "gone")
    with pytest.raises(ConfigError, match='did you mean "cat2000"'):
        run(root, "--set", "cat200")


def test_what_is_saved_is_the_report_twice_and_a_picture_a_set(root, tmp_path, capsys):
    before = listing(root)
    assert run(root, "--deep", "--duplicates", "--save", tmp_path / "out") == 1
    assert listing(root) == before
    names = ["cat2000.jpg", "report.json", "report.md", "ucf_sports.jpg"]
    assert sorted(place.name for place in (tmp_path / "out").iterdir()) == names
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [each["key"] for each in report["sets"]] == list(catalogue())
    assert report["near_duplicates"]["compared"] > 0
    saved = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert "daten sätze" in saved and saved.count("| not here |") == len(catalogue()) - 2
    with Image.open(tmp_path / "out/cat2000.jpg") as picture:
        assert picture.width > 500
    assert "every file was opened and decoded" in capsys.readouterr().out


def test_nothing_is_saved_among_the_data(root):
    before = listing(root)
    for place in (root, root / "CAT2000" / "report"):
        with pytest.raises(ConfigError, match="is never modified"):
            run(root, "--save", place)
    assert listing(root) == before


def test_names_that_are_no_text_do_not_stop_the_report(root, tmp_path, capsys):
    folder = os.fsencode(root / "CAT2000/trainSet/FIXATIONMAPS/Action")
    os.makedirs(folder, exist_ok=True)
    with open(folder + b"/\xff\xfe.jpg", "wb") as stream:
        stream.write(b"x")
    assert run(root, "--save", tmp_path / "out") == 1
    assert "the map has no image" in capsys.readouterr().out
    assert "the map has no image" in (tmp_path / "out/report.md").read_text(encoding="utf-8")


def test_on_a_terminal_tables_are_drawn(root, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(root) == 1
    text = capsys.readouterr().out
    assert "┃" in text and "The datasets" in text and "| --- |" not in text
