"""Arithmetic over runs and seeds, by hand."""

import csv
import io
import math

import pytest

from mindaam.evaluation.ablations import statistics
from mindaam.evaluation.ablations.statistics import Spread, by_dataset, counted, over_datasets, rows_of_run, spread

SCORES = {"osie": {"CC": 0.8}, "taskfix": {"CC": 0.6, "CC_others": 0.5}}


def rows(values):
    """Rows of one metric, {(run, seed, dataset): value}."""
    return [
        {"run": run, "seed": seed, "dataset": dataset, "metric": "CC", "value": value}
        for (run, seed, dataset), value in values.items()
    ]


def test_which_scores_count():
    assert counted(SCORES, "own", ["osie"]) == {"osie": SCORES["osie"]}
    assert counted(SCORES, "others", ["osie"]) == {"taskfix": SCORES["taskfix"]}
    assert counted(SCORES, "taskfix", []) == {"synthetic videos": SCORES["taskfix"]}


def test_the_spread_is_the_sample_standard_deviation_over_seeds():
    assert spread([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 3)
    assert spread([4.0])[::2] == (4.0, 1) and math.isnan(spread([4.0]).sd)
    assert spread([1.0, math.nan, 3.0]).seeds == 2 and spread([]).seeds == 0


def test_a_seeds_value_is_the_mean_over_its_runs():
    found = by_dataset(rows({("a", 0, "osie"): 0.2, ("b", 0, "osie"): 0.4, ("a", 1, "osie"): 0.5}))
    assert found["osie"]["CC"].mean == pytest.approx((0.3 + 0.5) / 2)
    assert found["osie"]["CC"].sd == pytest.approx(0.2 / math.sqrt(2))


def test_over_datasets_each_counts_alike_and_incomplete_seeds_do_not():
    values = {("a", 0, "osie"): 0.2, ("b", 0, "osie"): 0.4, ("a", 0, "taskfix"): 0.7}
    whole = {**values, ("a", 1, "osie"): 0.5, ("a", 1, "taskfix"): 0.7, ("a", 2, "osie"): 9.0}
    found = over_datasets(rows(whole))["CC"]
    assert found.mean == pytest.approx((0.5 + 0.6) / 2) and found.seeds == 2


def test_the_csv_file_has_all_digits_and_one_row_per_metric():
    head = {"ablation": "A", "row": "A2", "data": "small", "run": "x", "seed": 1}
    made = rows_of_run(head, {"taskfix": {"CC": 0.1 + 0.2, "CC_others": 0.5}}, "own", ["taskfix"])
    read = list(csv.DictReader(io.StringIO(statistics.text(made))))
    assert [row["metric"] for row in read] == ["CC", "CC_others"] and float(read[0]["value"]) == 0.1 + 0.2
    assert tuple(read[0]) == statistics.COLUMNS and read[0]["trained_on"] == "taskfix"
