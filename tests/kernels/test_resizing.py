"""Bilinear resizing against OpenCV and against its definition in float64."""

import cv2
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.kernels import resizing
from mindaam.kernels.resizing import bilinear

SIZES = [
    ((4, 6), (8, 12)),
    ((28, 28), (56, 112)),
    ((5, 7), (40, 11)),
    ((1, 1), (3, 4)),
    ((9, 9), (9, 4)),
    ((6, 5), (1, 1)),
]


def maps(size):
    return np.random.default_rng(sum(size)).standard_normal((2, 3, *size)).astype(np.float32)


def axis(length, new, align_corners):
    """For each new position: the two old ones that it lies between, and how far it is from the first."""
    position = np.arange(new)
    if align_corners:
        position = position * (length - 1) / max(new - 1, 1)
    else:
        position = np.clip((position + 0.5) * length / new - 0.5, 0, None)
    low = np.minimum(position.astype(int), length - 1)
    return low, np.minimum(low + 1, length - 1), position - low


def by_definition(x, size, align_corners):
    x = x.astype(np.float64)
    low, high, share = axis(x.shape[2], size[0], align_corners)
    share = share[:, None]
    x = x[:, :, low] * (1 - share) + x[:, :, high] * share
    low, high, share = axis(x.shape[3], size[1], align_corners)
    return x[..., low] * (1 - share) + x[..., high] * share


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_values_are_those_of_the_definition(old, new, align_corners):
    x = maps(old)
    got = bilinear(Tensor(x), new, align_corners).asnumpy()
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, by_definition(x, new, align_corners), rtol=0, atol=1e-6)


def test_enlarging_is_opencv_s():
    x = maps((6, 9))
    wanted = np.stack([[cv2.resize(each, (27, 12), interpolation=cv2.INTER_LINEAR) for each in image] for image in x])
    np.testing.assert_allclose(bilinear(Tensor(x), (12, 27)).asnumpy(), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("align_corners", [False, True])
def test_gradient_is_that_of_mindspore_s_operator(align_corners):
    x, size = maps((5, 6)), (12, 8)
    grad = Tensor(np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32))

    def theirs(each):
        return (ops.interpolate(each, size=size, mode="bilinear", align_corners=align_corners) * grad).sum()

    wanted = ms.grad(theirs)(Tensor(x)).asnumpy()
    got = ms.grad(lambda each: (bilinear(each, size, align_corners) * grad).sum())(Tensor(x)).asnumpy()
    np.testing.assert_allclose(got, wanted, rtol=0, atol=5e-6)


def test_another_device_keeps_mindspore_s_operator(monkeypatch):
    x = Tensor(maps((5, 6)))
    ours = bilinear(x, (12, 8)).asnumpy()
    monkeypatch.setattr(resizing, "cpu_form", lambda: False)
    np.testing.assert_allclose(bilinear(x, (12, 8)).asnumpy(), ours, rtol=0, atol=5e-6)
