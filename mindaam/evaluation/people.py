"""People predicting people: the fixations of one half of the viewers as a prediction of the other half's.

The viewers of an image, or of a whole video, are parted at random. The map of the first half is its fixations blurred
as the ground truth is; it is scored against the density and fixations of the second half. There is no information
gain: far from their fixations the map of a few viewers is zero, so that it would follow from the metric's eps alone.
"""

import numpy as np

from mindaam.data import transforms
from mindaam.data.datasets import ground_truth
from mindaam.evaluation import released
from mindaam.metrics.protocols import comparison_size
from mindaam.metrics.scoring import Truth, score


class People:
    """The viewers of the data of a reader of images or videos, as predictions of one another.

    `reason` is None, or one line why they cannot be scored. The halves of the video that was scored last are kept.
    """

    def __init__(self, reader):
        self._reader, self._last = reader, (None, None)
        self.reason = None if _kept_apart(reader) else "the gaze data do not keep viewers apart"

    def scores(self, index, protocol, gaze, seed, position=None):
        """{metric: float} of one half of the viewers for the other; None unless both halves have fixations, and under
        `released`, which compares with published maps of all viewers.

        index: of an entry of the reader; position: of a frame, None for an image; protocol: Protocol; gaze: TrainGaze
        of the reader; seed: position of the image or video in its split.
        """
        if self.reason is not None or protocol.name == released.NAME:
            return None
        reader, place = self._reader, (index,) if position is None else (index, position)
        fixations, viewers = reader.fixations(*place), reader.viewers(*place)
        if fixations is None or viewers is None:
            return None
        first = np.isin(viewers, self._first_half(index, seed, gaze))
        if first.all() or not first.any():
            return None
        stored = reader.size(index)
        size = comparison_size(protocol, stored)
        predicted, density = (
            ground_truth.blurred(fixations[half], stored, size, reader.sigma(index)) for half in (first, ~first)
        )
        truth = Truth(
            density,
            transforms.scale_fixations(fixations[~first], stored, size),
            gaze.others(seed, size, protocol, besides=reader.entries[index][0]),
        )
        return score(predicted, truth, protocol)

    def _first_half(self, index, seed, gaze):
        """The viewers whose fixations are the prediction, of an odd number the smaller half."""
        if self._last[0] != (index, seed):
            viewers = _viewers_of(self._reader, index)
            draw = np.random.RandomState(seed)
            # One stream draws the other images and then the halves, as in the published baselines.
            draw.permutation(gaze.count)
            self._last = (index, seed), viewers[draw.permutation(len(viewers))[: len(viewers) // 2]]
        return self._last[1]


def _kept_apart(reader):
    """Whether a reader keeps viewers apart; all of its entries have one form."""
    return len(reader) > 0 and reader.viewers(*((0, 0) if reader.is_video else (0,))) is not None


def _viewers_of(reader, index):
    """All viewers int [n] of an image or video, in order."""
    if not reader.is_video:
        return np.unique(reader.viewers(index))
    return np.unique(np.concatenate([reader.viewers(index, position) for position in range(reader.frames(index))]))
