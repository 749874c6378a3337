"""One prediction scored under a protocol."""

import numpy as np
import pytest

from mindaam import metrics
from mindaam.data.transforms import resize_image
from mindaam.errors import ConfigError
from mindaam.metrics.protocols import protocol
from mindaam.metrics.scoring import Truth, score

RNG = np.random.default_rng(0)
PREDICTION, DENSITY = RNG.random((12, 16), np.float32), RNG.random((30, 40), np.float32)
FIXATIONS, OTHERS = RNG.random((9, 2)) * (40, 30), RNG.random((50, 2)) * (40, 30)


def test_the_paper_scores_the_map_resized_by_areas():
    scores, settings = score(PREDICTION, Truth(DENSITY, FIXATIONS, OTHERS), protocol("paper")), metrics.PAPER
    resized = resize_image(PREDICTION, DENSITY.shape)
    assert scores["CC"] == metrics.cc(resized, DENSITY, **settings.cc)
    assert scores["SIM"] == metrics.sim(resized, DENSITY, **settings.sim)
    assert scores["KLD"] == metrics.kld(resized, DENSITY, **settings.kld)
    assert scores["NSS"] == metrics.nss(resized, FIXATIONS, **settings.nss)
    assert scores["AUC_Judd"] == metrics.auc_judd(resized, FIXATIONS, **settings.auc_judd)
    assert scores["sAUC"] == metrics.auc_shuffled(resized, FIXATIONS, OTHERS, **settings.auc_shuffled)


def test_a_metric_without_its_input_or_not_chosen_is_not_scored():
    assert not {"NSS", "AUC_Judd", "AUC_Borji", "sAUC", "IG"} & set(score(PREDICTION, Truth(DENSITY), protocol("mit")))
    chosen = score(PREDICTION, Truth(DENSITY, FIXATIONS), protocol("mit"), names=("NSS", "CC", "sAUC"))
    assert list(chosen) == ["CC", "NSS"]
    with pytest.raises(ConfigError, match='did you mean "NSS"'):
        score(PREDICTION, Truth(DENSITY), protocol("mit"), names=("NS",))
