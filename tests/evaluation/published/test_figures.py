"""The figures of the paper: as many as it prints, with its digits, under names that MindAAM has."""

import re
from collections import Counter
from decimal import Decimal

import pytest

from mindaam.data.datasets.catalogue import catalogue
from mindaam.errors import ConfigError
from mindaam.evaluation.published.figures import TITLES, Figure, figures
from mindaam.metrics.protocols import METRICS
from mindaam.zoo.index import record

# The number of figures in each table of the paper and their sum, both taken from its text, not from the CSV files.
PRINTED = {
    "1": (96, "68.652"), "2": (75, "126.197"), "3": (60, "83.981"), "4": (8, "1166.4"), "13": (126, "80.822"),
    "14": (60, "90.434"), "15": (90, "56.859"), "16": (30, "52.234"), "17": (24, "36.921"), "18a": (63, "45.711"),
    "18c": (60, "72.008"), "19": (192, "138.982"), "20": (168, "222.148"), "21": (52, "66.540"), "22": (120, "196.829"),
}  # fmt: skip
# Every fifth figure of AAM or so, read by eye in the paper.
EXAMPLES = [
    Figure("1", "mit1003", "AAM", "the paper", "", "KLD", "0.446", ""),
    Figure("2", "coutrot2", "AAM", "the paper", "", "NSS", "7.46", ""),
    Figure("3", "hollywood2", "TFS-Net", "Li et al., 2025b", "", "NSS", "3.953", ""),
    Figure("20", "hollywood2", "TFS-Net", "Li et al., 2025b", "", "NSS", "3.952", ""),
    Figure("4", "", "STSANet", "Wang et al., 2021", "Video Swin, Fixed", "parameters", "643", "M"),
    Figure("13", "saleci", "AAM", "the paper", "Image+Video (w/o Hyp)", "SIM", "0.455", ""),
    Figure("14", "etmd", "AAM", "the paper", "AV + Video + Image", "CC", "0.550", ""),
    Figure("15", "cat2000", "AAM", "the paper", "SAM2_large", "KLD", "0.266", ""),
    Figure("16", "etmd", "AAM", "the paper", "w/ Audio", "CC", "0.655", ""),
    Figure("17", "ledov", "AAM", "the paper", "w/o Text", "KLD", "0.888", ""),
    Figure("18a", "dhf1k", "AAM", "the paper", "Wrong Prompt (Cross-Task)", "NSS", "2.306", ""),
    Figure("18c", "ueyes", "AAM", "the paper", "G3", "NSS", "1.347", ""),
    Figure("18c", "dhf1k", "AAM", "the paper", "G1", "NSS", "0.576", ""),
    Figure("19", "saleci", "SSwin", "Jiang et al., 2022", "", "AUC_Judd", "0.868", ""),
    Figure("21", "ledov", "Rudoy et al.", "Rudoy et al., 2013", "", "KLD", "2.421", ""),
    Figure("22", "summe", "ViNet", "Jain et al., 2021", "", "NSS", "2.41", ""),
]
RANGES = {"CC": (0.2, 1), "SIM": (0.2, 1), "AUC_Judd": (0.7, 1), "KLD": (0.1, 2.5), "NSS": (0.5, 8)}


@pytest.mark.parametrize("table", PRINTED)
def test_a_table_has_as_many_figures_as_the_paper_prints_and_their_sum(table):
    found = figures(table=table)
    assert (len(found), sum(Decimal(each.value) for each in found)) == (PRINTED[table][0], Decimal(PRINTED[table][1]))
    assert {each.table for each in found} == {table}


def test_all_tables_are_read_and_no_figure_comes_twice():
    assert set(PRINTED) == set(TITLES)
    found = figures()
    assert len(found) == sum(count for count, _ in PRINTED.values()) == 1224
    repeated = [key for key, count in Counter(each[:6] for each in found).items() if count > 1]
    assert not repeated


@pytest.mark.parametrize("figure", EXAMPLES, ids=lambda each: f"{each.table}-{each.dataset}-{each.metric}")
def test_figures_are_in_the_row_and_column_of_the_paper(figure):
    assert figure in figures(figure.dataset, figure.table)


def test_datasets_metrics_and_values_are_known():
    for each in figures():
        assert re.fullmatch(r"\d+(\.\d+)?", each.value) and each.method and each.reference
        if each.table == "4":
            assert (each.dataset, each.metric, each.unit) in {("", "FPS", "img/s"), ("", "parameters", "M")}
        else:
            low, high = RANGES[each.metric]
            assert each.dataset in catalogue() and each.metric in METRICS and each.unit == ""
            assert low < float(each.value) < high, each


def test_figures_of_a_dataset_come_from_all_its_tables():
    assert {each.table for each in figures("diem")} == {"2", "14", "16", "18c", "22"}
    assert {each.dataset for each in figures("avad")} == {"avad"} and figures("figrim") == []


def test_the_zoo_lists_the_same_figures_of_the_paper_s_model():
    names = {"AUC": "AUC_Judd"}
    listed = record("aam_dinov3_vitl16").figures.values
    titles = {"U-EYE": "ueyes", "UCF": "ucf_sports"}
    for dataset, scores in listed.items():
        found = {
            each.metric: float(each.value)
            for table in ("1", "2", "3", "21")
            for each in figures(titles.get(dataset, dataset.lower()), table)
            if each.method == "AAM"
        }
        assert {names.get(key, key): value for key, value in scores.items()} == found, dataset
    assert len(listed) == 15


@pytest.mark.parametrize("table", ["5", "18b", "0", "../x"])
def test_a_table_without_figures_is_an_error(table):
    with pytest.raises(ConfigError, match=r"no figures of Table .*; choose one of 1, 2, 3, 4, 13"):
        figures(table=table)
