"""Tables of the paper, filled from evaluations."""

import pytest

from mindaam.errors import ConfigError
from mindaam.evaluation.published import figures, table
from mindaam.evaluation.published.figures import TITLES
from mindaam.evaluation.results import Evaluation
from tests.evaluation.made import SETTINGS, made_evaluation, made_rows, made_set


def evaluation(dataset, roles, notes=(), **settings):
    """An Evaluation of three images of a dataset under these roles."""
    rows = made_rows(dataset, "val", ["a", "b", "c"], ["free_viewing"], roles)
    return Evaluation(SETTINGS | settings | {"sets": {dataset: made_set(rows, "images", notes=list(notes))}}, rows)


def measured(shown, dataset=None):
    """The rows that are measured."""
    return [row for row in shown.rows if row[2].startswith("measured") and dataset in (None, row[0])]


@pytest.mark.parametrize("number", TITLES)
def test_without_evaluations_every_published_figure_is_shown_and_ours_are_not_run(number):
    shown = table(number, [])
    cells = [cell.split(" ")[0] for row in shown.rows for cell in row[3:] if cell[:1].isdigit()]
    assert sorted(cells) == sorted(each.value for each in figures(table=number))
    assert not measured(shown) and any("not run" in row for row in shown.rows)
    assert all(len(row) == len(shown.head) for row in shown.rows)


def test_a_table_of_methods_takes_the_matching_prompt_of_every_evaluation():
    shown = table("19", [made_evaluation(), evaluation("osie", ["right"], source={"model": "other"})])
    assert [row[1] for row in measured(shown)] == ["MindAAM [1]: aam_made", "MindAAM [2]: other"]
    assert {row[2] for row in measured(shown, "OSIE")} == {"measured (right)"} and "6 images" in str(shown.notes)
    assert sum(row[2] == "not run" for row in shown.rows) == 5
    marks = [row for row in shown.rows if row[0] == "MIT1003" and row[4].endswith("*")]
    assert [row[1] for row in marks] == ["AAM (the paper)"]


def test_audio_is_matched_by_what_was_done_with_it():
    used, unused = (
        "audio used, encoded by wav2clip (3 videos)",
        "audio not used: the model a has no audio branch (3 videos)",
    )
    runs = [
        evaluation("diem", ["right"], [used]), evaluation("diem", ["right"], [unused]),
        evaluation("diem", ["right"], ["audio not used, as requested (3 videos)"], audio="off"),
    ]  # fmt: skip
    shown = table("16", runs)
    assert [row[1] for row in measured(shown)] == [
        "MindAAM [2]: aam_made, w/o Audio",
        "MindAAM [3]: aam_made, audio off, w/o Audio",
        "MindAAM [1]: aam_made, w/ Audio",
    ]
    assert any(note.startswith("MindAAM [1], DIEM") and used in note for note in shown.notes)


def test_conditions_are_matched_by_role():
    rows = measured(table("18a", [evaluation("osie", ["right", "generic", "none", "mismatched"])]))
    assert [row[2] for row in rows] == ["measured (right)", "measured (none)", "measured (mismatched)"]
    rows = measured(table("18a", [evaluation("osie", ["right", "generic"])]))
    assert [row[2] for row in rows] == ["measured (right)", "measured (generic)"]
    rows = measured(table("18c", [evaluation("osie", ["right", "G1", "G4"])]))
    assert [row[1].rpartition(", ")[2] for row in rows] == ["G1", "G4"]


def test_zero_shot_rows_are_those_with_and_without_a_prompt():
    rows = measured(table("17", [evaluation("ledov", ["right", "none"]), evaluation("avad", ["right", "none"])]))
    assert [(row[0], row[2]) for row in rows] == [
        ("AVAD", "measured (right)"), ("AVAD", "measured (none)"), ("LEDOV", "measured (none)"),
    ]  # fmt: skip


def test_backbones_are_matched_by_the_model():
    runs = [evaluation("osie", ["right"], source={"model": f"aam_dinov3_vit{each}16"}) for each in "sl"]
    names = [row[1] for row in measured(table("15", runs))]
    assert [name.rpartition(", ")[2] for name in names] == ["DINOv3_small", "DINOv3_large"]


def test_training_data_are_matched_by_the_name_of_the_row_alone():
    runs = [evaluation("osie", ["right"])]
    assert not measured(table("13", runs))
    (row,) = measured(table("13", runs, ["Single Training"]))
    assert row[:2] == ["OSIE", "MindAAM: aam_made, Single Training"]
    with pytest.raises(ConfigError, match='unknown row of Table 13 "Single"'):
        table("13", runs, ["Single"])
    for number in ("4", "18b", "19"):
        with pytest.raises(ConfigError, match=f"Table {number} has no rows to choose from"):
            table(number, runs, ["AAM"])


def test_paraphrases_are_a_mean_and_a_standard_deviation():
    shown = table("18b", [made_evaluation()])
    (row,) = [row for row in shown.rows if row[0] == "OSIE"]
    assert row[1:3] == ["MindAAM: aam_made", "2"] and all("±" in cell for cell in row[3:])
    assert len(shown.rows) == 6 and "were not available" in shown.notes[0]
