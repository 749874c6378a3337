"""Resizing and reading of maps and fixations."""

import cv2
import numpy as np
import pytest

from mindaam.errors import InputError
from mindaam.metrics import maps, points_of


@pytest.mark.parametrize("size", [(10, 21), (7, 9), (3, 4), (1, 1), (7, 30)])
def test_bilinear_is_the_half_pixel_one(size):
    values = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    want = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(maps.fit(values.astype(np.float64), size), want, atol=1e-6)


def test_bilinear_keeps_constants_and_ramps():
    assert maps.fit(np.full((1, 1), 2.5), (4, 6)) == pytest.approx(np.full((4, 6), 2.5))
    ramp = np.tile(np.arange(8.0), (3, 1))
    inside = maps.fit(ramp, (3, 16))[:, 1:-1]
    np.testing.assert_allclose(np.diff(inside, axis=1), 0.5)


def test_a_map_of_the_right_size_is_untouched():
    values = np.ones((3, 4))
    assert maps.fit(values, [3, 4], None) is values


def test_points_of_a_mask_come_back_as_the_mask():
    mask = np.zeros((5, 8), bool)
    mask[[0, 4, 2], [7, 0, 3]] = True
    assert points_of(mask).tolist() == [[7, 0], [3, 2], [0, 4]]
    assert (maps.fixated(mask.shape, points_of(mask) + 0.9) == mask).all()


def test_points_must_be_pairs():
    assert maps.as_points([]).shape == (0, 2)
    with pytest.raises(InputError, match=r"\[n,2\]"):
        maps.as_points(np.ones((4, 3)))


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([[5.0, 5.0], [np.nan, np.nan], [7.0, 8.0]], "1 of 3 fixations are not finite numbers, the first at index 1"),
        ([[np.inf, 1.0]], "1 of 1"),
        ([[1.0, -np.inf], [np.nan, 2.0]], "2 of 2"),
        ([[1.0, 2.0], [3.0]], "rows of one length"),
        ([["a", "b"]], "real numbers"),
        ([[1 + 2j, 3]], "real numbers"),
        ([[None, 1.0]], "real numbers"),
        (np.ma.masked_invalid([[1.0, np.nan]]), "masked"),
        ([1.0, 2.0], r"got shape \(2,\)"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
    ],
)
def test_points_that_are_no_places_are_refused(points, says):
    with pytest.raises(InputError, match=says):
        maps.as_points(points)


def test_a_map_is_of_real_numbers():
    with pytest.raises(InputError, match="real numbers"):
        maps.as_map([["a", "b"]], "prediction")
    with pytest.raises(InputError, match="rows of one length"):
        maps.as_map([[1, 2], [3]], "prediction")
    assert maps.as_map([[True, False]], "prediction").dtype == np.float64


@pytest.mark.parametrize("far", [1e12, 1e300])
def test_a_point_however_far_beyond_the_border_counts_for_the_border_pixel(far):
    values = np.arange(12.0).reshape(3, 4)
    assert maps.values_at(values, np.array([[far, far], [-far, -far], [far, 0]])).tolist() == [11, 0, 3]


def test_maps_are_scaled_and_become_densities():
    values = np.array([[-1.0, 1.0], [3.0, 3.0]])
    assert maps.scaled(values, "range").tolist() == [[0, 0.5], [1, 1]]
    assert maps.scaled(values, None) is values
    assert maps.scaled(np.ones((2, 2)), "range").tolist() == np.zeros((2, 2)).tolist()
    assert maps.as_density(values, "range").tolist() == [[0, 0.2], [0.4, 0.4]]
    assert maps.as_density(values, "sum") == pytest.approx(np.array([[0, 1], [3, 3]]) / 7)
    for normalize in ("range", "sum"):
        assert maps.as_density(np.zeros((2, 2)), normalize).tolist() == np.full((2, 2), 0.25).tolist()


def test_a_constant_stays_exactly_constant_when_it_is_resized():
    assert np.ptp(maps.fit(np.full((7, 5), 0.3), (31, 17))) == 0
