"""An evaluation as text: aligned in a terminal, Markdown in which names are text, JSON with the keys of before."""

import json
import math

import numpy as np
import pytest

from mindaam.evaluation import tables
from mindaam.evaluation.evaluating import evaluate
from tests.evaluation.made import made_evaluation
from tests.evaluation.sets import PLAN, Oracle, same


def test_the_terminal_shows_a_table_of_at_most_100_columns_for_each_dataset():
    text = tables.terminal(made_evaluation())
    assert max(map(len, text.splitlines())) <= 100
    osie, only_maps, avad, about = text.split("\n\n")
    lines = osie.splitlines()
    assert lines[0] == "osie, split val: 6 images, longest side 400"
    assert lines[1].split() == ["role", "n", *made_evaluation().settings["metrics"]]
    right = made_evaluation().summary()["osie"]["right"]
    assert lines[2].split() == ["right", "6", *(f"{each.mean:.4f}" for each in right.values())]
    assert len({len(line) for line in lines[1:3]}) == 1
    assert "AUC_Judd" not in only_maps and "judge\n  right" in only_maps
    assert "maps_only: no baseline people: the viewers are not identified." in only_maps
    assert "paraphrase-1" not in text and "avad, split test: 2 videos" in avad
    for part in ("protocol paper", "revision 0123", "mindaam evaluate --data gaze -o out", "interval"):
        assert part in " ".join(about.split())


def test_the_markdown_has_a_row_for_each_dataset_role_and_condition(tasks, viewing):
    table = tables.markdown(evaluate(same(), [tasks, viewing], PLAN))
    lines = table.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 10
    assert sum(line.startswith("| taskfix |") for line in lines) == 5
    assert sum(line.startswith("| taskfix: judge_emotion |") for line in lines) == 5
    assert sum(line.startswith("| osie") for line in lines) == 5
    assert "- taskfix: CC of the right prompt +0.0000 against others, +0.0000 against generic." in lines
    assert not any("osie: CC of the right prompt" in line for line in lines)  # one condition has no others


def test_every_table_states_how_it_was_made():
    made = made_evaluation()
    for text in (tables.markdown(made), tables.terminal(made)):
        flat = " ".join(text.split())
        for part in (
            "protocol paper",
            "longest side 400",
            "sigma 1 degree",
            "revision 0123456",
            made.settings["command"],
        ):
            assert part in flat
    installed = made._replace(settings={**made.settings, "revision": None})
    assert "mindaam 0.1.0, an installed package:" in tables.markdown(installed)


def test_intervals_and_other_counts_are_beside_a_mean():
    made = made_evaluation()
    right = made.settings["sets"]["osie"]["scores"]["right"]
    right["CC"] = right["CC"]._replace(mean=0.5, low=0.4, high=0.65)
    right["NSS"] = right["NSS"]._replace(n=5)
    assert "| osie | right | 6 | 0.5000 [0.4000, 0.6500] |" in tables.markdown(made)
    assert "(n = 5) |" in tables.markdown(made)
    assert "\nsmaller n: right NSS 5\n" in tables.terminal(made)
    assert "smaller n" not in tables.terminal(made_evaluation())
    assert tables.terminal(made).splitlines()[3].split()[:2] == ["±", "0.1250"]


def test_the_json_report_has_the_keys_of_earlier_versions(tasks):
    report = json.loads(json.dumps(tables.report(evaluate(Oracle(), [tasks], PLAN)), allow_nan=False))
    assert report["longest_side"] == 400
    part = report["sets"]["taskfix"]
    assert (part["pictures"], part["pairs"], part["split"]) == (2, 4, "val") and part["ground_truth"]
    assert part["scores"]["right"]["CC"] == pytest.approx(1, abs=1e-6)
    assert part["conditions"]["judge_emotion"]["right"]["CC"] == pytest.approx(1, abs=1e-6)
    rows = [row for row in report["rows"] if row["role"] == "others"]
    assert {(row["image"], row["condition"]) for row in rows} == set(tasks.entries)
    assert np.mean([row["CC"] for row in rows]) == pytest.approx(part["scores"]["others"]["CC"])
    assert part["intervals"]["others"]["CC"]["n"] == 4 and report["protocol"]["name"] == "paper"
    assert list(report["rows"][0])[:4] == ["dataset", "image", "condition", "role"]


def test_an_undefined_score_is_null_in_json_and_a_dash_in_tables():
    made = made_evaluation()
    made.rows[0]["CC"] = math.nan
    right = made.settings["sets"]["osie"]["scores"]["right"]
    right["CC"] = type(right["SIM"])(math.nan, math.nan, math.nan, 0)
    assert "| osie | right | 6 | - (n = 0) |" in tables.markdown(made)
    report = json.loads(json.dumps(tables.report(made), allow_nan=False))
    assert report["rows"][0]["CC"] is None and report["sets"]["osie"]["scores"]["right"]["CC"] is None
