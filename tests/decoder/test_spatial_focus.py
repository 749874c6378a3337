"""Spatial focusing, equations 13 and 14."""

import mindspore as ms
import numpy as np
from mindspore import Tensor

from mindaam.decoder.spatial_focus import GAMMA, Direction, SpatialFocus, unit
from tests.decoder.small import CURVATURE, POINT_WIDTH, normal, stirred

CHANNELS = 8


def away(*lengths):
    """Text points in one direction, these lengths from the origin in space."""
    coordinates = np.array(lengths, np.float32)[:, None] / np.float32(POINT_WIDTH**0.5)
    return Tensor(np.repeat(coordinates, POINT_WIDTH, 1))


def focus_map(text_point, image_point, seed=0):
    cell = stirred(SpatialFocus(CHANNELS, POINT_WIDTH))
    return cell(normal(seed, 2, CHANNELS, 5, 3), text_point, image_point, CURVATURE).asnumpy()


def test_a_wide_cone_is_flatter_than_a_narrow_one():
    image = normal(1, 2, POINT_WIDTH, scale=3.0)
    wide, narrow = (focus_map(away(length, length), image) for length in (0.05, 3.0))
    for maps in (wide, narrow):
        assert maps.shape == (2, 1, 5, 3) and (maps >= 0).all() and (maps <= 1).all()
    assert (wide > 0).all() and (wide < 1).all()
    assert (wide.std((1, 2, 3)) < 0.7 * narrow.std((1, 2, 3))).all()


def test_the_map_is_that_of_equation_14():
    cell = SpatialFocus(CHANNELS, POINT_WIDTH)
    feature, text, image = normal(2, 2, CHANNELS, 3, 4), away(0.6, 0.6), normal(3, 2, POINT_WIDTH)
    got = cell(feature, text, image, CURVATURE).asnumpy()[:, 0]
    c, maps = float(CURVATURE), feature.asnumpy().astype(np.float64)

    def log0(x):
        radius = np.sqrt(c) * np.linalg.norm(x, axis=-1, keepdims=True)
        return np.arcsinh(radius) / radius * x

    towards = log0(image.asnumpy().astype(np.float64)) - log0(text.asnumpy().astype(np.float64))
    wanted = towards @ cell.project.weight.asnumpy().T
    cosine = np.einsum("bc,bchw->bhw", wanted, maps)
    cosine /= np.linalg.norm(maps, axis=1) * np.linalg.norm(wanted, axis=1)[:, None, None]
    temperature = GAMMA * np.arcsin(0.2 / (np.sqrt(c) * 0.6))
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-cosine / temperature)), atol=1e-5)


def test_direction_is_a_unit_vector_or_nothing():
    direction, text, image = Direction(), normal(4, 3, POINT_WIDTH), normal(5, 3, POINT_WIDTH)
    np.testing.assert_allclose(np.linalg.norm(direction(image, text, CURVATURE).asnumpy(), axis=-1), 1, rtol=1e-5)
    there, back = (direction(*pair, CURVATURE).asnumpy() for pair in ((image, text), (text, image)))
    np.testing.assert_allclose(there, -back, atol=1e-6)
    np.testing.assert_array_equal(direction(text, text, CURVATURE).asnumpy(), np.zeros((3, POINT_WIDTH)))


def test_gradients_are_finite_where_image_and_text_coincide():
    cell, feature = SpatialFocus(CHANNELS, POINT_WIDTH), normal(6, 4, CHANNELS, 3, 3).asnumpy()
    feature[0, :, 1, 1] = 0  # a pixel without a direction
    factors = normal(7, 4, 1, 3, 3)
    point = away(0.0, 1e-3, 0.5, 100.0)

    def total(feature, text, image, curvature):
        return (cell(feature, text, image, curvature) * factors).sum()

    arguments = (Tensor(feature), point, point, CURVATURE)
    by_inputs, by_weights = ms.grad(total, (0, 1, 2, 3), cell.trainable_params())(*arguments)
    for gradient in (*by_inputs, *by_weights):
        assert np.isfinite(gradient.asnumpy()).all()
    assert (cell(*arguments).asnumpy() == 0.5).all()  # no direction: no preference


def test_unit_works_along_any_axis():
    maps = normal(7, 2, 3, 4, 5)
    np.testing.assert_allclose(np.linalg.norm(unit(maps, 1).asnumpy(), axis=1), 1, rtol=1e-5)
    small = unit(Tensor(np.array([[1e-9, 0.0]], np.float32)), -1).asnumpy()
    np.testing.assert_allclose(small, [[1e-3, 0.0]], rtol=1e-4)  # divided by 1e-6, not by its own length
