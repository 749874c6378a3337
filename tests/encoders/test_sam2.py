"""SAM2's encoder against the official package's numbers, names and shapes, and its parts against plain NumPy."""

import csv
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders import windows
from mindaam.encoders.sam2 import SAM2, VARIANTS, embedded, from_official, on_grid
from mindaam.encoders.tables import stored_parameters
from tests.encoders.encoder_files import golden, running_in
from tests.encoders.sam2_files import SIZE, SMALL, official_shapes, official_state, pictures, small_encoder

TRUNK = "image_encoder.trunk."
WITHIN = 1e-5  # of the range


def close(want, key, got):
    """Compares with a golden array, or with its stored every-k-th value, within 1e-5 of its range."""
    if key not in want:
        got, key = got.reshape(-1)[:: int(want[f"{key}@k"])], f"{key}@sample"
    np.testing.assert_allclose(got.reshape(want[key].shape), want[key], rtol=0, atol=WITHIN * np.ptp(want[key]))


@pytest.mark.parametrize("mode", ["pynative", pytest.param("graph", marks=pytest.mark.slow)])
def test_every_tap_is_that_of_the_official_package(mode):
    want, encoder = golden("sam2.npz"), small_encoder()
    close(want, "positions", encoder.positions.asnumpy())
    with running_in(mode):
        tapped, last = encoder.run_blocks(encoder.embed(ms.Tensor(pictures())), 0, encoder.depth)
        features = encoder(ms.Tensor(pictures()))
    for index, raw in enumerate(tapped):
        close(want, f"tap{index}", raw.asnumpy())
    assert np.array_equal(last.asnumpy(), tapped[-1].asnumpy())
    assert [each.shape for each in features] == [(2, 60, width) for width in (16, 32, 64, 128)]


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_the_published_sizes_have_the_official_names_and_shapes(name):
    table = Path(__file__).parent / "goldens" / f"{name}.tsv"
    with table.open(encoding="utf-8", newline="") as lines:
        rows = dict(csv.reader(lines, delimiter="\t"))
    shapes = {key.removeprefix(TRUNK): tuple(map(int, shape.split(","))) for key, shape in rows.items()}
    assert all(key.startswith(TRUNK) for key in rows) and shapes == official_shapes(VARIANTS[name])


def test_conversion_fills_every_parameter_and_lists_strangers():
    state = {**official_state(SMALL), "blocks.0.attn.bias": np.zeros(3), "neck.convs.0.conv.weight": np.zeros(3)}
    conversion = from_official(state)
    shapes = {name: tuple(each.shape) for name, each in stored_parameters(small_encoder())}
    assert {name: array.shape for name, array in conversion.state.items()} == shapes
    assert conversion.unexpected == ("blocks.0.attn.bias", "neck.convs.0.conv.weight")


def test_the_first_convolution_is_a_convolution():
    rng = np.random.default_rng(0)
    image, weight, bias = rng.normal(size=(1, 3, 8, 12)), rng.normal(size=(5, 3, 7, 7)), rng.normal(size=5)
    around = np.pad(image, ((0, 0), (0, 0), (3, 3), (3, 3)))
    want = [
        [(weight * around[0, :, 4 * y : 4 * y + 7, 4 * x : 4 * x + 7]).sum((1, 2, 3)) + bias for x in range(3)]
        for y in range(2)
    ]
    found = embedded(*(ms.Tensor(each.astype(np.float32)) for each in (image, weight, bias)))
    np.testing.assert_allclose(found.asnumpy()[0], want, atol=1e-4)


def test_windows_are_cut_joined_padded_and_pooled():
    grid = np.arange(4 * 6 * 2, dtype=np.float32).reshape(1, 4, 6, 2)
    apart = windows.windows_of(ms.Tensor(grid), 2)
    assert np.array_equal(apart.asnumpy()[1], grid[0, :2, 2:4])
    assert np.array_equal(windows.joined(apart, (4, 6)).asnumpy(), grid)
    padded = windows.padded(ms.Tensor(grid), 4)
    assert padded.shape == (1, 4, 8, 2) and not padded.asnumpy()[:, :, 6:].any()
    assert np.array_equal(windows.cut(padded, (4, 6)).asnumpy(), grid)
    assert np.array_equal(windows.pooled(ms.Tensor(grid)).asnumpy(), grid[:, 1::2, 1::2])


def test_pooled_attention_has_the_gradient_of_its_definition():
    rng = np.random.default_rng(0)
    qkv = rng.normal(size=(1, 4, 4, 12)).astype(np.float32)
    aim = rng.normal(size=(1, 2, 2, 4)).astype(np.float32)

    def loss(x):
        return (windows.attended(x, 2, 4, True) * ms.Tensor(aim)).sum()

    with running_in("pynative"):
        gradient = ms.grad(loss)(ms.Tensor(qkv)).asnumpy()
        for place in [(0, 0, 0, 1), (0, 1, 1, 0), (0, 2, 3, 6), (0, 3, 0, 11)]:
            step = np.zeros_like(qkv)
            step[place] = 1e-2
            slope = (loss(ms.Tensor(qkv + step)) - loss(ms.Tensor(qkv - step))).asnumpy() / 2e-2
            assert slope == pytest.approx(gradient[place], abs=2e-3)


def test_taps_are_brought_to_one_grid():
    fine = np.random.default_rng(0).normal(size=(1, 8, 12, 3)).astype(np.float32)
    means = fine.reshape(1, 2, 4, 3, 4, 3).mean((2, 4)).reshape(1, 6, 3)
    np.testing.assert_allclose(on_grid(ms.Tensor(fine), 4, 16).asnumpy(), means, atol=1e-6)
    np.testing.assert_array_equal(on_grid(ms.Tensor(fine), 16, 16).asnumpy(), fine.reshape(1, 96, 3))
    level = on_grid(ms.Tensor(np.full((1, 2, 3, 1), 0.25, np.float32)), 32, 16).asnumpy()
    assert level.shape == (1, 24, 1) and np.allclose(level, 0.25)


def test_positions_follow_the_weights_and_the_size():
    encoder = small_encoder()
    before = encoder.positions.asnumpy().copy()
    encoder.set_image_size((32, 64))
    assert encoder.positions.shape == (1, 8, 16, 16)
    encoder.pos_embed.set_data(encoder.pos_embed + 1.0)
    encoder.set_image_size(SIZE)
    np.testing.assert_allclose(encoder.positions.asnumpy(), before + 1, atol=1e-5)
    with pytest.raises(ValueError, match="multiple of 32"):
        encoder.set_image_size((48, 64))
    with pytest.raises(ValueError, match="end at the last one, 8"):
        SAM2(image_size=SIZE, **SMALL | {"taps": (0, 2, 6, 7)})
