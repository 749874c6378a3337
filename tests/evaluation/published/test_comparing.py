"""Measured means beside the published figures of the same dataset."""

from mindaam.evaluation.published import beside
from mindaam.evaluation.published.comparing import marked, measured_cells
from mindaam.evaluation.results import Evaluation
from tests.evaluation.made import made_evaluation


def only(name, **settings):
    """The made Evaluation with one of its datasets."""
    whole = made_evaluation()
    sets = {name: whole.settings["sets"][name]}
    return Evaluation(whole.settings | {"sets": sets} | settings, whole.rows_of(name))


def test_each_evaluated_dataset_of_the_paper_has_a_table_and_the_others_are_not_run():
    evaluation = made_evaluation()
    osie, avad, missing = beside(evaluation)
    assert osie.title == "OSIE beside the published figures" and avad.title.startswith("AVAD")
    assert osie.head == ["method", "source", "n", "CC", "KLD", "AUC_Judd", "SIM"]
    names = [row[0] for row in osie.rows]
    assert names[:4] == ["MindAAM: aam_made", "center bias", "constant map", "people predict people"]
    assert len(names) == 12 and names[-2:] == ["SUM (Hosseini et al., 2025b)", "AAM (the paper)"]
    mean, low, high, n = evaluation.summary()["osie"]["right"]["CC"]
    assert osie.rows[0][1:3] == ["measured", str(n)]
    assert osie.rows[0][3].removesuffix(" *") == f"{mean:.3f} [{low:.3f}, {high:.3f}]".replace(" [nan, nan]", "")
    assert [row[0] for row in avad.rows if row[1] == "published"][-1] == "AAM (the paper), Zero-shot, w/o Text"
    assert len(missing.rows) == 14 and {row[-1] for row in missing.rows} == {"not run"}
    assert ["MIT1003", "Table 19", "CC 0.831, KLD 0.446, AUC_Judd 0.923, SIM 0.674", "not run"] in missing.rows


def test_all_circumstances_of_the_measured_means_are_stated():
    text = "\n".join(beside(only("osie"))[0].notes)
    for part in (
        "6 images of split val", "sigma 1°", "longest side 400", "protocol paper:", "95 % bootstrap interval",
        "mindaam evaluate --data gaze -o out", "0123456789abcdef", "Table 1 and 19", "may differ",
    ):  # fmt: skip
        assert part in text


def test_a_dataset_that_the_paper_does_not_have_gets_no_table():
    (missing,) = beside(only("maps_only"))
    assert missing.title.endswith("not run") and len(missing.rows) == 16


def test_the_best_value_is_marked_smallest_for_divergences_and_baselines_do_not_count():
    rows = [["a", "0.5", "0.2"], ["b", "0.9", "0.1"], ["c", "0.5", "-"], ["d", "0.4", "0.2"]]
    values = [{"CC": 0.5, "KLD": 0.2}, {}, {"CC": 0.5}, {"CC": 0.4, "KLD": 0.2}]
    shown = marked(rows, values, ["CC", "KLD"])
    assert shown == [["a", "0.5 *", "0.2 *"], ["b", "0.9", "0.1"], ["c", "0.5 *", "-"], ["d", "0.4", "0.2 *"]]
    assert rows[0][1] == "0.5"


def test_an_undefined_or_missing_metric_is_a_dash_and_n_a_range():
    nan = float("nan")
    means = {"CC": (0.5, nan, nan, 1), "NSS": (nan, nan, nan, 0), "SIM": (0.25, 0.2, 0.3, 7)}
    assert measured_cells(means, ["CC", "NSS", "SIM", "KLD"]) == ["0-7", "0.500", "-", "0.250 [0.200, 0.300]", "-"]


def test_maps_of_another_tool_and_a_model_without_audio_are_named():
    (first, *_), (second, *_) = (
        beside(only("avad", **more)) for more in ({"source": {"maps": "other/"}}, {"audio": "off"})
    )
    assert first.rows[0][0] == "MindAAM: maps of other/" and second.rows[0][0] == "MindAAM: aam_made, audio off"
