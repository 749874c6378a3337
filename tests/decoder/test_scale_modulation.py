"""Per-pixel gating and multi-scale modulation: radial shortcut, bounds, equations 11 and 12."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.decoder.lorentz_maps import NORM_BOUND
from mindaam.decoder.modulation import ScaleGate
from mindaam.decoder.scale_modulation import LOWEST, PixelGate, ScaleModulation, left_and_rest, row_shortening
from mindaam.decoder.variant import PAPER, RELEASED
from mindaam.geometry import lorentz
from tests.decoder.small import CURVATURE, POINT_WIDTH, TEXT_WIDTH, normal, stirred

CHANNELS = 16


def gate(variant=PAPER):
    return PixelGate(CHANNELS, variant)


def pixels(seed=0):
    """A map whose pixels' norms run from 1e-4 to 1e3, one of them 0."""
    maps = normal(seed, 2, CHANNELS, 3, 7).asnumpy()
    lengths = np.geomspace(1e-4, 1e3, 2 * 3 * 7).reshape(2, 1, 3, 7)
    maps *= lengths / np.linalg.norm(maps, axis=1, keepdims=True)
    maps[0, :, 1, 1] = 0
    return Tensor(maps.astype(np.float32))


@pytest.mark.parametrize("undo_scale", [True, False])
def test_lifting_lengths_equals_lifting_vectors(undo_scale):
    cell, maps = gate(PAPER._replace(undo_scale=undo_scale)), pixels()
    short, whole = cell.round_trip(maps, CURVATURE), cell.read(cell.lift(maps, CURVATURE, LOWEST), CURVATURE)
    lengths = np.linalg.norm(whole.asnumpy(), axis=1, keepdims=True)
    assert (np.abs(short.asnumpy() - whole.asnumpy()) <= 1e-5 * lengths + 1e-12).all()


def test_a_round_trip_changes_nothing_within_the_norm_bound():
    cell, maps = gate(), pixels().asnumpy()
    back = cell.round_trip(Tensor(maps), CURVATURE).asnumpy()
    length = np.linalg.norm(maps, axis=1, keepdims=True)
    bound = NORM_BOUND * CHANNELS**0.5  # the learnable scale starts at CHANNELS^-0.5
    inside = (length < 0.999 * bound) & (np.sqrt(float(CURVATURE)) * length / CHANNELS**0.5 < lorentz.MAX_RADIUS)
    assert 0 < inside.sum() < inside.size
    assert (np.abs(back - maps) <= 2e-5 * length)[np.broadcast_to(inside, maps.shape)].all()
    outside = np.broadcast_to(length > 1.001 * bound, maps.shape)
    expected = (maps * bound / np.maximum(length, 1e-9))[outside]
    np.testing.assert_allclose(back[outside], expected, rtol=1e-4, atol=1e-4)


def test_the_scale_stays_when_it_is_not_undone():
    cell = gate(PAPER._replace(undo_scale=False))
    maps = normal(3, 2, CHANNELS, 2, 2)
    back = cell.round_trip(maps, CURVATURE).asnumpy()
    np.testing.assert_allclose(back, maps.asnumpy() / CHANNELS**0.5, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("variant", [PAPER, RELEASED], ids=["paper", "released"])
def test_gate_gradients_are_finite_also_at_zero_pixels(variant):
    cell = stirred(gate(variant))

    def total(maps, point):
        return (cell(maps, point, CURVATURE) * Tensor(np.arange(7.0), ms.float32)).sum()

    gradients = ms.grad(total, (0, 1))(pixels(), normal(5, 2, POINT_WIDTH, scale=0.3))
    for gradient in gradients:
        assert np.isfinite(gradient.asnumpy()).all() and (gradient.asnumpy() != 0).any()


def test_the_gate_only_amplifies_and_by_less_than_its_limit():
    cell, maps = stirred(gate()), normal(6, 2, CHANNELS, 3, 3)
    quotient = (cell(maps, normal(7, 2, POINT_WIDTH), CURVATURE) / maps).asnumpy()
    assert (quotient > 1).all() and (quotient < 1 + 0.5 * np.tanh(1)).all()


def test_rows_are_shortened_along_the_picture_width():
    maps = np.zeros((1, 2, 2, 3), np.float32)
    maps[0, 0, 0], maps[0, 0, 1], maps[0, 1, 0] = (30, 40, 0), (3, 4, 0), (0, 0, 10.5)
    factors = row_shortening(*left_and_rest(Tensor(maps))).asnumpy()
    clipped = maps * factors
    np.testing.assert_allclose(clipped[0, 0, 0], (6, 8, 0), rtol=1e-6)
    np.testing.assert_allclose(clipped[0, 1, 0], (0, 0, 10), rtol=1e-6)
    np.testing.assert_array_equal(clipped[0, 0, 1], maps[0, 0, 1])


@pytest.mark.parametrize("own", [True, False])
def test_nearest_anchor_weighs_most(own):
    cell = ScaleGate(TEXT_WIDTH, POINT_WIDTH, variant=PAPER._replace(own_curvatures=own))
    curvature = cell.map.curvature() if own else CURVATURE
    weights = cell.anchor_weights(cell.map(cell.anchors, curvature), None if own else CURVATURE).asnumpy()
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    assert (weights.argmax(-1) == np.arange(3)).all()
    sentence, point = normal(8, 2, TEXT_WIDTH), normal(9, 2, POINT_WIDTH)
    ratio = (cell(sentence, point, CURVATURE) / cell(sentence, None, CURVATURE)).asnumpy()
    assert (ratio > 1).all() and (ratio < 2).all()
    np.testing.assert_allclose((ratio - 1).sum(-1), 1, rtol=1e-5)


def test_strength_rises_with_depth_up_to_its_limit():
    cell = ScaleModulation(CHANNELS, TEXT_WIDTH, POINT_WIDTH, low=0.2, slope=0.5)
    lengths = np.array([0.0, 0.1, 0.5, 1.0, 30.0], np.float32)
    points = Tensor(lengths[:, None] * np.eye(1, POINT_WIDTH, dtype=np.float32))
    strength = cell.strength(points, Tensor(1.0, ms.float32)).asnumpy().reshape(-1)
    np.testing.assert_allclose(strength, 0.2 + 0.5 * np.minimum(np.arcsinh(lengths), 1), rtol=1e-5)
    sharper = cell.strength(points, Tensor(1.0, ms.float32), Tensor(9.0, ms.float32)).asnumpy().reshape(-1)
    np.testing.assert_allclose(sharper, 0.2 + 0.5 * np.minimum(np.arcsinh(3 * lengths) / 3, 1), rtol=1e-5)


def test_with_and_without_a_mixing_convolution():
    maps, sentence, point = normal(1, 2, CHANNELS, 4, 6), normal(2, 2, TEXT_WIDTH), normal(3, 2, POINT_WIDTH)
    plain = ScaleModulation(CHANNELS, TEXT_WIDTH, POINT_WIDTH, mix=False)
    weights = plain.scale_gate(sentence, point, CURVATURE).reshape(2, 3, 1, 1).asnumpy()
    responses = [r.asnumpy() for r in plain.operators(maps, point, CURVATURE)]
    strength = plain.strength(point, CURVATURE).asnumpy()
    expected = strength * sum(weights[:, s : s + 1] * response for s, response in enumerate(responses))
    np.testing.assert_allclose(plain(maps, sentence, point, CURVATURE).asnumpy(), expected, rtol=1e-4, atol=1e-6)
    names = {name for name, _ in plain.parameters_and_names()}
    mixing = {name for name, _ in ScaleModulation(CHANNELS, TEXT_WIDTH, POINT_WIDTH).parameters_and_names()}
    assert mixing - names == {"mix.weight", "mix.bias"} and names < mixing


def test_operators_see_the_neighbourhoods_that_their_names_say():
    cell = stirred(ScaleModulation(CHANNELS, TEXT_WIDTH, POINT_WIDTH).operators)
    base = normal(1, 1, CHANNELS, 9, 9).asnumpy()
    changed = base.copy()
    changed[:, :, 4, 4] += 1
    point = normal(3, 1, POINT_WIDTH)
    before, after = (cell(Tensor(maps), point, CURVATURE) for maps in (base, changed))
    local, dilated, pooled = (np.abs((a - b).asnumpy()).max((0, 1)) > 1e-6 for a, b in zip(after, before, strict=True))
    near, far = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    near[3:6, 3:6], far[2:7:2, 2:7:2] = True, True
    np.testing.assert_array_equal(local, near)
    np.testing.assert_array_equal(dilated, far)
    assert pooled.all() and pooled.shape == (1, 1)
    assert ops.stack(before[:2]).shape == (2, 1, CHANNELS, 9, 9)
