"""The overlay and the grey map: what they promise about pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.errors import ConfigError, InputError
from mindaam.inference import render


def bump(height, width, centre, sigma):
    """A Gaussian density that sums to 1."""
    y, x = np.mgrid[:height, :width]
    values = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2.0 * sigma**2))
    return (values / values.sum()).astype(np.float32)


def test_attended_regions_are_coloured_and_others_keep_the_picture():
    image = np.full((120, 160, 3), 128, np.uint8)
    picture = render.overlay(image, bump(120, 160, (40, 50), 12.0), contours=False)
    assert picture.shape == image.shape and picture.dtype == np.uint8
    red, green, blue = picture[40, 50].astype(int)
    assert red > 200 and red - blue > 60  # inferno's top, over grey
    assert np.ptp(picture[110, 150].astype(int)) == 0  # no tint far away
    assert picture[110, 150, 0] == pytest.approx(128, abs=1)  # as bright as it was
    assert (image == 128).all()  # the photograph itself is left alone


def test_the_tables_mix_as_the_formula_does():
    draw = np.random.default_rng(3)
    image, power = draw.integers(0, 256, (64, 256, 3), dtype=np.uint8), np.linspace(0, 1, 256)
    eased = (power * power * (3 - 2 * power))[:, None]
    gray = image @ np.array([0.299, 0.587, 0.114])
    lit = image + (gray[..., None] - image) * render.FADE * (1 - eased)
    opacity = render.OPACITY * np.sqrt(eased)
    density = np.tile(np.append(power, np.full(256, 1.0)).astype(np.float32), (64, 1))
    twice = np.concatenate([image, image], 1)  # enough of the peak that it is the quantile too
    picture = render.overlay(twice, density, contours=False)[:, :256]
    np.testing.assert_allclose(picture, lit * (1 - opacity) + render.heat(power) * opacity, atol=3.5)


def test_unattended_detail_stays_visible():
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, ::2] = 255
    picture = render.overlay(image, bump(100, 100, (10, 10), 4.0), contours=False).astype(int)
    assert (picture[80, 1::2].mean() < 5) and (picture[80, ::2].mean() > 150)


def test_blending_in_bands_leaves_no_seam(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (97, 60, 3), dtype=np.uint8)
    density = bump(97, 60, (48, 30), 20.0)
    whole = render.overlay(image, density)
    monkeypatch.setattr(render, "BAND", 10)
    assert np.array_equal(whole, render.overlay(image, density))


def test_contours_are_drawn_where_they_belong_and_not_along_the_frame():
    image = np.full((200, 200, 3), 60, np.uint8)
    density = bump(200, 200, (100, 0), 30.0)  # cut by the left edge
    bare = render.overlay(image, density, contours=False).astype(int)
    drawn = np.abs(render.overlay(image, density).astype(int) - bare).sum(axis=2) > 40
    half = render.mass_level(density, 0.5)
    edge = np.argmin(np.abs(density[100] - half))
    assert drawn[100, edge - 2 : edge + 3].any()
    assert not drawn[90:110, :3].any()


def test_mass_level_encloses_the_share_in_the_smallest_region():
    density = bump(80, 90, (40, 45), 9.0)
    for share in (0.2, 0.5, 0.9):
        inside = density >= render.mass_level(density, share)
        assert density[inside].sum() == pytest.approx(share, abs=0.02)  # equal pixels fall on one side together
    # of a Gaussian, half lies within sigma * sqrt(2 ln 2)
    assert (density >= render.mass_level(density, 0.5)).sum() == pytest.approx(np.pi * 81 * 2 * np.log(2), rel=0.03)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (3, 1500)])
def test_odd_sizes(size):
    image = np.full((*size, 3), 200, np.uint8)
    density = np.random.default_rng(1).random(size, np.float32)
    assert render.overlay(image, density).shape == image.shape
    assert render.overlay(image, np.full(size, 0.5, np.float32)).shape == image.shape


def test_a_flat_density_tints_nothing():
    image = np.full((40, 40, 3), 100, np.uint8)
    picture = render.overlay(image, np.full((40, 40), 1 / 1600, np.float32))
    assert np.unique(picture).tolist() == [100]
    assert not render.gray_map(np.full((4, 4), 0.3)).any()


def test_a_white_page_stays_white_where_nobody_looks():
    page = np.full((120, 160, 3), 255, np.uint8)
    picture = render.overlay(page, bump(120, 160, (40, 50), 8.0), contours=False)
    assert picture[100:, 120:].min() >= 254 and picture[40, 50, 2] < 240


def test_fog_hides_what_is_not_attended_and_contours_leave_the_pixels():
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    density = bump(120, 160, (40, 50), 12.0)
    fog = render.overlay(image, density, contours=False, look=render.Look("fog"))
    np.testing.assert_allclose(fog[40, 50], image[40, 50], atol=4)
    np.testing.assert_allclose(np.ptp(fog[100:, 120:].astype(int)), 0.28 * 255, atol=5)  # 1 - OPACITY of its contrast
    lines = render.overlay(image, density, look=render.Look("contour"))
    same = (lines == image).all(2)
    assert same[40, 50] and 0.7 < same.mean() < 1


@pytest.mark.parametrize("style", render.STYLES)
def test_without_opacity_only_color_fades(style):
    image = np.full((60, 80, 3), 90, np.uint8)
    density = bump(60, 80, (30, 40), 9.0)
    bare = style == "contour"
    picture = render.overlay(image, density, contours=bare, look=render.Look(style, 0.0))
    np.testing.assert_allclose(picture, image, atol=1)
    stronger = render.overlay(image, density, contours=bare, look=render.Look(style, 1.0)).astype(int)
    weaker = render.overlay(image, density, contours=bare, look=render.Look(style, 0.4)).astype(int)
    assert np.abs(stronger - 90).max() > np.abs(weaker - 90).max() > 20


def test_looks_are_checked():
    assert render.checked_look(render.Look("fog", 0.5)) == ("fog", 0.5, True)
    with pytest.raises(ConfigError, match='unknown style of overlay "haet".*did you mean "heat"'):
        render.checked_look(render.Look("haet"))
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="--opacity must be between 0 and 1"):
            render.checked_look(render.Look("heat", wrong))


def test_sizes_must_agree():
    with pytest.raises(InputError, match="resize the density"):
        render.overlay(np.zeros((4, 5, 3), np.uint8), np.ones((5, 4), np.float32))


def test_heat_rises_in_lightness():
    colors = render.heat(np.linspace(0, 1, 64)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(colors) > 0).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(1e-3, 1e3))
def test_grey_map_spans_all_greys_whatever_the_scale(shift, scale):
    values = np.linspace(0, 1, 256).reshape(16, 16)
    assert np.abs(render.gray_map(shift + scale * values).astype(int) - np.arange(256).reshape(16, 16)).max() <= 1
