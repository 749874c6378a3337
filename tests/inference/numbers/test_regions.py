"""The pixels of boxes, polygons and masks, and every region that cannot be used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.errors import InputError
from mindaam.inference.numbers.regions import FRACTION, Region, areas, box, overlaps

SIZE = (20, 30)


def pixels(region, size=SIZE):
    """bool [H, W] of a region's pixels."""
    [area] = areas([region], size)
    found = np.zeros(size, bool)
    found[area.rows, area.columns] = area.inside
    assert area.pixels == found.sum() and area.share == pytest.approx(found.mean())
    return found


def test_a_box_holds_the_pixels_whose_centers_are_inside():
    expected = np.zeros(SIZE, bool)
    expected[2:7, 3:13] = True
    assert np.array_equal(pixels(Region("a", box(3, 2, 10, 5))), expected)
    assert np.array_equal(pixels(Region("a", box(3.4, 2.4, 9.3, 4.2))), expected)
    assert np.array_equal(pixels(Region("a", box(3 / 30, 2 / 20, 10 / 30, 5 / 20), FRACTION)), expected)


def test_a_polygon_and_a_mask():
    triangle = pixels(Region("a", np.array([(0, 0), (20, 0), (0, 20)], float)))
    y, x = np.indices(SIZE)
    assert np.array_equal(triangle[x + y != 19], (x + y < 19)[x + y != 19])  # centers on the edge may be either
    assert np.array_equal(pixels(Region("a", triangle)), triangle)
    star = np.array([(10, 0), (16, 19), (0, 7), (20, 7), (4, 19)], float)
    assert pixels(Region("a", star))[3, 10] and not pixels(Region("a", star))[11, 10]  # even-odd: its middle is outside


@given(st.lists(st.floats(0.1, 29.9), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_neighbors_share_no_pixel_and_leave_none_out(cuts, seed):
    """Strips, and the two halves of each along a random line, cover the image once."""
    draw, edges, count = np.random.default_rng(seed), [0.0, *sorted(cuts), 30.0], np.zeros(SIZE, int)
    for left, right in zip(edges[:-1], edges[1:], strict=True):
        upper, lower = draw.uniform(0, 20, 2)
        top = np.array([(left, 0), (right, 0), (right, lower), (left, upper)])
        bottom = np.array([(left, upper), (right, lower), (right, 20), (left, 20)])
        for shape in (top, bottom):
            try:
                count += pixels(Region("a", shape))
            except InputError as error:
                assert "holds no pixel" in str(error)
    assert (count == 1).all()


@pytest.mark.parametrize(
    ("region", "says"),
    [
        (Region("a", box(25, 2, 10, 5)), r'"a" reaches from \(25, 2\) to \(35, 7\), outside it.png of 30 x 20 pixels'),
        (Region("a", box(-1, 2, 10, 5)), "outside it.png"),
        (Region("a", box(0, 0, 1.01, 1), FRACTION), "outside it.png"),
        (Region("a", box(3.6, 2, 0.8, 5)), 'the region "a" holds no pixel of it.png'),
        (Region("a", np.array([(1, 1), (9, 9), (5, 5)], float)), "holds no pixel"),
        (Region("a", np.ones((9, 9), bool)), 'the mask of "a" has 9 x 9 pixels and it.png 30 x 20'),
    ],
)
def test_a_region_that_does_not_fit_is_one_sentence(region, says):
    with pytest.raises(InputError, match=says):
        areas([region], SIZE, "it.png")


def test_overlaps_are_named():
    given = (("all", 0, 30), ("left", 0, 15), ("right", 15, 15))
    whole, left, right = (Region(name, box(x, 0, width, 20)) for name, x, width in given)
    assert overlaps(areas([left, right], SIZE)) == ""
    said = overlaps(areas([whole, left, right], SIZE))
    assert '"all" and "left", "all" and "right"' in said
