"""Depths, cones and weights are those of the functions that prediction uses."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.errors import ConfigError
from mindaam.evaluation.hyperbolic import hierarchy, quantities
from mindaam.geometry import lorentz
from tests.evaluation.hyperbolic.small_predictor import small_predictor

TEXTS = ["Count the people.", "Look around freely.", "Judge the mood."]


@pytest.fixture(scope="module")
def predictor():
    return small_predictor()


@pytest.fixture(scope="module")
def points(predictor):
    images = [np.full((28, 42, 3), tone, np.uint8) for tone in (0, 120, 255)]
    return quantities.points_of(predictor, TEXTS, images)


def test_points_are_those_of_a_prediction(predictor, points):
    image = np.full((28, 42, 3), 120, np.uint8)
    found = predictor.model.infer_prepared(predictor.prepared(image), predictor.embed(TEXTS[:1]))
    np.testing.assert_allclose(points.images[1], found.image_point[0], atol=1e-6)
    np.testing.assert_allclose(points.prompts[0], found.text_point[0], atol=1e-6)
    np.testing.assert_allclose(points.anchor, found.anchor_point[0], atol=1e-6)
    assert points.curvature == pytest.approx(float(found.curvature))
    assert points.together().shape == (7, points.anchor.size)


def test_rows_hold_depth_aperture_lambda_and_weights(predictor, points):
    rows = quantities.prompt_rows(predictor, TEXTS, points)
    curvature = ms.Tensor(points.curvature, ms.float32)
    depth = lorentz.distance_to_origin(ms.Tensor(points.prompts), curvature).asnumpy()
    for row, each in zip(rows, depth, strict=True):
        assert row["depth"] == pytest.approx(float(each))
        assert row["lambda_1"] == pytest.approx(0.1 + 0.4 * float(each))
        assert row["lambda_head"] == pytest.approx(0.2 + 0.5 * float(each))
        assert row["temperature"] == pytest.approx(0.25 * row["aperture"])
        assert row["saturated"] == (row["norm"] <= quantities.saturation_norm(points))
        assert row["local_1"] > 0 and row["global_head"] > 0


def test_a_cone_saturates_at_the_reported_depth(points):
    curvature = ms.Tensor(points.curvature, ms.float32)
    norms = quantities.saturation_norm(points) * np.array([0.5, 1.0, 1.05], np.float32)
    apertures = lorentz.half_aperture(ms.Tensor(norms[:, None]), curvature).asnumpy()
    assert apertures[0] == pytest.approx(apertures[1], abs=5e-3) and apertures[2] < apertures[1] - 0.1
    deep = lorentz.distance_to_origin(ms.Tensor(norms[1:2, None]), curvature).asnumpy()[0]
    assert deep == pytest.approx(quantities.smallest_cone(points), rel=1e-5)


def test_cones_contain_what_lies_straight_beyond(predictor):
    ray = np.zeros((1, 4), np.float32)
    ray[0, 0] = 0.5
    points = quantities.Points(0.5 * ray[0], ray, np.concatenate([2 * ray, -ray]), 1.0)
    found = quantities.cones(predictor, points)
    assert found.anchor.all() and found.inside.tolist() == [[True, False]]
    assert found.angles[0, 0] < 0.01 and found.angles[0, 1] > 3.1


def test_the_finding_reports_saturation():
    for depths, saturated, start in (
        (
            [0.1, 0.2],
            2,
            "All cones are saturated: the 2 prompts lie at depths of 0.100 to 0.200, below the depth 0.217",
        ),
        ([0.3, 0.4], 0, "No cone is saturated"),
        ([0.1, 0.4], 1, "1 of 2 cones are saturated"),
    ):
        assert hierarchy.finding(depths, 0.217, 0.219, saturated).startswith(start)


def test_a_euclidean_decoder_is_refused(predictor, monkeypatch):
    changed = predictor.model.config.model_copy(update={"hyperbolic": "none"})
    monkeypatch.setattr(predictor.model, "config", changed)
    with pytest.raises(ConfigError, match="is Euclidean"):
        quantities.points_of(predictor, TEXTS, [])
