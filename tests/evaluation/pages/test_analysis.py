"""The page on all that has been run, from folders that are whole, damaged, foreign and hostile."""

import json

import pytest

from mindaam.errors import InputError
from mindaam.evaluation.pages import analysis
from mindaam.evaluation.results import save
from tests.evaluation.made import made_evaluation
from tests.evaluation.pages.reading import HOSTILE, Page
from tests.evaluation.pages.test_evaluation_page import of_names, write_examples
from tests.evaluation.pages.test_run_report import write_run


def write_evaluation(folder, evaluation=None):
    folder.mkdir(parents=True)
    save(evaluation or made_evaluation(), folder)
    return folder


def test_every_evaluation_and_run_below_the_folders_is_shown_once(tmp_path):
    write_examples(write_evaluation(tmp_path / "all" / "first"), ["osie"])
    write_evaluation(tmp_path / "all" / "deep" / "second")
    write_run(tmp_path / "all" / "trained")
    path = tmp_path / "new" / "page.html"
    assert analysis.write([tmp_path / "all", tmp_path / "all" / "first"], path) == []
    page = Page(path)
    assert "2 evaluations, 1 training run." in page.said
    ids = [value for key, value in page.attributes if key == "id"]
    assert ids == ["part-1", "part-2", "part-3"]
    assert page.links() and {link.removeprefix("#") for link in page.links()} == set(ids)
    assert all(source.startswith("data:image/") for source in page.sources())
    assert "script" not in page.tags and b"@media print" in path.read_bytes()
    mean = made_evaluation().summary()["maps_only"]["right"]["KLD"].mean
    assert f"{mean:.4f}" in page.said and "avad , test" in page.said
    assert "Comparison of CC" in page.said and "all/deep/second (aam_made)" in page.said
    assert "step 40, 3 epochs scored 2 osie 0.7200 0.4000 0.8000" in page.said


def test_damaged_and_foreign_folders_are_named_and_the_rest_is_shown(tmp_path):
    write_evaluation(tmp_path / "good")
    for name, file, text in (
        ("cut", "evaluation.json", "{"),
        ("rows", "rows.csv", "a,b\n"),
        ("other", "metrics.csv", "time,accuracy\n1,2\n"),
        ("empty", "evaluation.json", '{"sets": {"a": 3}, "source": 4, "protocol": []}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    strange = made_evaluation()
    strange.settings["sets"]["osie"]["scores"] = {"right": {"CC": {"mean": "x", "n": 2}}, "odd": 7}
    write_evaluation(tmp_path / "strange", strange)
    problems = analysis.write([tmp_path], tmp_path / "page.html")
    assert [problem.partition(":")[0].split("/")[-1] for problem in problems] == ["cut", "empty", "other", "rows"]
    page = Page(tmp_path / "page.html")
    assert page.said.count("cannot be read") >= 2 and "contains no evaluation.json" in page.said
    assert "5 evaluations, 1 training run." in page.said and "Dataset avad" in page.said
    assert "no steps and no scores of a training run" in page.said


def test_folders_of_one_name_are_named_by_their_paths_and_an_empty_one_is_reported(tmp_path):
    for place in ("a", "b"):
        write_evaluation(tmp_path / place / "runs" / "one")
    (tmp_path / "c").mkdir()
    places = [tmp_path / "a" / "runs", tmp_path / "b" / "runs", tmp_path / "c"]
    assert [name for _, name, _ in analysis.find(places)] == [str(place / "one") for place in places[:2]]
    problems = analysis.write(places, tmp_path / "page.html")
    assert problems == [f"no evaluation and no training run was found in {tmp_path / 'c'}"]


def test_texts_are_never_markup(tmp_path):
    tags = []
    for number, name in enumerate(["a", *HOSTILE[:3]]):
        folder = tmp_path / str(number) / name.replace("/", "|")
        write_examples(write_evaluation(folder / "evaluated", of_names(name)), [name])
        write_evaluation(folder / "again", of_names(name))
        write_run(folder / "run", [name])
        (folder / "damaged").mkdir()
        (folder / "damaged" / "evaluation.json").write_text(json.dumps({"sets": name}))
        analysis.write([folder], tmp_path / "page.html")
        page = Page(tmp_path / "page.html")
        tags.append((page.tags, sorted({key for key, _ in page.attributes})))
        assert name in page.said
    assert tags[1:] == tags[:1] * 3


def test_nothing_found_and_a_missing_folder_are_errors_and_write_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("a: 1\n")  # of anything
    with pytest.raises(InputError, match="no evaluation and no training run was found in"):
        analysis.write([tmp_path / "a"], tmp_path / "page.html")
    with pytest.raises(InputError, match="does not exist"):
        analysis.write([tmp_path / "b"], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_images_of_all_folders_share_one_limit(tmp_path, monkeypatch):
    for name in ("first", "second"):
        folder = write_examples(write_evaluation(tmp_path / name), ["osie"])
    size = (folder / "examples" / "0-best.jpg").stat().st_size
    monkeypatch.setattr(analysis, "MOST", 4 * size)
    analysis.write([tmp_path], tmp_path / "page.html")
    page = Page(tmp_path / "page.html")
    assert len([source for source in page.sources() if source.startswith("data:image/jpeg")]) == 4
    assert page.said.count("would exceed") == 2
