"""Positions within a prompt's cone: the comparison is that of the geometry's exterior angle and half-aperture."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import ops

from mindaam.decoder.cone_focus import ConeFocus
from mindaam.decoder.decoder import HyperbolicDecoder
from mindaam.decoder.variant import PAPER
from mindaam.errors import ConfigError
from mindaam.geometry import lorentz
from mindaam.models.registry import model_config

WIDTHS, CURVATURE = (4, 6), 0.8
EUCLIDEAN = PAPER._replace(euclidean=True)


def cell(variant=PAPER):
    ms.set_seed(0)
    return ConeFocus(5, 7, WIDTHS, variant)


def maps(seed=0, batch=2):
    draw = np.random.default_rng(seed)
    shapes = (batch, 2, 3, 4), (batch, 3, 3, 4)
    return tuple(ms.Tensor(draw.standard_normal(shape).astype(np.float32)) for shape in shapes)


def points(scale, seed=1, batch=2):
    draw = np.random.default_rng(seed).standard_normal((batch, 7)).astype(np.float32)
    return ms.Tensor(scale * draw / np.linalg.norm(draw, axis=1, keepdims=True))


@pytest.mark.parametrize("depth", [0.3, 0.7, 2.5])
def test_positions_are_compared_as_the_geometry_does(depth):
    focus, curvature, text = cell(), ms.Tensor(CURVATURE), points(depth)
    directions = focus.directions(maps())
    assert directions.shape == (2, 12, 7)
    np.testing.assert_allclose(np.linalg.norm(directions.asnumpy(), axis=-1), 1, atol=1e-5)
    positions = lorentz.exp0(directions / ops.sqrt(curvature), curvature).asnumpy()  # RADIUS is 1
    found = focus.logits(directions, text.expand_dims(1), curvature).asnumpy()[:, 0]
    for image in range(2):
        parents = ms.Tensor(np.repeat(text.asnumpy()[image : image + 1], 12, 0))
        angle = lorentz.exterior_angle(parents, ms.Tensor(positions[image]), curvature).asnumpy()
        border = lorentz.half_aperture(parents, curvature).asnumpy()
        np.testing.assert_allclose(found[image], (np.cos(angle) - np.cos(border)) / 0.1, atol=2e-4)


def test_a_euclidean_decoder_compares_angles_of_vectors():
    focus, text = cell(EUCLIDEAN), points(0.5)
    directions = focus.directions(maps())
    found = focus.logits(directions, text.expand_dims(1), ms.Tensor(1.0)).asnumpy()[:, 0]
    for image in range(2):
        parent = text.asnumpy()[image]
        way = directions.asnumpy()[image] - parent
        cosine = way @ parent / np.linalg.norm(way, axis=1) / np.linalg.norm(parent)
        np.testing.assert_allclose(found[image], cosine / 0.1, atol=2e-4)  # the half-aperture is a right angle


def test_positions_straight_beyond_the_prompt_are_within_its_cone():
    focus, curvature = cell(), ms.Tensor(1.0)
    directions = focus.directions(maps())
    text = 0.4 * directions[:, 5]
    inside = focus(directions, text, curvature, (3, 4)).asnumpy()
    assert inside.shape == (2, 1, 3, 4)
    assert (inside[:, 0, 1, 1] > 0.75).all()  # cos 0 exceeds cos 30 degrees by 0.134, softly
    behind = focus(directions, -text, curvature, (3, 4)).asnumpy()
    assert (behind[:, 0, 1, 1] < 1e-4).all()


def test_a_decoder_without_it_computes_the_same_when_nothing_is_added():
    ms.set_seed(0)
    plain = HyperbolicDecoder((8, 8, 8, 8), 16, (8, 8, 8), 4, 12, 7, 2)
    focused = HyperbolicDecoder((8, 8, 8, 8), 16, (8, 8, 8), 4, 12, 7, 2, PAPER._replace(cone_focus=True))
    own = {name: each for name, each in focused.parameters_and_names() if name.startswith("cone.")}
    assert len(own) == 7
    ms.load_param_into_net(focused, {name: each for name, each in plain.parameters_and_names()})
    for name, each in own.items():
        if name.startswith("cone.adds"):
            each.set_data(ops.zeros_like(each))
    draw = np.random.default_rng(0)
    features = tuple(ms.Tensor(draw.standard_normal((1, 8, 3, 3)).astype(np.float32)) for _ in range(4))
    prompt, curvature = ms.Tensor(draw.standard_normal((1, 12)).astype(np.float32)), ms.Tensor(1.0)
    arguments = features, prompt, points(0.1, batch=1), points(0.9, 3, 1), curvature
    np.testing.assert_array_equal(plain(*arguments).asnumpy(), focused(*arguments).asnumpy())
    own["cone.adds.0.weight"].set_data(ops.ones_like(own["cone.adds.0.weight"]))
    assert not np.allclose(plain(*arguments).asnumpy(), focused(*arguments).asnumpy(), atol=1e-3)


def test_the_released_preset_has_none():
    with pytest.raises(ConfigError, match="cone_focus"):
        model_config("aam_dinov3_vits16", "released", {"cone_focus": True})
