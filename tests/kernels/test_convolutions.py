"""Convolutions against SciPy in float64, and their gradients against NumPy's by the definition."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from scipy.signal import convolve2d, correlate2d

from mindaam.kernels import banded, convolutions, device
from mindaam.kernels.convolutions import Convolution, Depthwise, Pointwise, UpConvolution, patches

IMAGES = np.random.default_rng(0).standard_normal((2, 3, 4, 6)).astype(np.float32)
# batch, height, width; beyond 64 columns a depthwise convolution is made of strips of at most 32
SIZES = [(1, 1, 1), (1, 5, 7), (2, 2, 33), (3, 12, 32), (1, 9, 64), (2, 3, 67), (1, 2, 96)]


@pytest.fixture(params=[ms.GRAPH_MODE, ms.PYNATIVE_MODE], ids=["graph", "pynative"])
def mode(request):
    before = ms.get_context("mode")
    ms.set_context(mode=request.param)
    yield
    ms.set_context(mode=before)


def images(size, channels):
    """Random [B,C,h,w] in float32 of a size (batch, height, width)."""
    batch, height, width = size
    return np.random.default_rng(sum(size)).standard_normal((batch, channels, height, width)).astype(np.float32)


def placed(kernel, dilation):
    """A kernel [k,k] with dilation - 1 zeros between its weights."""
    side = (len(kernel) - 1) * dilation + 1
    wide = np.zeros((side, side))
    wide[::dilation, ::dilation] = kernel
    return wide


def convolved(x, weight, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of x [B,C,h,w] by weight [O,C/groups,k,k] in float64."""
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    each, outs = x.shape[1] // groups, weight.shape[0] // groups
    maps = [
        sum(correlate2d(image[out // outs * each + i], placed(weight[out, i], dilation), "valid") for i in range(each))[
            ::stride, ::stride
        ]
        for image in x
        for out in range(len(weight))
    ]
    return np.stack(maps).reshape(len(x), len(weight), *maps[0].shape)


def up_convolved(x, weight):
    """The transposed convolution of stride 2 of x [B,C,h,w] by weight [C,O,2,2] in float64."""
    out = np.einsum("bchw,coij->bohiwj", x.astype(np.float64), weight.astype(np.float64))
    return out.reshape(x.shape[0], weight.shape[1], 2 * x.shape[2], 2 * x.shape[3])


def expected(cell, x):
    """What a Cell of this module computes, in float64."""
    weight = cell.weight.asnumpy()
    if isinstance(cell, UpConvolution):
        out = up_convolved(x, weight)
    else:
        out = convolved(x, weight, cell.stride[0], cell.padding, cell.dilation[0], cell.group)
    return out + cell.bias.asnumpy().reshape(1, -1, 1, 1) if cell.has_bias else out


CELLS = {
    "pointwise": lambda: Pointwise(4, 6),
    "pointwise without bias": lambda: Pointwise(4, 2, has_bias=False),
    "depthwise": lambda: Depthwise(4),
    "dilated": lambda: Depthwise(4, dilation=2),
    "up": lambda: UpConvolution(4, 3),
    "shifted last": lambda: Convolution(4, 1, 3, padding=1, has_bias=True),
    "shifted first": lambda: Convolution(4, 5, 3, padding=1, has_bias=False),
    "stride 2": lambda: Convolution(4, 5, 3, 2, padding=1, has_bias=True),
    "1x1 of stride 2": lambda: Convolution(4, 2, 1, 2, padding=0, has_bias=False),
    "7x7 of stride 2": lambda: Convolution(4, 3, 7, 2, padding=3, has_bias=False),
    "4x4 of stride 2": lambda: Convolution(4, 6, 4, 2, padding=1, has_bias=True),
}


def fits(cell, size):
    return isinstance(cell, UpConvolution) or min(size[1:]) + 2 * cell.padding >= cell.kernel_size[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CELLS)
def test_each_kind_is_the_convolution_by_its_definition(kind, size):
    cell = CELLS[kind]()
    if not fits(cell, size):
        pytest.skip("the map is smaller than the kernel")
    x = images(size, 4)
    np.testing.assert_allclose(cell(Tensor(x)).asnumpy(), expected(cell, x), rtol=0, atol=3e-6)


@pytest.mark.parametrize("size", [(2, 9, 35), (2, 4, 67)])
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_the_definition(kind, size, mode):
    """A convolution is linear in its input and in its weight: <f(x + v) - f(x), g> is <v, gradient> exactly."""
    cell, x, random = CELLS[kind](), images(size, 4), np.random.default_rng(1)
    grad = random.standard_normal(expected(cell, x).shape).astype(np.float32)
    weights = cell.trainable_params()
    factor = Tensor(grad)

    def total(each):
        return (cell(each) * factor).sum()

    _, (d_x, d_weights) = ms.value_and_grad(total, 0, weights)(Tensor(x))
    base = expected(cell, x)
    change = random.standard_normal(x.shape)
    assert_same((d_x.asnumpy() * change).sum(), ((expected(cell, x + change) - base) * grad).sum())
    for weight, d_weight in zip(weights, d_weights, strict=True):
        was, change = weight.asnumpy().copy(), random.standard_normal(weight.shape).astype(np.float32)
        weight.set_data(Tensor(was + change))
        found = ((expected(cell, x) - base) * grad).sum()
        weight.set_data(Tensor(was))
        assert_same((d_weight.asnumpy() * change).sum(), found)


def assert_same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("kind", CELLS)
def test_another_device_keeps_mindspore_s_operator(kind, monkeypatch):
    cell, x = CELLS[kind](), Tensor(images((1, 9, 12), 4))
    ours = cell(x).asnumpy()
    monkeypatch.setattr(convolutions, "cpu_form", lambda: False)
    np.testing.assert_allclose(cell(x).asnumpy(), ours, rtol=0, atol=3e-6)


@pytest.mark.parametrize("dilation", [1, 2])
def test_without_avx512_the_results_are_the_same(dilation, monkeypatch):
    cell, x = Depthwise(4, dilation), Tensor(images((2, 6, 67), 4))
    ours = [cell(x).asnumpy(), ms.grad(cell)(x).asnumpy()]
    monkeypatch.setattr(banded, "has_avx512", lambda: False)
    for found, wanted in zip([cell(x).asnumpy(), ms.grad(cell)(x).asnumpy()], ours, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-6)


@pytest.mark.parametrize("isa", ["AVX2", "sse41"])
def test_a_limit_of_onednn_rules_avx512_out(isa, monkeypatch):
    monkeypatch.setattr(device, "_can_avx512", lambda: True)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert not device.has_avx512()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "DEFAULT")
    assert device.has_avx512()


def test_parameters_are_those_of_mindspore_s_cells():
    pairs = [
        (Pointwise(4, 6), nn.Conv2d(4, 6, 1, has_bias=True)),
        (Depthwise(4), nn.Conv2d(4, 4, 3, group=4)),
        (Convolution(4, 6, 3, padding=1, has_bias=True), nn.Conv2d(4, 6, 3, has_bias=True)),
        (UpConvolution(4, 6), nn.Conv2dTranspose(4, 6, 2, has_bias=True)),
    ]
    for ours, theirs in pairs:
        ours, theirs = ({name: each.shape for name, each in cell.parameters_and_names()} for cell in (ours, theirs))
        assert ours == theirs


def test_a_convolution_turned_around_is_scipy_s():
    """Guards the direction of the kernel: flipped, the Cell's correlation is a convolution."""
    cell, x = Depthwise(1), images((1, 6, 40), 1)
    kernel = cell.weight.asnumpy()[0, 0, ::-1, ::-1]
    np.testing.assert_allclose(cell(Tensor(x)).asnumpy()[0, 0], convolve2d(x[0, 0], kernel, "same"), atol=3e-6)


def test_patches_are_cut_row_by_row():
    got = patches(Tensor(IMAGES), 2).asnumpy()
    assert got.shape == (2, 6, 12)
    np.testing.assert_array_equal(got[1, 4], IMAGES[1, :, 2:4, 2:4].reshape(-1))  # second row, second column


def test_a_depthwise_convolution_keeps_the_size_and_mixes_no_channels():
    for dilation in (1, 2):
        layer = Depthwise(3, dilation)
        alone = IMAGES * np.array([0, 1, 0], np.float32).reshape(1, 3, 1, 1)
        out = layer(Tensor(alone)).asnumpy()
        assert out.shape == IMAGES.shape and np.abs(out[:, 1]).max() > 0
        np.testing.assert_array_equal(out[:, [0, 2]], 0)
