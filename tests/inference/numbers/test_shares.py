"""Shares, top points and spread, against sums and maps whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.inference.numbers.regions import Region, areas, box
from mindaam.inference.numbers.shares import shares, spread, top_points


def blob(size, x, y, sigma):
    rows, columns = np.indices(size)
    return np.exp(-((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def test_shares_are_sums_of_the_density_on_the_pixel_grid():
    density = np.random.default_rng(0).random((40, 60), np.float32)
    found = shares(density, areas([Region("a", box(5, 6, 10, 20)), Region("b", box(30, 0, 30, 40))], (40, 60)))
    whole = density.sum(dtype=np.float64)
    assert found[0].attention == pytest.approx(density[6:26, 5:15].sum(dtype=np.float64) / whole, rel=1e-12)
    assert found[1].attention == pytest.approx(density[:, 30:].sum(dtype=np.float64) / whole, rel=1e-12)
    assert [each.area for each in found] == [200 / 2400, 0.5] and [each.rank for each in found] == [2, 1]
    assert found[0].ratio == found[0].attention / found[0].area


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.data())
def test_parts_add_up_and_scale_does_not_matter(height, width, seed, data):
    density = np.random.default_rng(seed).random((height, width), np.float32) + 0.01
    cut = data.draw(st.integers(0, width))
    parts = [Region(n, box(x, 0, w, height)) for n, x, w in (("l", 0, cut), ("r", cut, width - cut)) if w]
    found = shares(density, areas(parts, density.shape))
    assert sum(each.attention for each in found) == pytest.approx(1, abs=1e-9)
    assert sum(each.area for each in found) == pytest.approx(1)
    again = shares(density * 7, areas(parts, density.shape))
    np.testing.assert_allclose([each.attention for each in again], [each.attention for each in found], rtol=1e-5)


def test_equal_regions_have_equal_ranks():
    flat = np.ones((10, 10), np.float32)
    parts = [Region("a", box(0, 0, 5, 5)), Region("b", box(5, 5, 5, 5)), Region("c", box(0, 5, 2, 2))]
    assert [each.rank for each in shares(flat, areas(parts, flat.shape))] == [1, 1, 3]


def test_top_points_are_the_blobs_by_their_attention():
    size = (300, 500)
    density = blob(size, 100, 80, 8) + 0.6 * blob(size, 400, 200, 8) + 1e-5
    first, second, *rest = top_points(density)
    assert (first.rank, second.rank) == (1, 2) and first.attention > second.attention
    assert abs(first.x - 100) < 4 and abs(first.y - 80) < 4 and abs(second.x - 400) < 4 and abs(second.y - 200) < 4
    assert first.attention == pytest.approx(0.6, abs=0.06) and all(point.attention < 0.05 for point in rest)
    assert len(top_points(density, 1)) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 3), (30, 40)])
def test_a_flat_map_has_no_top_point_and_half_of_it_holds_half(size):
    flat = np.full(size, 1 / (size[0] * size[1]), np.float32)
    assert top_points(flat) == []
    assert spread(flat) == pytest.approx(0.5, abs=0.02) or size == (1, 1)


def test_spread_is_the_area_of_the_densest_part():
    density = np.full((100, 100), 0.5 / 9000, np.float32)
    density[:10] = 0.5 / 1000
    assert spread(density) == pytest.approx(0.1, abs=1e-3)
    assert spread(density, 0.75) == pytest.approx(0.55, abs=1e-3)
