"""The report on a folder of data sets: its text, its values, and the picture of each set."""

import json

import numpy as np
import pytest
from PIL import Image

from mindaam.data.checks.checking import absent, examine
from mindaam.data.checks.licences import DISPUTED, OPEN, RESEARCH, UNKNOWN, matrix, use
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.published import find_sets
from mindaam.data.datasets.readers.sample import Sample
from mindaam.evaluation.corpus import images as corpus_images
from mindaam.evaluation.corpus import report as corpus_report
from tests.data.datasets import image_trees, video_trees


@pytest.fixture
def root(tmp_path):
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    video_trees.build("ucf_sports", "official", tmp_path)
    (tmp_path / "AVAD").mkdir()
    return tmp_path


def report_on(root, leaks=None):
    examined = {found.record.key: examine(found) for found in find_sets(root)}
    folders = {"avad": [root / "AVAD"]}
    reports = [examined.get(key) or absent(each, folders.get(key, ())) for key, each in catalogue().items()]
    return corpus_report.gathered(root, reports, leaks)


def test_the_first_table_has_a_row_for_each_dataset(root):
    table = corpus_report.tables(report_on(root), whole=True)[0]
    assert table.title == "The datasets" and len(table.rows) == len(catalogue()) == 19
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["CAT2000"] == ["incomplete", "3 / 2,000", "none", "official *", "fixations", "research only"]
    assert rows["OSIE"][:2] == ["not here", "0 / 700"]
    assert rows["AVAD"][0] == "unrecognized"
    assert any("is from a description" in note for note in table.notes)


def test_datasets_that_are_not_here_are_one_line_unless_they_were_asked_for(root):
    report = report_on(root)
    tables = {table.title: table for table in corpus_report.tables(report)}
    assert [row[0] for row in tables["The datasets"].rows] == ["CAT2000", "UCF Sports", "AVAD"]
    assert [row[0] for row in tables["Licenses"].rows] == ["CAT2000", "UCF Sports", "AVAD"]
    line = tables["Other published datasets"].notes[0]
    assert line.startswith("16 were not found: FIGRIM, ") and "OSIE" in line and "AVAD" not in line
    tables = {table.title: table for table in corpus_report.tables(report | {"requested": ["osie"]})}
    assert ["OSIE", "not here"] in [row[:2] for row in tables["The datasets"].rows]


def test_a_report_on_own_data_is_about_them(root):
    own = {"name": "mine", "kind": "gaze folder", "splits": {"train": 2}, "ground_truth": "maps", "problems": [],
           "conditions": {"find_cats": {"entries": 2, "prompts": 2, "prompt": "Where is a cat?"}}, "notes": []}
    reports = [absent(each, ()) for each in catalogue().values()]
    report = corpus_report.gathered(root, reports, own=[own])
    titles = [table.title for table in corpus_report.tables(report)]
    assert titles == ["Gaze folders and packs", "Other published datasets"] and not corpus_report.is_empty(report)
    text = corpus_report.markdown(report)
    assert len(text.splitlines()) < 20
    assert 'mine: condition find_cats: 2 in all; prompt "Where is a cat?" and 1 paraphrase' in text
    assert corpus_report.is_empty(report | {"own": []})


def test_the_text_names_ten_problems_and_how_many_more(root):
    report = report_on(root)
    [each] = [each for each in report["sets"] if each["key"] == "cat2000"]
    each["problems"] = [
        {"path": f"a|{n}.jpg", "reason": "is odd", "severity": "damaged", "stimulus": None} for n in range(14)
    ]
    each["groups"] = [{"kind": "is odd", "severity": "damaged", "count": 14}]
    text = corpus_report.markdown(report)
    assert text.count("| is odd |") == 10 and "4 more in report.json" in text and "14 x is odd" in text
    assert "a\\|3.jpg" in text


def test_the_report_goes_into_json_and_back(root):
    report = report_on(root)
    assert json.loads(json.dumps(report)) == report


def test_a_report_is_sound_when_all_that_is_here_is_complete(root):
    report = report_on(root)
    assert not corpus_report.is_complete(report)
    for each in report["sets"]:
        each["state"] = "complete" if "counts" in each else "not here"
    assert corpus_report.is_complete(report)
    assert not corpus_report.is_complete(report | {"own": [{"problems": ["a picture is gone"]}]})
    assert not corpus_report.is_complete({"sets": [], "own": []})


def test_near_duplicates_are_listed_those_that_leak_first(root):
    pair = {"first": ["osie", "train", "a.jpg"], "second": ["osie", "val", "b.jpg"], "mirrored": True}
    same = {"first": ["osie", "train", "c.jpg"], "second": ["fiwi", "train", "d.jpg"], "mirrored": False}
    leaks = {"compared": 12, "flat": 1, "unreadable": [], "leaks": [pair], "doubles": [same]}
    [table] = [each for each in corpus_report.tables(report_on(root, leaks)) if each.title == "Near-duplicates"]
    assert table.rows[0] == ["two splits", "osie train a.jpg", "osie val b.jpg", "mirrored"]
    assert table.rows[1][0] == "one split"
    assert "12 images and frames compared" in table.notes[0]
    assert "not checked" in corpus_report.markdown(report_on(root))


def test_the_licences_of_all_datasets_are_told_and_nothing_is_promised(root):
    text = corpus_report.markdown(report_on(root), whole=True)
    part = text[text.index("## Licenses") :]
    assert all(f"| {each.title} |" in part for each in catalogue().values())
    assert "This is not legal advice" in part and RESEARCH in part


def test_a_licence_says_what_it_leaves_open():
    assert use("research only") == use("CC BY-NC 4.0 (non-commercial)") == RESEARCH
    assert use("MIT License") == use("CC BY 4.0") == OPEN
    assert use("none stated") == use("CC BY-NC 4.0") == UNKNOWN
    rows = {row["key"]: row for row in matrix(catalogue().values())}
    assert len(rows) == 19 and rows["cat2000"]["use"] == RESEARCH
    assert rows["ntire26"]["use"] == OPEN and rows["ntire26"]["remarks"] == []
    assert rows["hollywood2"]["use"] == DISPUTED and "academic" in rows["hollywood2"]["remarks"][0]


def test_statistics_stand_beside_the_papers(root):
    tables = {table.title: table for table in corpus_report.tables(report_on(root))}
    row = tables["Statistics by images and videos"].rows[0]
    assert row == ["modality", "images", "3", "60.0%", "24,093", "86.7%", "88.0%"]
    assert "not counted, as the paper does not use them: NTIRE 2026" in tables["Statistics by images and frames"].notes


def test_a_sheet_shows_three_different_samples(root):
    for found in find_sets(root):
        samples = corpus_images.samples(found)
        assert len({sample.name for sample, _ in samples}) == len(samples) == min(3, len(found.stimuli))
        assert all(sample.image.shape[:2] == sample.density.shape for sample, _ in samples)
        sheet = corpus_images.sheet(found)
        assert sheet.dtype == np.uint8 and sheet.ndim == 3


def test_samples_that_cannot_be_read_are_passed_over(root):
    for picture in (root / "CAT2000/trainSet/Stimuli").rglob("*.jpg"):
        picture.write_bytes(b"gone")
    [found] = find_sets(root, ["cat2000"])
    assert corpus_images.samples(found) == [] and corpus_images.sheet(found) is None


def test_dots_lie_where_fixations_are_and_warmth_where_the_density_is():
    image = np.full((100, 200, 3), 90, np.uint8)
    density = np.zeros((100, 200), np.float32)
    density[70:90, 20:40] = 1 / 400
    sample = Sample(image, density, np.array([[30.0, 80.0]], np.float32), "", "", "x", "ä.jpg")
    scale, margin = corpus_images.WIDTH / 200, corpus_images.MARGIN
    drawn = corpus_images.drawn(sample, "a caption, of several words " * 5)
    dot = drawn[margin + int(80 * scale), margin + int(30 * scale)].astype(int)
    assert dot[2] > 200 > 60 > dot[0]
    right = drawn[margin : margin + int(100 * scale), 2 * margin + corpus_images.WIDTH :].astype(int)
    warm = right[..., 0] - right[..., 2] > 60
    rows, columns = np.nonzero(warm)
    assert abs(rows.mean() / scale - 80) < 4 and abs(columns.mean() / scale - 30) < 4
    assert Image.fromarray(drawn).width == 2 * corpus_images.WIDTH + 3 * margin
