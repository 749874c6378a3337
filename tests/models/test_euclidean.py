"""The switch `hyperbolic` of a whole model: what depends on the curvature, and what is refused."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam.errors import ConfigError
from mindaam.geometry import cells, lorentz
from mindaam.models.registry import build_model, model_config
from mindaam.objectives.total import terms_of
from mindaam.training.tasks.phases_config import PhasesConfig
from tests.decoder.small import stirred
from tests.models.tiny import CHANGES, NAME, TEXT_WIDTH

SIZE = CHANGES["image_size"]


def model(hyperbolic):
    ms.set_seed(0)
    made = build_model(NAME, "paper", changes={**CHANGES, "hyperbolic": hyperbolic})
    stirred(made.head)
    return made.set_train(False)


def answers(made):
    """Attention of one image under one prompt, at two curvatures."""
    rng = np.random.default_rng(0)
    image, prompt = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 3, *SIZE), (1, TEXT_WIDTH)))
    found = []
    for value in (-1.0, 1.0):
        made.head.hierarchy.curvature.value.set_data(Tensor(value, ms.float32))
        found.append([each.asnumpy() for each in made(Tensor(image), Tensor(prompt))])
    return found


@pytest.mark.parametrize("hyperbolic", ["loss", "none", "all"])
def test_what_depends_on_the_curvature(hyperbolic):
    first, other = answers(model(hyperbolic))
    same = [np.array_equal(*pair) for pair in zip(first, other, strict=True)]
    # the map, three points, the curvature
    assert same[:4] == {"loss": [True, False, False, False], "none": [True] * 4, "all": [False] * 4}[hyperbolic]


def test_the_points_of_the_loss_are_those_of_the_hyperbolic_model():
    loss, whole = (answers(model(each))[0] for each in ("loss", "all"))
    for ours, theirs in zip(loss[1:], whole[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_without_hyperbolic_space_the_model_has_no_hyperbolic_function_in_use(monkeypatch):
    made = model("none")

    def refuse(*_, **__):
        raise AssertionError("a hyperbolic function was called")

    for name in ("exp0", "log0", "distance", "distance_to_origin", "half_aperture", "exterior_angle", "time"):
        monkeypatch.setattr(lorentz, name, refuse)
    rng = np.random.default_rng(0)
    image, prompt = Tensor(rng.standard_normal((1, 3, *SIZE)), ms.float32), Tensor(np.ones((1, TEXT_WIDTH), np.float32))
    found = made(image, prompt)
    terms = terms_of(made.config)(found[0], found[0], *found[1:])
    assert [float(each) for each in terms[3:]] == [0.0, 0.0]


def test_curvature_and_anchor_are_trained_only_where_the_loss_is_hyperbolic():
    for hyperbolic, trained in (("all", True), ("loss", True), ("none", False)):
        hierarchy = model(hyperbolic).head.hierarchy
        assert hierarchy.anchor.requires_grad == hierarchy.curvature.value.requires_grad == trained


def test_a_euclidean_decoder_is_refused_under_the_released_preset():
    with pytest.raises(ConfigError, match='goes with the preset "paper" only'):
        model_config("aam_dinov3_vits16", "released", {"hyperbolic": "loss"})
    with pytest.raises(ConfigError, match="hyperbolic"):
        model_config(NAME, "paper", {"hyperbolic": "some"})


def test_a_loss_of_points_is_refused_without_points():
    with pytest.raises(ConfigError, match="loss.entailment=0 and loss.distance=0"):
        PhasesConfig.load("configs/train/aam_dinov2_vits14.yaml", ["model_changes.hyperbolic=none"])
    changes = ["model_changes.hyperbolic=none", "loss.entailment=0", "loss.distance=0"]
    assert PhasesConfig.load("configs/train/aam_dinov2_vits14.yaml", changes).loss.entailment == 0


def test_the_lorentz_cells_of_the_default_are_unchanged():
    assert model_config(NAME).hyperbolic == "all"
    assert isinstance(model("all").head.decoder.head.distance, cells.LorentzDistance)
