"""The output head on pictures that are not square, and what its parts depend on (equation 31)."""

import numpy as np
from mindspore import Tensor

from mindaam.decoder.gaussian_head import GaussianHead, axis_gaussians
from mindaam.decoder.variant import PAPER
from tests.decoder.small import CURVATURE, POINT_WIDTH, TEXT_WIDTH, normal, stirred


def head():
    return stirred(GaussianHead(8, TEXT_WIDTH, POINT_WIDTH, gaussians=4, hidden=16, variant=PAPER))


def test_positions_run_from_0_to_1():
    got = axis_gaussians(5, normal(1, 2, 4), normal(2, 2, 4).abs() + 0.1).asnumpy()
    centre, width = normal(1, 2, 4).asnumpy()[..., None], np.abs(normal(2, 2, 4).asnumpy())[..., None] + 0.1
    expected = np.exp(-((np.linspace(0, 1, 5) - centre) ** 2) / (2 * width**2))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


def test_gaussians_are_drawn_in_a_wide_picture():
    cell, sentence = head(), normal(3, 2, TEXT_WIDTH, scale=3.0)
    amplitudes = normal(4, 2, 4).abs()
    drawn = cell.gaussian_bias(*cell.gaussians_of(sentence, (6, 11)), amplitudes).asnumpy()
    x, y, width_x, width_y = (part.asnumpy()[:, :, None, None] for part in cell.shapes(sentence))
    assert (width_x > 0.05).all() and (width_y < 0.55).all() and (x > 0).all() and (y < 1).all()
    rows, columns = np.linspace(0, 1, 6)[:, None], np.linspace(0, 1, 11)[None, :]
    blobs = np.exp(-((columns - x) ** 2 / (2 * width_x**2) + (rows - y) ** 2 / (2 * width_y**2)))
    expected = (amplitudes.asnumpy()[:, :, None, None] * blobs).sum(1, keepdims=True)
    np.testing.assert_allclose(drawn, expected, rtol=1e-4, atol=1e-6)


def test_sentence_point_and_curvature_move_the_answer():
    cell = head()
    feature, sentence, point = (
        np.repeat(part.asnumpy(), 3, 0)
        for part in (normal(5, 1, 8, 6, 11), normal(6, 1, TEXT_WIDTH), normal(7, 1, POINT_WIDTH, scale=0.3))
    )
    sentence[1] *= -1
    point[2] *= 3
    inputs = Tensor(feature), Tensor(sentence), Tensor(point)
    answer, bent = (cell(*inputs, curvature).asnumpy() for curvature in (CURVATURE, 3 * CURVATURE))
    assert answer.shape == (3, 1, 6, 11)
    for other in (answer[1], answer[2], bent[0]):
        assert np.abs(other - answer[0]).max() > 1e-3
