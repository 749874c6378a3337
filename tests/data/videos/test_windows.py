"""Cutting a film into windows: every frame answered once, in order, in time, whatever its length."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.videos.windows import Windows, blend_weights, stream
from mindaam.errors import ConfigError

CUTS = st.integers(1, 9).flatmap(lambda length: st.tuples(st.just(length), st.integers(0, length - 1), st.booleans()))


class Film:
    """Frames that are their own numbers, and how many of them were taken."""

    def __init__(self, count):
        self.count, self.taken = count, 0

    def __iter__(self):
        for number in range(self.count):
            self.taken += 1
            yield number


def as_maps(window, first):
    """Every frame's map is its number."""
    return [np.full((2, 3), number, np.float32) for number in window[first:]]


def noting(asked):
    """`as_maps` that adds each window that it is given to the list `asked`."""

    def answer(window, first):
        asked.append(window)
        return as_maps(window, first)

    return answer


@settings(deadline=None, max_examples=200)
@given(CUTS, st.integers(0, 40))
def test_every_frame_has_its_own_map_in_order_and_in_time(cut, count):
    windows, film, asked = Windows(*cut), Film(count), []
    given_out = 0
    for each in stream(film, noting(asked), windows):
        assert each.shape == (2, 3) and each.dtype == np.float32
        np.testing.assert_allclose(each, given_out, atol=1e-5)
        assert film.taken - 1 - given_out <= windows.delay
        given_out += 1
    assert given_out == count
    assert {len(window) for window in asked} <= {windows.length}


@settings(deadline=None, max_examples=100)
@given(CUTS, st.integers(1, 60))
def test_few_windows_are_answered(cut, count):
    windows, asked = Windows(*cut), []
    list(stream(range(count), noting(asked), windows))
    beyond_the_first = max(count - (windows.stride if windows.causal else windows.length), 0)
    assert len(asked) == 1 + -(-beyond_the_first // windows.stride)


def test_the_last_window_is_shifted_back():
    asked = []
    list(stream(range(9), noting(asked), Windows(4, 1)))
    assert asked == [[0, 1, 2, 3], [3, 4, 5, 6], [5, 6, 7, 8]]


def test_a_short_film_is_filled_up_with_its_last_frame():
    asked = []
    maps = list(stream(range(2), noting(asked), Windows(4, 1)))
    assert asked == [[0, 1, 1, 1]] and len(maps) == 2


def test_overlapping_windows_fade_into_each_other():
    numbers = itertools.count()

    def answer(window, first):
        return np.full((len(window) - first, 1, 1), next(numbers), np.float32)  # each window says something else

    maps = [float(each[0, 0]) for each in stream(range(10), answer, Windows(6, 2))]
    np.testing.assert_allclose(maps, [0, 0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1, 1], atol=1e-6)


def test_weights_of_windows_in_a_row_sum_to_one():
    for length, overlap in ((6, 2), (8, 4), (5, 0)):
        weights = blend_weights(length, overlap)
        np.testing.assert_allclose(weights[length - overlap :] + weights[:overlap], 1)
        assert (weights[overlap : length - overlap] == 1).all()


def test_causal_maps_do_not_depend_on_what_comes_later():
    def answer(window, first):
        return np.full((len(window) - first, 1, 1), sum(window), np.float32)

    windows = Windows(4, 3, causal=True)
    assert windows.delay == 0
    short, long = (np.ravel(list(stream(range(count), answer, windows))) for count in (7, 12))
    np.testing.assert_array_equal(short, long[:7])
    np.testing.assert_array_equal(long[:4], [0, 1, 3, 6])  # filled up with the first frame, 0
    np.testing.assert_array_equal(long[4:6], [1 + 2 + 3 + 4, 2 + 3 + 4 + 5])


def test_an_endless_film_is_streamed():
    maps = stream(itertools.count(), as_maps, Windows(5, 2))
    assert [int(each[0, 0]) for each in itertools.islice(maps, 100)] == list(range(100))


@pytest.mark.parametrize("cut", [(0, 0), (4, 4), (4, -1)])
def test_windows_that_cannot_be(cut):
    with pytest.raises(ConfigError, match="are invalid"):
        stream(range(3), as_maps, Windows(*cut))


@pytest.mark.parametrize("windows", [Windows(4, 1), Windows(4, 3, causal=True), Windows(5, 2, causal=True)])
def test_only_maps_that_are_still_wanted_are_asked_for(windows):
    asked = []

    def answer(window, first):
        asked.append(len(window) - first)
        return as_maps(window, first)

    maps = [float(each[0, 0]) for each in stream(range(9), answer, windows)]
    np.testing.assert_allclose(maps, range(9))
    assert sum(asked) == 9 if windows.causal else asked == [4, 4, 3]  # of the last, 5-8, frame 5 is given out already
