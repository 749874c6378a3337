"""One prediction scored under a protocol."""

import numpy as np
import pytest

from mindaam import metrics
from mindaam.data.transforms import resize_image
from mindaam.errors import ConfigError, InputError
from mindaam.metrics.protocols import PROTOCOLS, protocol
from mindaam.metrics.scoring import Truth, score

RNG = np.random.default_rng(0)
PREDICTION, DENSITY = RNG.random((12, 16), np.float32), RNG.random((30, 40), np.float32)
FIXATIONS, OTHERS = RNG.random((9, 2)) * (40, 30), RNG.random((50, 2)) * (40, 30)
for each in (PREDICTION, DENSITY, FIXATIONS, OTHERS):
    each.flags.writeable = False  # no metric changes its inputs


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


@pytest.mark.parametrize("name", PROTOCOLS)
def test_all_metrics_of_a_protocol_have_their_ranges(name):
    scores = score(PREDICTION, Truth(DENSITY, FIXATIONS, OTHERS, np.ones((3, 4))), protocol(name))
    assert tuple(scores) == protocol(name).metrics
    assert all(np.isfinite(value) for value in scores.values())


@pytest.mark.parametrize("name", ["mit", "ntire26"])
def test_preparing_the_maps_once_is_what_each_metric_does_for_itself(name):
    settings = protocol(name).settings
    scores = score(PREDICTION, Truth(DENSITY, FIXATIONS, OTHERS, DENSITY), protocol(name))
    size = DENSITY.shape
    want = {
        "CC": metrics.cc(PREDICTION, DENSITY, **settings.cc),
        "SIM": metrics.sim(PREDICTION, DENSITY, **settings.sim),
        "NSS": metrics.nss(PREDICTION, FIXATIONS, size, **settings.nss),
        "AUC_Judd": metrics.auc_judd(PREDICTION, FIXATIONS, size, **settings.auc_judd),
    }
    if name == "mit":
        want |= {
            "KLD": metrics.kld(PREDICTION, DENSITY, **settings.kld),
            "AUC_Borji": metrics.auc_borji(PREDICTION, FIXATIONS, size, **settings.auc_borji),
            "sAUC": metrics.auc_shuffled(PREDICTION, FIXATIONS, OTHERS, size, **settings.auc_shuffled),
            "IG": metrics.information_gain(PREDICTION, FIXATIONS, DENSITY, size, **settings.information_gain),
            "EMD": metrics.emd(PREDICTION, DENSITY, **settings.emd),
        }
    assert scores == pytest.approx(want, abs=1e-9)


def test_without_fixations_the_metrics_of_fixations_are_undefined():
    none = np.zeros((0, 2))
    scores = score(PREDICTION, Truth(DENSITY, none, OTHERS, DENSITY), protocol("paper"))
    assert {name for name, value in scores.items() if np.isnan(value)} == {"NSS", "AUC_Judd", "AUC_Borji", "sAUC", "IG"}
    assert score(PREDICTION, Truth(DENSITY, none), protocol("released"))["NSS"] == 0


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("fill", [0.0, 0.3])
def test_constant_and_empty_predictions_and_one_pixel_have_defined_scores(name, fill):
    truth = Truth(DENSITY, FIXATIONS, OTHERS, np.ones((3, 4)))
    for prediction in (np.full((7, 9), fill, np.float32), np.full((1, 1), fill, np.float32)):
        scores = score(prediction, truth, protocol(name))
        assert all(np.isfinite(value) for value in scores.values())
        assert scores["CC"] == scores["NSS"] == scores.get("IG", 0) == 0
        assert scores.get("sAUC", 0.5) == scores.get("AUC_Borji", 0.5) == 0.5
    one = Truth(np.ones((1, 1)), [(0, 0)], [(0, 0)], np.ones((1, 1)))
    assert all(np.isfinite(value) for value in score(PREDICTION, one, protocol(name)).values())


@pytest.mark.parametrize(
    "prediction, changes, message",
    [
        (np.full((4, 5), np.nan), {}, "the prediction holds 20 values that are not finite"),
        (np.ones((1, 4, 5)), {}, "the prediction must be one map"),
        (PREDICTION, {"density": np.full((4, 5), np.inf)}, "the ground truth holds 20 values"),
        (PREDICTION, {"fixations": [(np.nan, 1)]}, "1 of 1 fixations are not finite"),
        (PREDICTION, {"others": [(1, np.inf)]}, "1 of 1 fixations are not finite"),
        (PREDICTION, {"baseline": np.full((4, 5), np.nan)}, "the baseline holds 20 values"),
    ],
)
def test_maps_and_fixations_that_are_not_finite_are_refused(prediction, changes, message):
    truth = Truth(DENSITY, FIXATIONS, OTHERS, DENSITY)._replace(**changes)
    with pytest.raises(InputError, match=message):
        score(prediction, truth, protocol("paper"))
