"""Gaze of a dataset's train split: negatives of the shuffled AUC, and the center bias of the information gain.

Of videos, at most `VIDEOS` are used, and of each `FRAMES` frames with a ground truth, both sampled with a fixed seed:
time and memory are bounded, half a minute to a minute for the 600 videos of DHF1K on 2 cores.
"""

from functools import cached_property

import numpy as np

from mindaam.data import transforms
from mindaam.data.datasets.opening import other_split
from mindaam.errors import InputError

GRID = (300, 400)  # (height, width) on which densities of all sizes are averaged
LONGEST_SIDE = GRID[1]  # pixels of a density before it is brought to the grid
VIDEOS = 200  # sampled from a train split
FRAMES = 8  # sampled per video
MAX_POINTS = 2000  # fixations kept per video


class TrainGaze:
    """Gaze of the train split of the data of a reader of images or videos, opened and read at the first use.

    `reason` is None, or one line why nothing is found: no train split, or damage in it.
    """

    def __init__(self, reader):
        self._reader, self.reason = reader, None
        self._shares, self._last = {}, (None, None)

    @property
    def found(self):
        """Whether the data have a train split."""
        return self._train is not None

    @property
    def count(self):
        """Number of images or videos that others are drawn from."""
        return len(self._known)

    def others(self, seed, size, protocol, besides=None):
        """Fixations float64 [m,2] (x, y) of `protocol.other_images` other images or videos, in pixels of `size`.

        seed: position of the image or video in its split; size: (height, width); protocol: metrics.protocols.Protocol,
        whose `align` is "scale", which stretches the other images to `size`, or "center", which lays their centers on
        that of `size`, all at the comparison's scale, and skips what is outside. besides: the name of the scored image
        or video, which is not drawn where it is in the train split itself. None without another one with fixations.
        """
        known = [index for index in self._known if self._train.entries[index][0] != besides]
        if not known:
            return None
        count = min(protocol.other_images, len(known))
        # The position of the image in the split is the seed, as in the published baselines.
        picked = np.random.RandomState(seed).choice(len(known), count, replace=False)
        drawn = [known[index] for index in picked]
        points = [_aligned(self._shares_of(index), self._train.size(index), size, protocol) for index in drawn]
        return np.concatenate(points)

    def center_bias(self, condition, size):
        """The mean density under a condition, float32 [h,w] of `size` (height, width), sum 1; None without a train
        split. A condition that the train split lacks has the mean over all conditions. The last map is kept, for the
        frames of a video."""
        if not self._totals:
            return None
        if self._last[0] != (condition, size):
            total = self._totals[condition] if condition in self._totals else sum(self._totals.values())
            self._last = (condition, size), transforms.resize_density(total.astype(np.float32), size)
        return self._last[1]

    @cached_property
    def _train(self):
        try:
            return other_split(self._reader, "train")
        except InputError as error:
            self.reason = str(error)
            return None

    @cached_property
    def _known(self):
        """Indices of the entries of the train split that have fixations; videos are read when they are drawn."""
        train = self._train
        if train is None:
            return []
        try:
            if train.is_video:
                return self._entries if train.fixations(0, 0) is not None else []
            return [index for index in self._entries if self._shares_of(index) is not None]
        except InputError as error:
            self.reason = str(error)
            return []

    @cached_property
    def _totals(self):
        """{condition: float64 GRID, sum of the densities of its entries}, each of the same weight."""
        try:
            return self._summed()
        except InputError as error:
            self.reason = str(error)
            return {}

    @cached_property
    def _entries(self):
        """Indices of the entries of the train split that are used, in order."""
        count = 0 if self._train is None else len(self._train)
        if not count or not self._train.is_video:
            return list(range(count))
        return np.sort(np.random.RandomState(0).permutation(count)[:VIDEOS]).tolist()

    def _summed(self):
        totals = {}
        for index in self._entries:
            condition = self._train.entries[index][1]
            for density in _densities(self._train, index):
                # The sizes in a dataset differ; on a common grid every density still has one weight.
                density = transforms.resize_density(density, GRID).astype(np.float64)
                totals[condition] = totals.get(condition, 0.0) + density
            if self._train.is_video and self._known:
                self._shares_of(index)  # while the fixations of the video are in memory
        return totals

    def _shares_of(self, index):
        """Fixations of an entry as shares of its width and height, float64 [n,2], or None; read once."""
        if index not in self._shares:
            points = _points(self._train, index)
            width_height = np.array(self._train.size(index))[::-1]
            self._shares[index] = None if points is None else points / width_height
        return self._shares[index]


def baseline_maps(condition, size, gaze):
    """{role: map} of the baselines that use no pixel, for an image or frame that is compared at `size` (height, width).

    gaze: TrainGaze of the data. `center_bias` is the mean density of its train split under the condition, missing
    without one; `uniform` is one pixel, which resizing stretches without rounding.
    """
    bias = gaze.center_bias(condition, size)
    maps = {} if bias is None else {"center_bias": bias}
    return maps | {"uniform": np.ones((1, 1), np.float32)}


def _points(train, index):
    """Fixations float32 [n,2] of an image, or of the sampled frames of a video; None where only maps exist."""
    if not train.is_video:
        return train.fixations(index)
    frames = [train.fixations(index, position) for position in _sampled(train, index)]
    points = np.concatenate([np.zeros((0, 2), np.float32), *frames])
    kept = np.random.RandomState(index).permutation(len(points))[:MAX_POINTS]
    return points[np.sort(kept)]


def _densities(train, index):
    """Yields the density [h,w] of an image, or those of the sampled frames of a video."""
    size = transforms.fit_within(train.size(index), LONGEST_SIDE)
    if not train.is_video:
        yield train.density(index, size)
        return
    for position in _sampled(train, index):
        yield train.density(index, position, size)


def _sampled(train, index):
    """Positions of the frames of a video that stand for it, in order."""
    labelled = np.flatnonzero(train.labelled(index))
    return np.sort(np.random.RandomState(index).permutation(labelled)[:FRAMES]).tolist()


def _aligned(shares, stored, size, protocol):
    """Shares [n,2] of an image of the size `stored`, in pixels of an image of `size` at which it is compared."""
    if protocol.align == "scale":
        return shares * np.array([size[1], size[0]])
    own = transforms.fit_within(stored, protocol.longest_side) if protocol.longest_side else stored
    target, own = np.array(size[::-1]), np.array(own[::-1])
    points = shares * own + (target - own) / 2
    return points[((points >= 0) & (points < target)).all(1)]
