"""Per-frame agreement, flicker and total variation by simple films."""

import numpy as np
import pytest

from mindaam.errors import InputError
from mindaam.metrics.videos import flicker, frame_cc, summary, total_variation


def spots(places, size=(8, 10)):
    maps = np.full((len(places), *size), 1e-6, np.float32)
    for frame, place in enumerate(places):
        maps[frame][place] = 1.0
    return maps


def test_flicker_of_still_jumping_and_half_moving_maps():
    assert flicker(spots([(1, 1)] * 5)) == pytest.approx(0, abs=1e-6)
    assert flicker(spots([(1, 1), (5, 5), (1, 1)])) == pytest.approx(1, abs=1e-3)
    half = spots([(1, 1), (1, 1)])
    half[1][5, 5] = 1.0
    assert flicker(half) == pytest.approx(0.5, abs=1e-3)
    assert flicker(7 * half) == pytest.approx(flicker(half), abs=1e-6)  # scale does not count


def test_total_variation_of_two_films():
    a, b = spots([(1, 1), (2, 2)]), spots([(1, 1), (5, 5)])
    assert total_variation(a, a) == 0
    assert total_variation(a, b) == pytest.approx(0.5, abs=1e-3)


def test_each_frame_has_its_own_cc():
    truth = spots([(1, 1), (2, 2)])
    found = frame_cc(spots([(1, 1), (5, 5)]), truth)
    assert found[0] == pytest.approx(1) and found[1] < 0.1


def test_the_summary_keeps_kinds_apart():
    still, jumping = spots([(1, 1)] * 2), spots([(1, 1), (5, 5)])
    rows = [("pan", still, still), ("cut", jumping, still), ("static", jumping, still), ("static", still, still)]
    scores = summary(rows)
    assert scores["CC_moving"] == pytest.approx(1) and scores["CC_cut"] == pytest.approx(0.5, abs=0.05)
    assert scores["flicker_static"] == pytest.approx(0.5, abs=1e-3)
    assert set(summary(rows[:1])) == {"CC_moving"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_no_densities_are_refused(value):
    maps = spots([(1, 1), (2, 2)])
    for broken in (np.where(maps == 1, value, maps), np.zeros_like(maps), maps[0]):
        with pytest.raises(InputError, match="map"):
            flicker(broken)
        with pytest.raises(InputError, match="map"):
            total_variation(maps, broken)
