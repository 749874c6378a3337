"""Resizing, normalising and mirroring keep picture, density and fixations together."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from mindaam.data import transforms
from mindaam.errors import InputError
from tests import gold

GOLDENS = Path(__file__).parent / "goldens"
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def test_shrinking_averages_areas_on_each_axis_alone():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    both = transforms.resize_image(image, (3, 2))
    expected = image.reshape(3, 2, 2, 4, 3).mean((1, 3))
    assert both.dtype == np.uint8 and np.abs(both - expected).max() <= 0.5
    # One axis shrinks while the other grows: the columns must still be averaged, not sampled.
    mixed = transforms.resize_image(np.tile(np.uint8([0, 200]), (2, 4)), (5, 4))
    assert (mixed == 100).all()


def test_growing_is_bilinear_with_aligned_pixel_areas():
    ramp = np.float32([[0.0, 1.0]])
    np.testing.assert_allclose(transforms.resize_image(ramp, (1, 4)), [[0.0, 0.25, 0.75, 1.0]])


def test_same_size_is_the_same_picture():
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    np.testing.assert_array_equal(transforms.resize_image(image, (5, 4)), image)


@settings(deadline=None, max_examples=50)
@given(SIZES, SIZES)
def test_resized_density_sums_to_one_and_keeps_its_centre(stored, size):
    density = np.random.default_rng(0).random(stored).astype(np.float32) + 1e-3
    resized = transforms.resize_density(density / density.sum(), size)
    assert resized.shape == size and resized.dtype == np.float32 and resized.min() >= 0
    assert abs(resized.sum(dtype=np.float64) - 1) < 1e-5
    uniform = transforms.resize_density(np.ones(stored, np.float32), size)
    np.testing.assert_allclose(uniform, 1 / (size[0] * size[1]), rtol=1e-4)


def test_normalise_scales_each_channel():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    pixels = transforms.normalize(image, mean, std)
    assert pixels.shape == (3, 4, 5) and pixels.dtype == np.float32 and pixels.flags.c_contiguous
    for channel in range(3):
        expected = (image[..., channel] / 255.0 - mean[channel]) / std[channel]
        np.testing.assert_allclose(pixels[channel], expected, atol=1e-6)


@pytest.mark.parametrize(
    "size, fitted",
    [((600, 800), (300, 400)), ((256, 256), (256, 256)), ((1, 5000), (1, 400)), ((452, 800), (226, 400))],
)
def test_fit_within_only_shrinks(size, fitted):
    assert transforms.fit_within(size, 400) == fitted


def test_scaled_fixations_stay_at_their_place():
    scaled = transforms.scale_fixations(np.float32([[400, 300], [0, 599]]), (600, 800), (300, 100))
    np.testing.assert_allclose(scaled, [[50, 150], [0, 299.5]])


@pytest.mark.parametrize("sigma", [0.6, 3.0, (2.0, 5.0), 40.0])
def test_density_is_the_plain_gaussian_filter_of_the_counts(sigma):
    rng = np.random.default_rng(0)
    size = (30, 44)
    points = (rng.random((25, 2)) * [44, 30]).astype(np.float32)
    counts = np.zeros(size)
    np.add.at(counts, (points[:, 1].astype(int), points[:, 0].astype(int)), 1)
    expected = gaussian_filter(counts, sigma, mode="constant", truncate=4.0)
    density = transforms.fixation_density(points, size, sigma)
    assert density.dtype == np.float32 and abs(density.sum(dtype=np.float64) - 1) < 1e-5
    np.testing.assert_allclose(density, expected / expected.sum(), atol=1e-8)


def test_fixations_at_the_very_border_stay_inside():
    pixels = transforms.fixated_pixels(np.float32([[8, 6], [-0.5, -0.5], [7.99, 0]]), (6, 8))
    np.testing.assert_array_equal(pixels, [[7, 5], [0, 0], [7, 0]])
    np.testing.assert_array_equal(transforms.fixated_pixels(np.float32([[1e30, -1e30]]), (6, 8)), [[7, 0]])


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_a_fixation_that_is_not_finite_is_in_no_pixel(lost):
    with pytest.raises(InputError, match="finite"):
        transforms.fixation_density(np.float32([[1, 1], [lost, 2]]), (6, 8), 1.0)


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("case", "side", "how"),
    [
        ("image_pre_64_antialias", 64, "antialiased"),
        ("image_pre_160_antialias_up", 160, "antialiased"),
        ("image_pre_64_noantialias", 64, "bilinear"),
    ],
)
def test_the_released_models_see_a_photograph_as_the_reference_gives_it(case, side, how):
    golden = np.load(GOLDENS / "pictures.npz")
    seen = transforms.as_seen(golden["src_u8"], (side, side), how)
    gold.check(golden, case, transforms.normalize(seen, MEAN, STD)[None], atol=3e-6, rtol=0)


def test_frames_are_rounded_on_the_way_as_in_the_reference():
    golden = np.load(GOLDENS / "pictures.npz")
    seen = transforms.resize_antialiased(golden["src_u8"], (64, 64))
    assert seen.dtype == np.uint8
    gold.check(golden, "video_pre_64", transforms.normalize(seen, MEAN, STD), atol=3e-6, rtol=0)


def test_areas_are_the_other_way():
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    ways = ("area", "antialiased", "bilinear")
    averaged, weighted, sampled = (transforms.as_seen(picture, (10, 20), how) for how in ways)
    np.testing.assert_array_equal(averaged, transforms.resize_image(picture, (10, 20)))
    assert np.abs(weighted - averaged).max() > 1 and np.abs(weighted - sampled).max() > 1
