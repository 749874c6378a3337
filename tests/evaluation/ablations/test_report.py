"""The tables of an ablation: measured beside published, and what was not run."""

import json

import pytest

from mindaam.evaluation.ablations import report, rows, statistics


def result(values):
    """The Result of ablation F with CC of OSIE for rows, {(row, seed): value}."""
    made = []
    for (row, seed), value in values.items():
        head = {"ablation": "F", "row": row, "data": "small", "run": "joint", "seed": seed}
        made += statistics.rows_of_run(head, {"osie": {"CC": value}}, "own", ["osie"])
    gaps = {("F1", "small"): "missing: eyecrowd", ("F1", "official"): "missing: salicon"}
    return report.Result("F", rows.ablations().ablations["F"], made, gaps, {"seeds": "0, 1", "command": "mindaam x"})


@pytest.fixture
def made():
    return result({("F3", 0): 0.7, ("F3", 1): 0.8, ("F2", 0): 0.5})


def test_rows_are_beside_the_published_means(made):
    whole, apart = report.tables(made)
    lines = {(row[0], row[2]): row[3:] for row in whole.rows}
    assert lines["F3", "measured"] == ["2", "0.7500 ± 0.0707"]
    assert lines["F2", "measured"] == ["1", "0.5000"]
    assert lines["F1", "not run"] == ["0", "-"]
    paper = (0.924 + 0.900 + 0.746 + 0.824 + 0.796 + 0.909) / 6
    assert lines["F3", "published"] == ["", f"{paper:.3f}"]
    assert ["F3", "OSIE", "published", "", "0.900"] in apart.rows
    assert not any(row[1] == "SALICON" for row in apart.rows)


def test_what_was_not_run_is_named(made):
    notes = report.tables(made)[0].notes
    assert "F1: not run: missing: eyecrowd" in notes
    assert "F1 with official datasets: not run: missing: salicon" in notes and "command: mindaam x" in notes


def test_every_file_is_written(made, tmp_path):
    report.write(made, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["F.csv", "F.html", "F.json", "F.md"]
    content = json.loads((tmp_path / "new" / "F.json").read_text())
    assert content["seeds"] == "0, 1" and len(content["rows"]) == 3 and len(content["not_run"]) == 2
    page = (tmp_path / "new" / "F.html").read_text()
    assert "0.7500 ± 0.0707" in page and "Ablation F: Hyperbolic space" in page


def test_an_ablation_without_any_run_has_a_table(tmp_path):
    whole = report.write(result({}), tmp_path)[0]
    assert [row[2] for row in whole.rows[::2]] == ["not run"] * 3
