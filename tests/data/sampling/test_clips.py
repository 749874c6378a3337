"""Clips: inside their film, with gaze in every frame, uniformly begun, reversed as a whole; windows answer all once."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mindaam.data.sampling.clips import ClipRules, draw_clip, problem, starts, windows
from mindaam.errors import ConfigError, InputError

COUNTS, LENGTHS, SKIPS = st.integers(1, 90), st.integers(1, 16), st.integers(0, 12)
STRIDES = st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True).map(tuple)


def labels(count, gaps):
    """All frames labelled but those in `gaps`."""
    known = np.ones(count, bool)
    known[[gap % count for gap in gaps]] = False
    return known


@settings(deadline=None)
@given(COUNTS, LENGTHS, SKIPS, STRIDES, st.lists(st.integers(0, 89), max_size=3), st.integers(0, 2**32))
def test_every_clip_keeps_one_stride_within_the_labelled_frames(count, length, skip, strides, gaps, seed):
    rules, known = ClipRules(length, skip, strides, 0.5, 0.5), labels(count, gaps)
    assume(problem(count, rules, known) is None)
    clip = draw_clip(np.random.default_rng(seed), 7, count, rules, known)
    shown = clip.frames[::-1] if clip.reversed else clip.frames
    assert clip.entry == 7 and len(shown) == length
    assert skip <= min(shown) and max(shown) < count
    assert known[list(shown)].all()
    steps = set(np.diff(shown).tolist())
    assert len(steps) <= 1 and steps <= set(strides)


@settings(deadline=None)
@given(COUNTS, LENGTHS, SKIPS, STRIDES, st.lists(st.integers(0, 89), max_size=3))
def test_a_film_is_refused_exactly_when_no_start_is_valid(count, length, skip, strides, gaps):
    rules, known = ClipRules(length, skip, strides), labels(count, gaps)
    for given_labels, good in ((None, np.ones(count, bool)), (known, known)):
        valid = {
            stride: [
                first
                for first in range(skip, count)
                if first + stride * (length - 1) < count
                and good[first : first + stride * (length - 1) + 1 : stride].all()
            ]
            for stride in strides
        }
        for stride in strides:
            assert list(starts(count, rules, stride, given_labels)) == valid[stride]
        assert (problem(count, rules, given_labels) is None) == any(valid.values())


@given(st.integers(0, 2**32), STRIDES)
def test_a_reversed_clip_is_the_same_clip_backwards(seed, strides):
    forwards = draw_clip(np.random.default_rng(seed), 0, 100, ClipRules(8, 3, strides, reverse=0.0))
    backwards = draw_clip(np.random.default_rng(seed), 0, 100, ClipRules(8, 3, strides, reverse=1.0))
    assert not forwards.reversed and backwards.reversed
    assert backwards.frames == forwards.frames[::-1]


def test_strides_and_starts_are_uniform():
    rules, rng = ClipRules(4, 5, (1, 2, 3, 4)), np.random.default_rng(0)
    firsts = {stride: [] for stride in rules.strides}
    for _ in range(8000):
        frames = draw_clip(rng, 0, 25, rules).frames
        firsts[frames[1] - frames[0]].append(frames[0])
    assert _chi_square([len(each) for each in firsts.values()]) < 20  # 3 degrees of freedom
    for stride, drawn in firsts.items():
        valid = starts(25, rules, stride)
        seen = np.bincount(drawn, minlength=25)[valid.start : valid.stop]
        assert seen.sum() == len(drawn)
        assert _chi_square(seen) < len(valid) + 5 * np.sqrt(2 * len(valid))


def test_strides_that_do_not_fit_are_never_drawn():
    rules, rng = ClipRules(10, 0, (1, 2, 3, 4)), np.random.default_rng(0)
    steps = {clip.frames[1] - clip.frames[0] for clip in (draw_clip(rng, 0, 20, rules) for _ in range(100))}
    assert steps == {1, 2}  # a stride of 3 needs 28 frames


def test_flips_and_reversals_come_as_often_as_asked():
    rules, rng = ClipRules(2, mirror=0.5, reverse=0.25), np.random.default_rng(0)
    clips = [draw_clip(rng, 0, 50, rules) for _ in range(4000)]
    assert abs(np.mean([clip.mirrored for clip in clips]) - 0.5) < 0.03
    assert abs(np.mean([clip.reversed for clip in clips]) - 0.25) < 0.03


def test_a_short_film_goes_on_with_its_last_frame_when_told():
    rules = ClipRules(6, 2, (1, 2), short="repeat")
    assert problem(5, rules) is None
    assert draw_clip(np.random.default_rng(0), 0, 5, rules).frames == (2, 3, 4, 4, 4, 4)
    assert problem(5, rules, labels(5, [3])) == "it has fewer than 6 frames, and not all of them have gaze"
    assert problem(5, rules, labels(5, [0])) is None  # a frame that is skipped anyhow


@pytest.mark.parametrize(
    ("count", "rules", "known", "why"),
    [
        (20, ClipRules(16, 5), None, "a clip needs 16 frames after the first 5, and the video has 15"),
        (30, ClipRules(16, 0, (2, 3)), None, "a clip needs 31 frames, and the video has 30"),
        (5, ClipRules(4, 5, short="repeat"), None, "the video has 5 frames, and the first 5 are skipped"),
        (40, ClipRules(16), labels(40, [12, 25]), "no clip of 16 frames has gaze in all of them"),
    ],
)
def test_the_reason_why_a_film_gives_no_clip_is_said(count, rules, known, why):
    assert problem(count, rules, known) == why
    with pytest.raises(InputError, match=f"video 3: {why}; leave the video out"):
        draw_clip(np.random.default_rng(0), 3, count, rules, known)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 20))
def test_windows_answer_every_frame_exactly_once(count, length, skip):
    assume(count > skip)
    cut = windows(count, length, skip)
    assert [frame for window in cut for frame in window.frames[window.new]] == list(range(skip, count))
    for window in cut:
        assert len(window.frames) == length
        assert skip <= window.frames[0] and window.frames[-1] < count
        if count - skip >= length:
            assert set(np.diff(window.frames)) <= {1}


def test_the_last_window_is_shifted_back():
    assert [window.frames for window in windows(10, 4)] == [(0, 1, 2, 3), (4, 5, 6, 7), (6, 7, 8, 9)]
    assert windows(10, 4)[-1].new == slice(2, 4)
    assert [window.frames for window in windows(3, 4, 1)] == [(1, 2, 2, 2)]


def test_windows_of_nothing_are_refused():
    with pytest.raises(InputError, match="the video has 5 frames, and the first 5 are skipped; leave the video out"):
        windows(5, 4, 5)
    with pytest.raises(ConfigError, match="no windows of 0 frames after the first 0: give at least 1, and 0 or more"):
        windows(5, 0)


def _chi_square(counts):
    expected = np.sum(counts) / len(counts)
    return float((np.subtract(counts, expected) ** 2 / expected).sum())
