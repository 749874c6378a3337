"""The page of an evaluation: its tables, plots and examples, from results that are whole, empty and hostile."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from mindaam.evaluation.pages import evaluation_page
from mindaam.evaluation.pages.evaluation_plots import distribution, dots
from mindaam.evaluation.pages.evaluation_view import scores_of, table_of
from mindaam.evaluation.pages.example_images import Images, triptychs
from mindaam.evaluation.results import Evaluation, Mean, by_role, load, save
from tests.evaluation.made import SETTINGS, made_evaluation, made_rows, made_set
from tests.evaluation.pages.reading import HOSTILE, Page


def write_examples(folder, sets):
    """Three examples of each dataset."""
    (folder / "examples").mkdir(parents=True)
    listed = {}
    for number, name in enumerate(sets):
        for rank in ("worst", "best", "median"):
            file = f"{number}-{rank}.jpg"
            Image.fromarray(np.zeros((8, 24, 3), np.uint8)).save(folder / "examples" / file)
            entry = {
                "rank": rank,
                "file": file,
                "name": name,
                "condition": name,
                "role": "right",
                "CC": 0.5,
                "frame": 7,
            }
            listed.setdefault(name, []).append(entry)
    (folder / "examples" / "examples.json").write_text(json.dumps(listed))
    return folder


def of_names(name):
    """An Evaluation in which every text is `name`."""
    rows = [row | {"name": name, "condition": name} for row in made_rows(name, name, ["a"], ["b"], ("right", "people"))]
    facts = dict.fromkeys(("command", "revision", "version", "started", "finished", "protocol_sentence", "audio"), name)
    settings = {
        **SETTINGS,
        **facts,
        "prompts": [name],
        "machine": {name: name},
        "source": {"model": name, "file": name},
    }
    entry = made_set(rows, "images", ground_truth=name, size=name, notes=[name], skipped=[name])
    return Evaluation({**settings, "sets": {name: entry}}, rows)


def test_facts_and_every_mean_with_its_interval_and_n_are_on_the_page():
    evaluation = made_evaluation()
    page = Page(evaluation_page.html(evaluation))
    for fact in ("command", "revision", "protocol_sentence", "interval", "started"):
        assert evaluation.settings[fact] in page.said
    assert "ab" * 32 in page.said and "Dataset osie" in page.said and "1 degree " in page.said
    for name, roles in evaluation.summary().items():
        assert f"Dataset {name}" in page.said
        for scores in roles.values():
            for mean in scores.values():
                assert f"{mean.mean:.4f}" in page.said
    mean = evaluation.summary()["osie"]["right"]["CC"]
    shown = "" if math.isnan(mean.low) else f" [{mean.low:.3f}, {mean.high:.3f}]"
    assert f"right matching prompt 6 {mean.mean:.4f}{shown}" in page.said
    assert "no baseline people: the viewers are not identified" in page.said and "Condition count" in page.said
    assert "Beside published figures" in page.said and "UNISAL" in page.said or "AAM" in page.said


def test_it_stands_alone_and_can_be_printed(tmp_path):
    folder = write_examples(tmp_path, ["osie"])
    content = evaluation_page.html(made_evaluation(), folder)
    page = Page(content)
    assert not {"script", "link", "iframe", "object"} & set(page.tags) and b"@media print" in content
    assert page.links() == [] and len(page.sources()) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources())
    captions = [page.said.index(f"{rank} : osie , frame 7, osie · CC 0.5000") for rank in ("best", "median", "worst")]
    assert captions == sorted(captions)


def test_baselines_are_a_group_of_their_own():
    table = table_of(made_evaluation().summary()["osie"])
    assert [(group["is_baseline"], [row["label"] for row in group["rows"]]) for group in table["groups"]] == [
        (False, ["right", "generic", "held-out", "paraphrases"]),
        (True, ["center bias", "uniform map", "people predict people"]),
    ]
    assert [title for title, _ in table["head"]][:5] == ["role", "n", "CC ↑", "SIM ↑", "KLD ↓"]


def test_texts_of_the_results_are_never_markup(tmp_path):
    safe = Page(evaluation_page.html(of_names("a"), write_examples(tmp_path / "safe", ["a"])))
    for number, name in enumerate(HOSTILE):
        folder = write_examples(tmp_path / str(number), [name])
        page = Page(evaluation_page.html(of_names(name), folder))
        assert page.tags == safe.tags
        assert {key for key, _ in page.attributes} == {key for key, _ in safe.attributes}
        assert name.replace("\udc80", "?") in page.said


def test_metrics_that_are_undefined_are_counted_and_those_without_data_are_no_columns():
    rows = [{"role": "right", "name": str(at), "CC": each, "SIM": 0.5} for at, each in enumerate((0.2, 0.4, math.nan))]
    [row] = table_of(by_role(rows))["groups"][0]["rows"]
    assert row["n"] == "3" and [cell["value"] for cell in row["cells"]] == ["0.3000", "0.5000"]
    assert [cell["n"] for cell in row["cells"]] == ["n = 2", ""]


def test_stored_means_are_shown_as_they_are_and_an_unfinished_evaluation_by_its_rows(tmp_path):
    evaluation = made_evaluation()
    stored = {"right": {"CC": {"mean": 0.123456, "low": None, "high": None, "n": 1}, "SIM": "damaged"}}
    evaluation.settings["sets"]["osie"]["scores"] = stored
    save(evaluation, tmp_path)
    [mean] = scores_of(load(tmp_path), "osie")["right"].values()
    assert (mean.mean, mean.n) == (0.123456, 1) and math.isnan(mean.low)
    del evaluation.settings["sets"]["osie"]["scores"]
    again = Evaluation(evaluation.settings | {"finished": None}, evaluation.rows)
    assert scores_of(again, "osie").keys() == evaluation.summary()["osie"].keys()
    again.settings["sets"]["maps_only"].pop("conditions")
    again.settings["sets"]["maps_only"]["n"] = 9
    page = Page(evaluation_page.html(again))
    assert "The evaluation is unfinished" in page.said and "scored 3 of 9 images" in page.said
    assert "Condition count" in page.said


@pytest.mark.parametrize("rows", [[], made_rows("osie", "val", ["one.jpg"], ["free_viewing"], ("right",))])
def test_an_evaluation_with_no_row_or_one_has_a_page(rows):
    entry = {"kind": "images", "split": "val", "n": 2, "pairs": 2, "ground_truth": "g", "sigma": None, "size": "s"}
    settings = {**SETTINGS, "sets": {"osie": entry | {"notes": []}}}
    page = Page(evaluation_page.html(Evaluation(settings, rows)))
    assert ("No image of this dataset has been scored." in page.said) == (not rows)
    assert "none, the ground truth is published maps" in page.said and "img" not in page.tags
    assert "No dataset has been evaluated." in Page(evaluation_page.html(Evaluation({**settings, "sets": {}}, []))).said


def test_places_on_the_axis_keep_the_order_of_values_and_lie_on_it():
    shown = dots([("a", Mean(0.5, 0.4, 0.62, 9), "model"), ("b", Mean(0.1, math.nan, math.nan, 1), "other"),
                  ("c", Mean(math.nan, 0, 1, 0), "other"), ("d", None, "other")])  # fmt: skip
    a, b = shown["rows"]
    assert 0 <= b["at"] < a["low"] < a["at"] < a["high"] <= 100 and b["low"] is None and b["interval"] == ""
    assert [text for _, text in shown["ticks"]] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert dots([("c", Mean(math.nan, 0, 1, 0), "other")]) is None
    assert len(dots([("one", Mean(0.5, 0.5, 0.5, 2), "model")])["ticks"]) >= 2


def test_a_distribution_needs_some_values():
    values = np.linspace(-0.2, 0.9, 40).tolist()
    assert distribution({"right": values, "center_bias": values[:9], "people": []}).lstrip().startswith(b"<?xml")
    assert distribution({"right": values[:9]}) is None and distribution({}) is None
    assert distribution({"right": [0.5] * 40}).lstrip().startswith(b"<?xml")


@pytest.mark.parametrize("file", ["../secret.jpg", "/etc/passwd", "text.jpg", "missing.jpg", None, 3])
def test_only_jpeg_files_of_the_folder_are_embedded(tmp_path, file):
    folder = write_examples(tmp_path, ["osie"])
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "examples" / "text.jpg").write_bytes(b"GIF89a")
    listed = {"osie": [{"rank": "best", "file": file}, {"rank": "other"}, 3]}
    (folder / "examples" / "examples.json").write_text(json.dumps(listed))
    [found] = triptychs(Images(folder), "osie")
    assert found["jpeg"] is None and found["problem"]
    assert "The image of the best prediction is not shown" in Page(evaluation_page.html(made_evaluation(), folder)).said


def test_images_of_a_page_have_a_limit_and_a_damaged_list_has_none(tmp_path):
    folder = write_examples(tmp_path, ["osie"])
    size = (folder / "examples" / "0-best.jpg").stat().st_size
    found = triptychs(Images(folder, [2 * size]), "osie")
    assert [each["jpeg"] is None for each in found] == [False, False, True] and "would exceed" in found[2]["problem"]
    for text in ("[", "[1]", '{"osie": 3}'):
        (folder / "examples" / "examples.json").write_text(text)
        assert triptychs(Images(folder), "osie") == []
    assert triptychs(Images(), "osie") == []
