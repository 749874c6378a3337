"""An up-sampling stage (equation 15) and its fusion with a skip connection."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.decoder.stage import SkipFusion, UpStage
from mindaam.decoder.variant import PAPER, RELEASED
from tests.decoder.small import CURVATURE, POINT_WIDTH, TEXT_WIDTH, normal, stirred


def stage(variant=PAPER, channels_in=8, channels_out=16):
    return stirred(UpStage(channels_in, channels_out, TEXT_WIDTH, POINT_WIDTH, variant))


def test_the_focus_weighs_the_response():
    cell, x, sentence = stage(), normal(1, 2, 8, 3, 5), normal(2, 2, TEXT_WIDTH)
    text, image = normal(3, 2, POINT_WIDTH, scale=0.3), normal(4, 2, POINT_WIDTH, scale=0.3)
    feature = cell.film(cell.norm(cell.up(x)), sentence)
    response = cell.modulation(feature, sentence, text, CURVATURE)
    focus = cell.focus(feature, text, image, CURVATURE)
    assert focus.shape == (2, 1, 6, 10) and float(focus.std()) > 0.01
    expected = (feature + response * (1 + focus)).asnumpy()
    np.testing.assert_allclose(cell(x, sentence, text, image, CURVATURE).asnumpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_stages_of_the_two_presets_differ_in_the_named_parts_only():
    paper, released = ({name for name, _ in stage(b).parameters_and_names()} for b in (PAPER, RELEASED))
    assert {name.split(".")[0] for name in paper - released} == {"focus"}
    assert all(name.endswith("curv.value") or ".mix." in name for name in released - paper)


def test_gradients_are_finite_where_image_and_text_coincide():
    lengths = np.array([0.0, 1e-4, 0.4, 20.0], np.float32)[:, None]
    point = Tensor(np.repeat(lengths / np.float32(POINT_WIDTH**0.5), POINT_WIDTH, 1))
    cell, x, sentence, factors = stage(), normal(1, 4, 8, 2, 3), normal(2, 4, TEXT_WIDTH), normal(5, 4, 16, 4, 6)

    def total(*arguments):
        return (cell(*arguments) * factors).sum()

    gradients = ms.grad(total, (0, 1, 2, 3, 4), cell.trainable_params())(x, sentence, point, point, CURVATURE)
    for gradient in (*gradients[0], *gradients[1]):
        assert np.isfinite(gradient.asnumpy()).all()


@pytest.mark.parametrize("skip_size", [(3, 5), (12, 20), (6, 10)])
def test_fusing_equals_concatenating_the_resized_skip(skip_size):
    cell = stirred(SkipFusion(16, 24))
    feature, skip = normal(1, 2, 16, 6, 10), normal(2, 2, 24, *skip_size)
    resized = ops.interpolate(skip, size=(6, 10), mode="bilinear", align_corners=False)
    joined = np.concatenate((feature.asnumpy(), resized.asnumpy()), 1)
    kernel = np.concatenate((cell.from_decoder.weight.asnumpy(), cell.from_skip.weight.asnumpy()), 1)[:, :, 0, 0]
    mixed = Tensor(np.einsum("oi,bihw->bohw", kernel, joined).astype(np.float32))
    expected = ops.silu(cell.norm(mixed)).asnumpy()
    np.testing.assert_allclose(cell.fuse(feature, skip).asnumpy(), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(cell(feature, skip).asnumpy(), expected)  # squeeze-excitation follows
