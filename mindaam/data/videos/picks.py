"""Which frames of a video are read, and what a frame is; apart from the decoder, whose import takes longer."""

from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from mindaam.errors import ConfigError


class Frame(NamedTuple):
    """image: uint8 RGB [H, W, 3]. time: seconds since the video's start at which it is first shown."""

    image: np.ndarray
    time: float


class Pick(NamedTuple):
    """Which frames of a video: from `start` to before `end` (seconds, None: its end), every Nth of them, and at most
    `fps` per second (None: all)."""

    start: float = 0.0
    end: float | None = None
    every: int = 1
    fps: float | None = None


def checked_pick(pick):
    """The Pick, if its values are valid; ConfigError otherwise."""
    start, end, every, fps = pick
    if not (isfinite(start) and start >= 0):
        raise ConfigError(f"--start must be second 0 or later, not {start:g}")
    if end is not None and not start < end < inf:
        raise ConfigError(f"--end, second {end:g}, must come after --start, second {start:g}")
    if every < 1:
        raise ConfigError(f"--every must be 1 or more, not {every}")
    if fps is not None and not (isfinite(fps) and fps > 0):
        raise ConfigError(f"--fps must be more than 0, not {fps:g}")
    return pick
