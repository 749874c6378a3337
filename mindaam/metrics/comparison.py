"""A predicted map against a truth, as the published baselines compare them."""

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.settings import PAPER

LONGEST_SIDE = 400  # pixels of a truth's longest side


def map_scores(prediction, truth, settings=PAPER):
    """(CC, SIM, KLD) of a map [h,w] against a density [H,W], at the density's size."""
    resized = resize_image(np.ascontiguousarray(prediction, np.float32), truth.shape)
    return (
        cc(resized, truth, **settings.cc),
        sim(resized, truth, **settings.sim),
        kld(resized, truth, **settings.kld),
    )
