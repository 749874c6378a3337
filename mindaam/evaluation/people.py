"""People predicting people: the fixations of one half of the viewers as a prediction of the other half's.

The viewers of an image, or of a whole video, are parted at random. The map of the first half is its fixations blurred
as the ground truth is; it is scored against the density and fixations of the second half. There is no information
gain: far from their fixations the map of a few viewers is zero, so that it would follow from the metric's eps alone.
Where an image was viewed under several conditions, its gaze under one also predicts its gaze under another.
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
        place = () if position is None else (position,)
        first = self._first_half(index, seed, gaze)
        return self._scored(
            self._of(index, first, place), self._of(index, first, place, others=True), index, protocol, gaze, seed
        )

    def across(self, index, by, truth, protocol, gaze, seed):
        """{metric: float} of the gaze of the entry `by` for that of the entry `index` of the same image; None as of
        `scores`.

        Half of the viewers of `by` predicts the other half of those of `index`, none of whom is in the first half.
        Where viewers are not kept apart, the density of `by` predicts the Truth of `index`; that of an entry itself is
        then perfect.
        """
        if protocol.name == released.NAME:
            return None
        if self.reason is not None:
            density = self._reader.density(by, truth.density.shape)
            return score(density, truth._replace(baseline=None), protocol)
        first = self._first_half(by, seed, gaze)
        apart = np.union1d(first, self._first_half(index, seed, gaze))
        return self._scored(self._of(by, first), self._of(index, apart, others=True), index, protocol, gaze, seed)

    def _of(self, index, viewers, place=(), *, others=False):
        """Fixations float32 [n,2] of some viewers of an image or frame, or of the others; n may be 0."""
        fixations, by = self._reader.fixations(index, *place), self._reader.viewers(index, *place)
        if fixations is None or by is None:
            return np.zeros((0, 2), np.float32)
        return fixations[np.isin(by, viewers, invert=others)]

    def _scored(self, first, second, index, protocol, gaze, seed):
        """{metric: float} of some fixations as a prediction of others; None unless there are both."""
        if not len(first) or not len(second):
            return None
        reader, stored = self._reader, self._reader.size(index)
        size = comparison_size(protocol, stored)
        predicted, density = (ground_truth.blurred(each, stored, size, reader.sigma(index)) for each in (first, second))
        truth = Truth(
            density,
            transforms.scale_fixations(second, stored, size),
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
