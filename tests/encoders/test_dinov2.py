"""DINOv2 against golden tokens, and the promises of its picture sizes and pieces."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam.encoders import dinov2
from mindaam.encoders.dinov2 import DINOv2, bicubic_matrix, from_official, resize_positions
from mindaam.encoders.tables import stored_parameters
from tests import gold
from tests.encoders.encoder_files import golden, official, randomise, running_in

TAPS = (2, 5, 8, 11)


def small(**changes):
    """A DINOv2 of three narrow blocks with weights that all matter."""
    settings = {"image_size": (56, 70), "width": 24, "heads": 3, "depth": 3, "taps": (0, 2), "table_grid": 6, **changes}
    backbone = DINOv2(**settings)
    backbone.set_train(False)
    randomise(backbone)
    backbone.set_image_size(settings["image_size"])
    return backbone


def pictures(height, width, batch=1, seed=7):
    return np.random.Generator(np.random.PCG64(seed)).standard_normal((batch, 3, height, width)).astype(np.float32)


@pytest.fixture(scope="module")
def vits14():
    backbone = DINOv2(image_size=(224, 224))
    backbone.set_train(False)
    state = dict(from_official(official("dinov2_vits14.safetensors")).state)
    for name, parameter in stored_parameters(backbone):
        parameter.set_data(ms.Tensor(state.pop(name)))
    assert not state
    return backbone


@pytest.mark.parametrize(
    ("height", "width", "mode"),
    [
        (224, 224, "pynative"),
        (224, 336, "pynative"),
        pytest.param(224, 336, "graph", marks=pytest.mark.slow),
        (336, 336, "graph"),
    ],
)
def test_tokens_are_the_official_ones(vits14, height, width, mode):
    want = golden("dinov2_vits14.npz")
    with running_in(mode):
        vits14.set_image_size((height, width))
        taps = [tap.asnumpy()[0] for tap in vits14(ms.Tensor(pictures(height, width)))]
    for tap, tokens in zip(TAPS, taps, strict=True):
        key = f"{height}x{width}.layer{tap}"
        low, high = want[f"{key}.range"]
        limit = 2e-4 * (high - low)
        # the golden rows count from the class token, which the backbone drops
        gold.compare(f"{height}x{width}/{tap}", tokens[12::13, ::4], want[f"{key}.tokens_every_13th"][1:], limit, 0)
        count = tokens.shape[0]
        class_token = want[f"{key}.mean_over_tokens"] * (count + 1) - tokens.sum(0, dtype=np.float64)
        assert np.abs(class_token[::4] - want[f"{key}.tokens_every_13th"][0]).max() <= limit * count


@pytest.mark.parametrize(("source", "target"), [(37, 24), (37, 16), (6, 4), (6, 11), (5, 5), (3, 1)])
def test_bicubic_rows_sum_to_one_and_are_symmetric(source, target):
    matrix = bicubic_matrix(source, target)
    assert np.allclose(matrix.sum(1), 1)
    assert np.allclose(matrix, matrix[::-1, ::-1])


def test_bicubic_of_the_same_size_changes_nothing():
    assert np.allclose(bicubic_matrix(9, 9), np.eye(9))


def test_resized_positions_keep_the_class_row_and_the_axes_apart():
    table = np.zeros((1, 1 + 36, 2), np.float32)
    table[0, 0] = 5
    table[0, 1:, 0] = np.repeat(np.arange(6), 6)  # channel 0 grows downwards, channel 1 to the right
    table[0, 1:, 1] = np.tile(np.arange(6), 6)
    resized = resize_positions(table, (4, 9))
    assert resized.shape == (1, 37, 2) and resized.dtype == np.float32
    assert (resized[0, 0] == 5).all()
    down, right = resized[0, 1:].reshape(4, 9, 2).transpose(2, 0, 1)
    assert np.ptp(down, axis=1).max() < 1e-6 and (np.diff(down[:, 0]) > 0).all()
    assert np.ptp(right, axis=0).max() < 1e-6 and (np.diff(right[0]) > 0).all()


def test_positions_are_resized_once_a_size(monkeypatch):
    calls = []
    resize = dinov2.resize_positions
    monkeypatch.setattr(dinov2, "resize_positions", lambda *args: calls.append(args[1]) or resize(*args))
    backbone = small()
    calls.clear()
    for size in ((56, 70), (42, 42), (56, 70), (42, 42)):
        backbone.set_image_size(size)
        backbone(ms.Tensor(pictures(*size)))
        backbone(ms.Tensor(pictures(*size)))
    assert calls == [(3, 3)]


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_new_weights_bring_new_positions(mode):
    backbone = small()
    picture = ms.Tensor(pictures(56, 70))
    with running_in(mode):
        before = backbone(picture)[0].asnumpy()
        table = np.random.default_rng(5).standard_normal(backbone.pos_embed.shape).astype(np.float32)
        backbone.pos_embed.set_data(ms.Tensor(table))
        backbone.set_image_size((56, 70))
        after = backbone(picture)[0].asnumpy()
    fresh = small()
    fresh.pos_embed.set_data(ms.Tensor(table))
    fresh.set_image_size((56, 70))
    assert np.abs(after - before).max() > 0.1
    assert np.allclose(after, fresh(picture)[0].asnumpy(), atol=1e-5)


def test_tables_belong_to_the_cell_and_are_no_part_of_a_checkpoint():
    backbone = small()
    within = nn.SequentialCell(backbone)  # renames what there is; a table that is made later is named alike
    backbone.set_image_size((42, 42))
    assert not [name for name, _ in stored_parameters(backbone) if "positions" in name]
    names = [name for name, _ in within.parameters_and_names()]
    assert names == [parameter.name for parameter in within.get_parameters()]
    assert [name for name in names if "positions" in name] == ["0.table_positions_56x70", "0.table_positions_42x42"]
    assert within.parameters_dict()["0.table_positions_42x42"] is backbone.positions
    assert not backbone.positions.requires_grad


@pytest.mark.parametrize("size", [(56, 71), (0, 56), (13, 56), (-14, 56)])
def test_sizes_that_are_no_multiple_of_the_patch_are_refused(size):
    with pytest.raises(ValueError, match="not a multiple of the patch, 14"):
        small().set_image_size(size)


@pytest.mark.parametrize("taps", [(0, 3), (2, 0), (1, 1), (-1, 2)])
def test_taps_that_are_no_blocks_are_refused(taps):
    with pytest.raises(ValueError, match="ascending block numbers below the depth 3"):
        small(taps=taps)


def test_pieces_make_the_whole():
    backbone = small()
    picture = ms.Tensor(pictures(56, 70, batch=2))
    whole = backbone(picture)
    tokens = backbone.embed(picture)
    assert tokens.shape == (2, 1 + 20, 24)
    first, tokens = backbone.run_blocks(tokens, 0, 2)
    second, last = backbone.run_blocks(tokens, 2, 3)
    assert (len(first), len(second)) == (1, 1)
    assert np.array_equal(second[0].asnumpy(), last.asnumpy())
    for mine, theirs in zip(first + second, whole, strict=True):
        assert np.allclose(backbone.finish(mine).asnumpy(), theirs.asnumpy(), atol=1e-6)
        assert theirs.shape == (2, 20, 24)


def test_patches_are_read_row_by_row():
    backbone = small()
    picture = np.zeros((1, 3, 56, 70), np.float32)
    picture[0, :, 14:28, 28:42] = 1.0  # row 1, column 2 of 4 x 5
    with_patch, without = (backbone.patch_embed(ms.Tensor(p)).asnumpy()[0] for p in (picture, 0 * picture))
    assert np.flatnonzero((with_patch != without).any(-1)).tolist() == [1 * 5 + 2]


def test_official_names_are_renamed_strictly():
    odd = ("surprise", "norm.extra", "blocks.0.attn.qkv.bias_mask", "blocks.x.norm1.weight", "blocks.0")
    state = {"mask_token": np.zeros(1), "norm.weight": np.ones(3, np.float16), **dict.fromkeys(odd, np.ones(2))}
    state["patch_embed.proj.weight"] = np.zeros((4, 3, 14, 14), np.float16)
    state["blocks.11.norm2.bias"] = np.ones(3, np.float16)
    converted, origin, ignored, unexpected = from_official(state)
    assert origin == {
        "norm.gamma": ("norm.weight",),
        "patch_embed.proj.weight": ("patch_embed.proj.weight",),
        "blocks.11.norm2.beta": ("blocks.11.norm2.bias",),
    }
    assert set(converted) == set(origin) and {array.dtype for array in converted.values()} == {np.dtype(np.float32)}
    assert converted["patch_embed.proj.weight"].shape == (4, 588)
    assert set(ignored) == {"mask_token"} and unexpected == odd


def test_every_official_name_of_the_bundled_file_is_known():
    state = official("dinov2_vits14.safetensors")
    converted, origin, ignored, unexpected = from_official(state)
    assert not unexpected and len(converted) + len(ignored) == len(state)
    assert sorted(name for names in origin.values() for name in names) == sorted(set(state) - set(ignored))
