"""Tiles: they cover the image, overlap, and their maps become one without a seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.inference.views.tiles import LONG, MOST, OVERLAP, blended, boxes

SIDES = st.integers(1, 4000)


@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES)
def test_tiles_cover_the_image_and_overlap(height, width):
    found = boxes((height, width))
    short, long = sorted((height, width))
    spans = [(top, top + h) if height > width else (left, left + w) for top, left, h, w in found]
    assert spans[0][0] == 0 and spans[-1][1] == long and len(found) <= MOST
    assert all((h, w)[height > width] == short for _, _, h, w in found)
    length = spans[0][1]
    assert {end - start for start, end in spans} == {length}
    if len(found) < MOST:
        assert all(after[0] <= before[1] - OVERLAP * length + 1.5
                   for before, after in zip(spans, spans[1:], strict=False))  # fmt: skip
    assert (len(found) == 1) == (long <= max(round(LONG * short), -(-long // MOST)))


@pytest.mark.parametrize("shape", [(90, 30), (31, 200), (300, 7), (1, 50)])
def test_blending_returns_the_map_that_the_tiles_are_cut_from(shape):
    values = np.random.default_rng(0).random(shape, np.float32)
    parts = [(box, values[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]) for box in boxes(shape)]
    assert len(parts) > 1
    np.testing.assert_allclose(blended(shape, parts), values, rtol=1e-5)


def test_between_two_tiles_the_map_goes_from_one_to_the_other():
    shape = (100, 40)
    places = boxes(shape)
    values = blended(shape, [(box, np.full(box[2:], float(number))) for number, box in enumerate(places)])[:, 0]
    assert values[0] == 0 and values[-1] == len(places) - 1
    assert (np.diff(values) >= -1e-6).all() and np.diff(values).max() < 0.2
