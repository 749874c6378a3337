"""Rows of images: what is predicted, and how its scores are put together."""

import numpy as np
import pytest

from mindaam import metrics
from mindaam.data import prompts, transforms
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.errors import InputError
from mindaam.evaluation.evaluating import evaluate
from mindaam.evaluation.images import mean_scores, rows_of_image
from mindaam.evaluation.train_gaze import TrainGaze
from mindaam.evaluation.truths import truth_of_image
from mindaam.metrics.protocols import METRICS
from mindaam.metrics.settings import MIT
from tests.evaluation.sets import HIGH, PAPER, PLAN, WIDE, Oracle, Source, same, write_fixations

BASELINES = {"center_bias", "uniform", "people"}


def test_each_image_is_predicted_once_with_each_prompt_once(tasks):
    oracle = Oracle()
    evaluate(oracle, [tasks], PLAN)
    assert len(oracle.calls) == 2
    expected = {prompts.generic_prompt()}
    for condition in tasks.conditions:
        expected |= {prompts.training_prompts("taskfix", condition)[0], prompts.held_out_prompt("taskfix", condition)}
    for _, _, asked in oracle.calls:
        assert len(asked) == len(set(asked))
        assert set(asked) == expected


def test_roles_score_the_prompts_that_they_name(tasks):
    evaluation = evaluate(Oracle(), [tasks], PLAN)
    scores = evaluation.summary()["taskfix"]
    assert scores["right"]["CC"].mean == pytest.approx(1, abs=1e-6) and scores["right"]["CC"].n == 4
    assert scores["right"]["SIM"].mean == pytest.approx(1, abs=1e-6)
    swapped = metrics.cc(tasks.density(0), tasks.density(2))  # the same image under the other task
    assert scores["others"]["CC"].mean == pytest.approx(swapped, abs=1e-6)
    assert scores["generic"]["CC"].mean == scores["held_out"]["CC"].mean == 0
    conditions = evaluation.conditions()["taskfix"]
    assert set(conditions) == {"count_people", "judge_emotion"}
    assert conditions["judge_emotion"]["right"]["CC"].mean == pytest.approx(1, abs=1e-6)
    assert not {"NSS", "AUC_Judd", "sAUC"} & set(evaluation.rows[0])


def rows(predict_many, reader, roles, protocol=PLAN.protocol):
    """The rows of the first image of a reader, without those of baselines."""
    name = reader.entries[0][0]
    indices = [index for index, (each, _) in enumerate(reader.entries) if each == name]
    found = rows_of_image(Source(predict_many), reader, indices, lambda _: roles, protocol, TrainGaze(reader), 0)
    return [row for row in found if row["role"] not in BASELINES]


def test_others_is_the_mean_of_all_other_prompts_scores(tasks):
    maps = {"x": np.ones((48, 64)), "y": tasks.density(0)}
    found = rows(lambda image, texts: [maps[text] for text in texts], tasks, {"others": ["x", "y"]})
    assert [(row["name"], row["role"], row["maps"]) for row in found] == [("a.jpg", "others", 1)] * 2
    [own] = [row for row in found if row["condition"] == tasks.entries[0][1]]
    assert own["CC"] == pytest.approx((0 + 1) / 2, abs=1e-6)


def test_an_undefined_score_does_not_enter_a_mean():
    assert mean_scores([{"CC": 0.5}, {"CC": np.nan, "NSS": np.nan}]) == {
        "CC": 0.5,
        "NSS": pytest.approx(np.nan, nan_ok=True),
    }


def test_images_are_predicted_as_stored_and_maps_of_any_size_are_compared_at_400_pixels(viewing):
    source = Source(lambda image, texts: [np.tile(np.linspace(0, 1, 30), (20, 1)) for _ in texts])
    evaluation = evaluate(source, [viewing], PLAN)
    [(name, image, asked)] = source.calls
    assert (name, image.shape, image.dtype) == ("c.jpg", (HIGH, WIDE, 3), np.uint8)
    assert asked[0] == prompts.training_prompts("osie", "free_viewing")[0]
    [row] = evaluation.rows_of("osie", "right")
    assert [key for key in row if key in METRICS] == list(PLAN.protocol.metrics)
    ramp = np.tile(np.linspace(0, 1, 400), (280, 1))
    assert row["CC"] == pytest.approx(metrics.cc(ramp, viewing.density(0, (280, 400))), abs=1e-3)
    scaled = viewing.fixations(0) * (400 / WIDE)
    assert row["NSS"] == pytest.approx(metrics.nss(ramp, scaled), abs=1e-2)


def test_the_protocol_decides_the_variant_of_a_metric(viewing):
    def predict_many(image, texts):
        return [5 + np.tile(np.linspace(0, 1, 400), (280, 1)) for _ in texts]

    [paper] = rows(predict_many, viewing, {"right": ["x"]})
    [mit] = rows(predict_many, viewing, {"right": ["x"]}, PAPER._replace(settings=MIT))
    assert abs(paper["SIM"] - mit["SIM"]) > 1e-3
    assert paper["CC"] == mit["CC"]


def test_without_a_train_split_there_is_no_shuffled_auc_and_no_center_bias(tmp_path):
    write_fixations(tmp_path / "osie", {"val": ["c.jpg"]})
    evaluation = evaluate(same(), [GazeFolder(tmp_path / "osie", "val")], PLAN)
    [row] = evaluation.rows_of("osie", "right")
    assert [key for key in row if key in METRICS] == ["CC", "SIM", "KLD", "NSS", "AUC_Judd"]
    assert not evaluation.rows_of("osie", "center_bias") and evaluation.rows_of("osie", "uniform")
    assert any("train" in note for note in evaluation.settings["sets"]["osie"]["notes"])


def test_a_map_that_is_not_finite_is_named(viewing):
    with pytest.raises(InputError, match="predicted for c.jpg .* not finite"):
        rows(lambda image, texts: [np.full((4, 4), np.nan)], viewing, {"right": ["x"]})


def test_a_source_returns_a_map_for_each_prompt(tasks):
    with pytest.raises(ValueError, match="zip"):
        evaluate(Source(lambda image, texts: [np.ones((4, 4))]), [tasks], PLAN)


def test_the_center_bias_of_one_role_is_scored_beside_each_condition(viewing):
    evaluation = evaluate(same(), [viewing], PLAN)
    uniform = evaluation.summary()["osie"]["uniform"]
    assert uniform["CC"].mean == 0 and uniform["AUC_Judd"].mean == pytest.approx(0.5, abs=0.1)
    assert evaluation.summary()["osie"]["center_bias"]["CC"].n == 1


def test_the_information_gain_counts_from_the_center_bias_of_the_train_split(tmp_path):
    write_fixations(tmp_path / "gaze", {"train": ["t.jpg"], "val": ["v.jpg"]})
    reader, draw = GazeFolder(tmp_path / "gaze", "val"), np.random.RandomState(0)
    size = transforms.fit_within((HIGH, WIDE), 400)
    predicted = draw.random_sample(size).astype(np.float32)
    train = transforms.resize_density(GazeFolder(tmp_path / "gaze", "train").density(0, size), (300, 400))
    points = transforms.scale_fixations(reader.fixations(0), (HIGH, WIDE), size)
    gaze = TrainGaze(reader)
    found = rows_of_image(Source(lambda *_: [predicted]), reader, [0], lambda _: {"right": ["x"]}, PAPER, gaze, 0)
    scores = {row["role"]: row["IG"] for row in found if "IG" in row}
    expected = metrics.information_gain(predicted, points, transforms.resize_density(train, size))
    assert scores["right"] == pytest.approx(expected, abs=1e-4) and abs(expected) > 0.1
    assert scores["center_bias"] == pytest.approx(0, abs=1e-9) and "people" not in scores


def test_no_image_is_a_negative_of_its_own_shuffled_auc(tmp_path):
    write_fixations(tmp_path / "gaze", {"train": ["a.jpg", "b.jpg"], "val": ["v.jpg"]})
    reader = GazeFolder(tmp_path / "gaze", "train")
    for index, other in ((0, 1), (1, 0)):
        truth = truth_of_image(reader, index, PAPER, TrainGaze(reader))
        expected = transforms.scale_fixations(reader.fixations(other), (HIGH, WIDE), truth.density.shape)
        np.testing.assert_allclose(truth.others, expected, rtol=1e-5)
