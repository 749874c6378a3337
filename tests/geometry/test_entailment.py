"""The cone losses against golden values and gradients of the released code, and at the hard starting points."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.geometry import lorentz
from mindaam.geometry.cells import HierarchicalEntailment
from mindaam.geometry.entailment import entailment_loss
from mindaam.geometry.lorentz import PAPER, RELEASED
from tests import gold

GOLDEN = dict(np.load(Path(__file__).parent / "goldens" / "lorentz.npz", allow_pickle=False))


def close(value, reference):
    gold.compare("losses/", value.asnumpy(), reference, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tag", ["0.1000", "2.3026", "-2.3026"])
def test_released_losses_match_golden(tag):
    golden = {key.split("/")[-1]: GOLDEN[key] for key in GOLDEN if f"logc{tag}/" in key}
    order = HierarchicalEntailment(RELEASED)
    tangents = [Tensor(golden[f"tan_{name}"]) for name in ("img", "txt", "anc")]

    def losses(image_tangent, text_tangent, anchor_tangent, log_curvature):
        c = ops.exp(log_curvature)
        image, text, anchor = (lorentz.exp0(v, c, RELEASED) for v in (image_tangent, text_tangent, anchor_tangent))
        entail = order(anchor, text, image, c)
        contrast = lorentz.distance(image, text, c, RELEASED).mean()
        return 0.4 * contrast + entail, entail, contrast, image, text, anchor, c

    inputs = (*tangents, Tensor(float(tag), ms.float32))
    results, gradients = ms.value_and_grad(losses, (0, 1, 2, 3), has_aux=True)(*inputs)
    _, entail, contrast, image, text, anchor, c = results
    close(entail, golden["entail"])
    close(contrast, golden["contrast"])
    close(entailment_loss(text, image, c, 0.8, RELEASED).mean(), golden["loss_ti"])
    close(entailment_loss(anchor, text, c, 1.0, RELEASED).mean(), golden["loss_at"])
    close(lorentz.exterior_angle(text, image, c, RELEASED), golden["angle_ti"])
    close(lorentz.exterior_angle(anchor, text, c, RELEASED), golden["angle_at"])
    close(lorentz.half_aperture(text, c, RELEASED), golden["aperture_t"])
    for name, gradient in zip(("d_img", "d_txt", "d_anc"), gradients, strict=False):
        close(gradient[:, ::8], golden[name])
    close(gradients[3], golden["d_logcurv"])


def test_loss_is_zero_inside_the_cone_and_grows_outside():
    c = Tensor(1.0, ms.float32)
    parent = Tensor(np.array([[0.4, 0.0]], np.float32))
    turns = np.linspace(0.0, np.pi, 9)
    children = np.stack([0.4 + 3 * np.cos(turns), 3 * np.sin(turns)], axis=1).astype(np.float32)
    loss = entailment_loss(parent, Tensor(children), c, 1.0).asnumpy()
    assert loss.shape == (9,) and loss[0] == 0.0
    assert (np.diff(loss) >= 0).all() and loss[-1] > 2.0
    narrower = entailment_loss(parent, Tensor(children), c, 0.5).asnumpy()
    assert (narrower >= loss).all() and narrower.sum() > loss.sum()


@pytest.mark.parametrize("eps", [PAPER, RELEASED], ids=["paper", "released"])
def test_a_single_anchor_serves_all_samples(eps):
    rng = np.random.default_rng(2)
    c, order = Tensor(0.7, ms.float32), HierarchicalEntailment(eps)
    anchor, text, image = (Tensor(rng.normal(size=(n, 16)).astype(np.float32)) for n in (1, 5, 5))
    repeated = Tensor(np.repeat(anchor.asnumpy(), 5, axis=0))
    once = order(anchor, text, image, c)
    assert float(once) == pytest.approx(float(order(repeated, text, image, c)), rel=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 0.3, 1e4])
def test_paper_gradients_stay_small_wherever_the_anchor_is(scale):
    rng = np.random.default_rng(3)
    c = Tensor(1.0, ms.float32)
    direction = rng.normal(size=(1, 128))
    anchor = Tensor((scale * direction / np.linalg.norm(direction)).astype(np.float32))
    text, image = (Tensor((rng.normal(size=(4, 128)) / 12).astype(np.float32)) for _ in range(2))

    order = HierarchicalEntailment(PAPER)

    def loss(anchor, text, image):
        return order(anchor, text, image, c)

    for gradient in ms.grad(loss, (0, 1, 2))(anchor, text, image):
        # The released clamps give 1e5 to 1e7 at a zero anchor; a direction's rate is at most 1/1e-3 here.
        assert np.isfinite(gradient.asnumpy()).all() and np.linalg.norm(gradient.asnumpy()) < 2e3
