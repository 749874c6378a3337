"""A predicted map against a truth of another size."""

import numpy as np

from mindaam import metrics
from mindaam.data.transforms import fit_within, resize_image
from mindaam.metrics.comparison import LONGEST_SIDE, map_scores


def test_large_truths_are_compared_at_400_pixels():
    assert fit_within((1200, 1600), LONGEST_SIDE) == (300, 400)


def test_a_map_is_resized_to_its_truth_and_scored_as_the_paper_does():
    rng = np.random.default_rng(0)
    prediction, truth = rng.random((12, 16), np.float32), rng.random((30, 40), np.float32)
    resized = resize_image(prediction, truth.shape)
    settings = metrics.PAPER
    assert map_scores(prediction, truth) == (
        metrics.cc(resized, truth, **settings.cc),
        metrics.sim(resized, truth, **settings.sim),
        metrics.kld(resized, truth, **settings.kld),
    )
    assert map_scores(prediction, truth, metrics.MIT) != map_scores(prediction, truth)
