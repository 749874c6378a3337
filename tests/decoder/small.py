"""Small decoder Cells and inputs for property tests."""

import functools

import mindspore as ms
import numpy as np
from mindspore import Tensor

from mindaam.decoder.decoder import HyperbolicDecoder

TEXT_WIDTH, POINT_WIDTH = 20, 12
FEATURE_WIDTHS, STAGE_WIDTHS = (8, 16, 24, 40), (24, 16, 8)
CURVATURE = Tensor(1.3, ms.float32)


def normal(seed, *shape, scale=1.0):
    """Normal numbers times `scale`, a float32 Tensor."""
    return Tensor((scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32))


def stirred(cell, seed=0):
    """Gives every parameter random values around its usual ones, so that zeros and ones hide nothing."""
    rng = np.random.default_rng(seed)
    for name, parameter in cell.parameters_and_names():
        noise = rng.standard_normal(parameter.shape)
        if len(parameter.shape) > 1 and not name.endswith("anchors"):
            value = noise / np.sqrt(np.prod(parameter.shape[1:]))
        else:
            value = parameter.asnumpy() + 0.1 * noise
        parameter.set_data(Tensor(np.asarray(value, np.float32)))
    return cell


@functools.cache
def small_decoder(variant):
    """A stirred decoder of unlike widths, all of them multiples of 8; shared by the tests, which must not change it."""
    return stirred(
        HyperbolicDecoder(FEATURE_WIDTHS, 24, STAGE_WIDTHS, 8, TEXT_WIDTH, POINT_WIDTH, gaussians=4, variant=variant)
    )


def small_features(batch, height, width):
    """Feature maps of four depths at one grid."""
    return tuple(normal(i, batch, channels, height, width) for i, channels in enumerate(FEATURE_WIDTHS))
