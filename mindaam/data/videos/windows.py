"""A video of any length through a model that takes T frames at once: overlapping windows, blended in the overlap.

Every window has exactly T frames, so that one compiled graph serves the whole video; frames stream through, so
that a video of two hours takes the memory of one window.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from mindaam.errors import ConfigError


class Windows(NamedTuple):
    """How a video is cut. length: T, frames in a window. overlap: frames that two windows in a row share, 0..T-1.

    causal: windows end at the present frame, and only their last T - overlap frames get maps: a map comes at most
    T - overlap - 1 frames late, and does not depend on later frames.
    Otherwise a map comes at most T - 1 frames late.
    """

    length: int
    overlap: int
    causal: bool = False

    @property
    def stride(self):
        """Frames from one window's start to the next one's."""
        return self.length - self.overlap

    @property
    def delay(self):
        """The most frames after a frame that are read before its map is returned."""
        return self.stride - 1 if self.causal else self.length - 1


def checked(windows):
    """The Windows, if their values are valid; ConfigError otherwise."""
    if windows.length < 1 or not 0 <= windows.overlap < windows.length:
        raise ConfigError(
            f"windows of {windows.length} frames that share {windows.overlap} are invalid: the length must be at least "
            "1, the overlap from 0 to one less than the length"
        )
    return windows


def stream(frames, answer, windows):
    """Maps of a video, in the order of its frames, each as soon as no later window can change it.

    frames: iterable of frames, or of their features. answer: (list of T of them, first) -> the
    maps of those from number `first` on, [T-first,...]; the others are not needed. windows: `Windows`. A
    video, or a beginning, shorter than a window is filled up with its first frame (causal) or its last one. Yields maps
    [...], float32, as many as there were frames.
    """
    windows = checked(windows)
    return _causal(frames, answer, windows) if windows.causal else _blended(frames, answer, windows)


def _blended(frames, answer, windows):
    length, weights = windows.length, blend_weights(windows.length, windows.overlap)
    kept = deque(maxlen=length)  # the frames of the window to come, and after the last one its predecessors
    pending = deque()  # [sum of weighted maps, sum of weights] of the frames that have maps but not final ones
    count = done = 0  # frames read; maps returned
    for frame in frames:
        kept.append(frame)
        count += 1
        if count >= length and (count - length) % windows.stride == 0:
            _add(pending, answer(list(kept), 0), weights)
            for _ in range(windows.stride):
                yield _mean(pending.popleft())
                done += 1
    if done + len(pending) < count:  # the last window is shifted back so that it ends with the video
        window = list(kept) + [kept[-1]] * (length - len(kept))
        first = done - max(count - length, 0)
        _add(pending, answer(window, first)[: len(kept) - first], weights[first:])
    yield from map(_mean, pending)


def _causal(frames, answer, windows):
    kept = deque(maxlen=windows.length)
    fresh = 0
    for frame in frames:
        kept.append(frame)
        fresh += 1
        if fresh == windows.stride:
            yield from _newest(kept, answer, windows.length, fresh)
            fresh = 0
    if fresh:
        yield from _newest(kept, answer, windows.length, fresh)


def _newest(kept, answer, length, fresh):
    """The maps of the last `fresh` frames of a window that ends now."""
    window = [kept[0]] * (length - len(kept)) + list(kept)
    return list(np.asarray(answer(window, length - fresh), np.float32))


def blend_weights(length, overlap):
    """The weight of each frame of a window [T]: rising over the overlap, 1 in the middle, falling again.

    Where two windows in a row share frames, their weights sum to 1.
    """
    rise = (np.arange(length) + 1) / (overlap + 1)
    return np.minimum(1.0, np.minimum(rise, rise[::-1]))


def _add(pending, maps, weights):
    """Adds a window's maps to the sums of the frames from pending[0] on."""
    for number, (each, weight) in enumerate(zip(maps, weights, strict=False)):
        if number == len(pending):
            pending.append([0.0, 0.0])
        pending[number][0] = pending[number][0] + weight * np.asarray(each, np.float32)
        pending[number][1] += weight


def _mean(entry):
    total, weight = entry
    return (total / weight).astype(np.float32)
