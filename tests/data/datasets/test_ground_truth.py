"""What a density is made of: its source, how wide a degree is, which fixations count, and what reports say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mindaam.data import transforms
from mindaam.data.datasets.catalogue import Viewing, catalogue, record
from mindaam.data.datasets.ground_truth import (
    GroundTruth,
    blurred,
    chosen_source,
    describe,
    inside,
    pixels_per_degree,
)
from mindaam.errors import ConfigError
from mindaam.schema import validate


def viewing(**facts):
    return Viewing(source="the paper", **facts)


def layout_of(key, name):
    return next(layout for layout in record(key).layouts if layout.name == name)


@pytest.mark.parametrize(
    ("facts", "size", "expected"),
    [
        ({}, (600, 900), 30.0),  # 30 degrees wide
        ({"px_per_degree": 35}, (600, 900), 35.0),
        ({"px_per_degree": 24, "width": 800}, (600, 800), 24.0),
        ({"px_per_degree": 24, "width": 800}, (256, 256), 7.68),
        ({"px_per_degree": 40, "screen": (1920, 1200)}, (1200, 1920), 40.0),
        ({"px_per_degree": 40, "screen": (1920, 1200)}, (2400, 1080), 80.0),  # shown at half its size
        ({"px_per_degree": 40, "screen": (1920, 1200)}, (300, 960), 20.0),  # shown at twice its size
    ],
)
def test_pixels_a_degree(facts, size, expected):
    assert pixels_per_degree(viewing(**facts), size) == pytest.approx(expected)


def test_a_blur_keeps_its_degrees_at_every_size():
    points = np.float32([[10.5, 20.25], [30, 5]])
    stored = blurred(points, (40, 60), (40, 60), 3.0)
    np.testing.assert_array_equal(stored, transforms.fixation_density(points, (40, 60), 3.0))
    squeezed = transforms.fixation_density(points * np.float32([1 / 3, 1 / 2]), (20, 20), (1.5, 1.0))
    np.testing.assert_allclose(blurred(points, (40, 60), (20, 20), 3.0), squeezed, atol=1e-7)


def test_only_finite_fixations_inside_count():
    points = [[0, 0], [59.99, 39.99], [60, 5], [5, 40], [-0.01, 5], [5, -1], [np.nan, 5], [5, np.inf], [30, 20]]
    kept = inside(np.array(points), (40, 60))
    np.testing.assert_array_equal(kept, np.float32([[0, 0], [59.99, 39.99], [30, 20]]))
    assert kept.dtype == np.float32 and kept.flags.c_contiguous
    assert inside([], (40, 60)).shape == (0, 2) == inside(np.zeros((0, 2)), (4, 6)).shape


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 8), st.just(2))), st.integers(1, 99), st.integers(1, 99))
def test_what_is_inside_falls_into_a_pixel(points, height, width):
    kept = inside(points, (height, width))
    assert (np.floor(kept) >= 0).all() and (np.floor(kept) < [width, height]).all()
    np.testing.assert_array_equal(inside(kept, (height, width)), kept)


@pytest.mark.parametrize(
    ("key", "layout", "wanted", "expected"),
    [
        ("salicon", "official", None, "maps"),  # the record's default
        ("salicon", "official", "fixations", "fixations"),
        ("salicon", "annotations", None, "fixations"),  # which has no maps
        ("salicon", "annotations", "maps", "fixations"),
        ("mit1003", "official", None, "fixations"),
        ("mit1003", "released", None, "maps"),  # the layout's default
        ("mit1003", "released", "fixations", "fixations"),
        ("figrim", "released", "fixations", "maps"),  # which has no fixations
    ],
)
def test_the_source_is_what_is_asked_for_if_it_is_there(key, layout, wanted, expected):
    assert chosen_source(GroundTruth(source=wanted), record(key), layout_of(key, layout)) == expected


def test_every_layout_has_the_source_it_is_read_with():
    for each in catalogue().values():
        for layout in each.layouts:
            for wanted in (None, "maps", "fixations"):
                source = chosen_source(GroundTruth(source=wanted), each, layout)
                assert layout.maps if source == "maps" else layout.fixations


def test_reports_say_what_densities_are_made_of():
    truth = GroundTruth()
    assert describe(truth, "maps", viewing()) == "the published density maps"
    plain = "fixations blurred with a Gaussian of sigma 1 degree"
    assert describe(truth, "fixations", viewing(px_per_degree=35)) == f"{plain} = 35 pixels (the paper)"
    stored = viewing(px_per_degree=24, width=800)
    assert describe(truth, "fixations", stored) == f"{plain} = 24 pixels on 800 pixels' width (the paper)"
    screen = viewing(px_per_degree=40, screen=(1920, 1200))
    assert describe(truth, "fixations", screen) == f"{plain} = 40 pixels of the screen (the paper)"
    assert describe(truth, "fixations", viewing()) == f"{plain}, images taken to be 30 degrees wide (the paper)"
    half = GroundTruth(sigma_degrees=0.5)
    assert "sigma 0.5 degree = 12 pixels on 800 pixels' width" in describe(half, "fixations", stored)


@pytest.mark.parametrize("values", [{"source": "map"}, {"sigma_degrees": 0}, {"sigma_degrees": 11}, {"sigma": 1}])
def test_a_ground_truth_that_cannot_be(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        validate(GroundTruth, values, "here")
