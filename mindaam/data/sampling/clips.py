"""Which frames of a video make a clip: drawn for training, laid end to end for evaluation.

A clip is T numbers of frames. Whoever loads a frame's image, density and fixations by its number has all three run
backwards with the clip; whoever hands the three to `transforms.flip` has them mirrored together. Both are fixes of
the released code, whose fixations stay behind; and `windows` evaluates every frame, where it passes over half of them.
"""

from typing import Literal, NamedTuple

import numpy as np

from mindaam.errors import ConfigError, InputError


class ClipRules(NamedTuple):
    """How clips of a set are drawn. length: T, frames in a clip. skip: first frames of a video that are never drawn.

    strides: steps between two frames of a clip, each >= 1. mirror, reverse: probabilities. short: a video that is too
    short for every stride is skipped, or continues with its last frame ("repeat").
    """

    length: int
    skip: int = 0
    strides: tuple = (1,)
    mirror: float = 0.0
    reverse: float = 0.0
    short: Literal["leave_out", "repeat"] = "leave_out"


class ClipDraw(NamedTuple):
    """A clip of one video. entry: the video's number in its stratum. frames: T numbers of frames, from 0, as shown.

    reversed: whether these fall; mirrored: whether images, densities and fixations are to be flipped.
    """

    entry: int
    frames: tuple
    reversed: bool
    mirrored: bool


class Window(NamedTuple):
    """A stretch of a video for evaluation. frames: T numbers of frames; new: slice of those that no other answers."""

    frames: tuple
    new: slice


def starts(count, rules, stride, labelled=None):
    """The first frames that a clip may have at a stride, as a sequence of rising numbers, empty when none fits.

    count: frames of the video. labelled: bool [count], the frames whose gaze is known, or None for all; every frame of
    a clip must be.
    """
    span = stride * (rules.length - 1) + 1
    if labelled is None or count - rules.skip < span:
        return range(rules.skip, max(rules.skip, count - span + 1))
    seen = np.lib.stride_tricks.sliding_window_view(labelled[rules.skip :], span)[:, ::stride]
    return rules.skip + np.flatnonzero(seen.all(1))


def problem(count, rules, labelled=None):
    """Why no clip can be drawn from a video of `count` frames, as part of a sentence; None when one can."""
    if any(len(starts(count, rules, stride, labelled)) for stride in rules.strides):
        return None
    needed = min(rules.strides) * (rules.length - 1) + 1
    if count - rules.skip >= needed:
        return f"no clip of {rules.length} frames has gaze in all of them"
    if count <= rules.skip:
        return f"the video has {count} frames, and the first {rules.skip} are skipped"
    if rules.short != "repeat":
        skipped = f" after the first {rules.skip}" if rules.skip else ""
        return f"a clip needs {needed} frames{skipped}, and the video has {count - rules.skip}"
    if labelled is not None and not np.asarray(labelled)[_repeated(count, rules)].all():
        return f"it has fewer than {needed} frames, and not all of them have gaze"
    return None


def draw_clip(rng, entry, count, rules, labelled=None):
    """One ClipDraw from a video: its stride uniform among those that fit, its start among all that are valid.

    rng: numpy Generator; entry: the video's number; count: its frames; labelled: as in `starts`. Every frame is in
    [skip, count). Raises InputError for a video that has no clip.
    """
    for stride in rng.permutation(rules.strides):
        first = starts(count, rules, int(stride), labelled)
        if len(first):
            frames = first[rng.integers(len(first))] + stride * np.arange(rules.length)
            break
    else:
        why = problem(count, rules, labelled)
        if why:
            raise InputError(f"video {entry}: {why}; leave the video out or draw shorter clips")
        frames = _repeated(count, rules)
    backwards, mirrored = rng.random() < rules.reverse, rng.random() < rules.mirror
    return ClipDraw(entry, tuple((frames[::-1] if backwards else frames).tolist()), bool(backwards), bool(mirrored))


def windows(count, length, skip=0):
    """The Windows that answer each frame of [skip, count) exactly once, one after another.

    The last one is shifted back to end with the video, so that all have `length` frames; a video that is shorter goes
    on with its last frame. Raises InputError when nothing is left after `skip`, ConfigError for a length below 1.
    """
    if length < 1 or skip < 0:
        raise ConfigError(f"no windows of {length} frames after the first {skip}: give at least 1, and 0 or more")
    if count <= skip:
        raise InputError(f"the video has {count} frames, and the first {skip} are skipped; leave the video out")
    cut = []
    for first in range(skip, count, length):
        start = max(skip, min(first, count - length))
        frames = tuple(min(start + k, count - 1) for k in range(length))
        cut.append(Window(frames, slice(first - start, min(length, count - start))))
    return cut


def _repeated(count, rules):
    """The frames of a short video at the smallest stride, then its last one again and again, int64 [T]."""
    return np.minimum(rules.skip + min(rules.strides) * np.arange(rules.length), count - 1)
