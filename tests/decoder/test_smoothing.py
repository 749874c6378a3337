"""The final blur: a Gaussian that keeps constants, ranges and, away from borders, SciPy's values."""

import mindspore as ms
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mindaam.decoder.smoothing import smooth

MAPS = np.random.default_rng(0).random((2, 1, 40, 60)).astype(np.float32)


def blurred(maps, share):
    return smooth(ms.Tensor(maps), share).asnumpy()


def test_it_is_a_gaussian_blur_away_from_the_borders():
    want = np.stack([gaussian_filter(each[0].astype(np.float64), (0.05 * 40, 0.05 * 60), truncate=8) for each in MAPS])
    inner = np.s_[..., 12:-12, 18:-18]
    np.testing.assert_allclose(blurred(MAPS, 0.05)[:, 0][inner], want[inner], atol=2e-5)


def test_constants_and_ranges_stay():
    np.testing.assert_allclose(blurred(np.full_like(MAPS, 0.3), 0.05), 0.3, rtol=1e-5)
    out = blurred(MAPS, 0.02)
    assert MAPS.min() <= out.min() < out.max() <= MAPS.max()


@pytest.mark.parametrize("share", [0, 0.0])
def test_a_share_of_zero_changes_nothing(share):
    assert np.array_equal(blurred(MAPS, share), MAPS)
