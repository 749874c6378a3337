"""Which frames of a video make a clip, drawn for training.

A clip is T numbers of frames. A frame's image, density and fixations are loaded by its number, so that all three run
backwards with the clip, and they are mirrored together. In the released code the fixations stay as they are.
"""

from typing import Literal, NamedTuple

import numpy as np

from mindaam.errors import InputError


class ClipRules(NamedTuple):
    """How clips of a set are drawn. length: T, frames in a clip. skip: first frames of a film that are never drawn.

    strides: steps between two frames of a clip, each >= 1. mirror, reverse: probabilities. short: a film that is too
    short for every stride is left out, or goes on with its last frame ("repeat").
    """

    length: int
    skip: int = 0
    strides: tuple = (1,)
    mirror: float = 0.0
    reverse: float = 0.0
    short: Literal["leave_out", "repeat"] = "leave_out"


class ClipDraw(NamedTuple):
    """A clip of one film. entry: the film's number in its stratum. frames: T numbers of frames, from 0, as shown.

    reversed: whether these fall; mirrored: whether pictures, densities and fixations are to be flipped.
    """

    entry: int
    frames: tuple
    reversed: bool
    mirrored: bool


def starts(count, rules, stride, labelled=None):
    """The first frames that a clip may have at a stride, as a sequence of rising numbers, empty when none fits.

    count: frames of the film. labelled: bool [count], the frames whose gaze is known, or None for all; every frame of
    a clip must be.
    """
    span = stride * (rules.length - 1) + 1
    if labelled is None or count - rules.skip < span:
        return range(rules.skip, max(rules.skip, count - span + 1))
    seen = np.lib.stride_tricks.sliding_window_view(labelled[rules.skip :], span)[:, ::stride]
    return rules.skip + np.flatnonzero(seen.all(1))


def problem(count, rules, labelled=None):
    """Why no clip can be drawn from a film of `count` frames, as part of a sentence; None when one can."""
    if any(len(starts(count, rules, stride, labelled)) for stride in rules.strides):
        return None
    needed = min(rules.strides) * (rules.length - 1) + 1
    if count - rules.skip >= needed:
        return f"no clip of {rules.length} frames has gaze in all of them"
    if count <= rules.skip:
        return f"the film has {count} frames, and the first {rules.skip} are skipped"
    if rules.short != "repeat":
        skipped = f" after the first {rules.skip}" if rules.skip else ""
        return f"a clip needs {needed} frames{skipped}, and the film has {count - rules.skip}"
    if labelled is not None and not np.asarray(labelled)[_repeated(count, rules)].all():
        return f"it has fewer than {needed} frames, and not all of them have gaze"
    return None


def draw_clip(rng, entry, count, rules, labelled=None):
    """One ClipDraw from a film: its stride uniform among those that fit, its start among all that are valid.

    rng: numpy Generator; entry: the film's number; count: its frames; labelled: as in `starts`. Every frame is in
    [skip, count). Raises InputError for a film that has no clip.
    """
    for stride in rng.permutation(rules.strides):
        first = starts(count, rules, int(stride), labelled)
        if len(first):
            frames = first[rng.integers(len(first))] + stride * np.arange(rules.length)
            break
    else:
        why = problem(count, rules, labelled)
        if why:
            raise InputError(f"film {entry}: {why}; leave the film out or draw shorter clips")
        frames = _repeated(count, rules)
    backwards, mirrored = rng.random() < rules.reverse, rng.random() < rules.mirror
    return ClipDraw(entry, tuple((frames[::-1] if backwards else frames).tolist()), bool(backwards), bool(mirrored))


def _repeated(count, rules):
    """The frames of a short film at the smallest stride, then its last one again and again, int64 [T]."""
    return np.minimum(rules.skip + min(rules.strides) * np.arange(rules.length), count - 1)
