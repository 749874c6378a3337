"""The whole decoder: widths and sizes, conditioning, gradients, and graph mode against PyNative."""

from typing import NamedTuple

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam import runtime
from mindaam.decoder.variant import PAPER, RELEASED
from tests.decoder.small import CURVATURE, POINT_WIDTH, TEXT_WIDTH, normal, small_decoder, small_features

BEHAVIOURS = {"paper": PAPER, "released": RELEASED}
BASE, OTHER_SENTENCE, OTHER_TEXT_POINT, OTHER_IMAGE_POINT = range(4)


class Answered(NamedTuple):
    """A decoder, compiled; its inputs (one picture under four conditions), and its answer to them."""

    variant: object
    run: object
    inputs: tuple
    logits: np.ndarray


@pytest.fixture(scope="module", params=BEHAVIOURS)
def answered(request):
    features = tuple(Tensor(np.repeat(f.asnumpy(), 4, 0)) for f in small_features(1, 2, 3))
    conditions = []
    for changed, width in enumerate((TEXT_WIDTH, POINT_WIDTH, POINT_WIDTH), start=1):
        condition = np.repeat(normal(10 + changed, 1, width, scale=0.4).asnumpy(), 4, 0)
        condition[changed] *= -1
        conditions.append(Tensor(condition))
    variant = BEHAVIOURS[request.param]

    def run(features, *others):
        runtime.configure(mode="graph")
        try:
            return small_decoder(variant)(ms.mutable(features), *others).asnumpy()
        finally:
            runtime.configure(mode="pynative")

    inputs = (features, *conditions, CURVATURE)
    return Answered(variant, run, inputs, run(*inputs))


@pytest.mark.parametrize("size", [(1, 1), (5, 3)])
def test_any_widths_and_sizes(size):
    sentence, text, image = normal(1, 2, TEXT_WIDTH), normal(2, 2, POINT_WIDTH), normal(3, 2, POINT_WIDTH)
    logits = small_decoder(PAPER)(small_features(2, *size), sentence, text, image, CURVATURE).asnumpy()
    assert logits.shape == (2, 1, 8 * size[0], 8 * size[1]) and np.isfinite(logits).all() and logits.std() > 0


def test_different_sentences_give_different_maps(answered):
    logits = answered.logits
    assert logits.shape == (4, 1, 16, 24)
    pattern = np.corrcoef(logits[BASE].ravel(), logits[OTHER_SENTENCE].ravel())[0, 1]
    assert pattern < 0.99  # not merely brighter or stronger
    assert np.abs(logits[OTHER_TEXT_POINT] - logits[BASE]).max() > 1e-3


def test_only_the_paper_looks_at_the_image_point_and_the_given_curvature(answered):
    *inputs, curvature = answered.inputs
    bent = answered.run(*inputs, 3 * curvature)
    for changed in (answered.logits[OTHER_IMAGE_POINT] - answered.logits[BASE], bent - answered.logits):
        assert (np.abs(changed).max() > 1e-4) == (answered.variant is PAPER)


def test_samples_of_a_batch_do_not_mix(answered):
    features, *others = answered.inputs
    changed = answered.run(tuple(f * Tensor([[[[-1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]) for f in features), *others)
    np.testing.assert_allclose(changed[1:], answered.logits[1:], rtol=1e-5, atol=1e-6)
    assert np.abs(changed[0] - answered.logits[0]).max() > 0.1


def test_pynative_equals_graph_mode(answered):
    direct = small_decoder(answered.variant)(*answered.inputs).asnumpy()
    np.testing.assert_allclose(direct, answered.logits, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("answered", ["paper"], indirect=True)
def test_every_parameter_is_reached_by_a_finite_gradient(answered):
    decoder, inputs, factors = small_decoder(PAPER), answered.inputs, normal(30, *answered.logits.shape)

    def total():
        return (decoder(*inputs) * factors).sum()

    parameters = decoder.trainable_params()
    for parameter, gradient in zip(parameters, ms.grad(total, None, parameters)(), strict=True):
        values, name = gradient.asnumpy(), parameter.name
        assert np.isfinite(values).all(), name
        # As the pixel gate's scale is undone, a round trip within the norm bound does not depend on it.
        assert name.endswith("pixel_gate.map.alpha.value") or np.abs(values).max() > 0, name
