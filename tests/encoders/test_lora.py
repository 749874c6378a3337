"""LoRA against golden values, and its promises: nothing at the start, nothing lost in merging, stable names."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.dropout import set_dropout_step
from mindaam.encoders.lora import LoRADense, apply_lora, lora_parameters, merge_lora, without_adapters
from tests.encoders.encoder_files import golden, randomise, running_in
from tests.gold import compare, tensor, weight

PROJ = "backbone.blocks.3.attn.proj"


def backbone(seed=0):
    cell = DINOv2(image_size=(56, 70), width=24, heads=3, depth=3, taps=(0, 2), table_grid=6)
    cell.set_train(False)
    randomise(cell, seed=seed)
    cell.set_image_size((56, 70))
    return cell


def picture(seed=0):
    return ms.Tensor(np.random.default_rng(seed).standard_normal((2, 3, 56, 70)).astype(np.float32))


class Weighted(nn.Cell):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def construct(self, x, cotangent):
        return (self.layer(x) * cotangent).sum()


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_wrapper_gives_the_golden_values_and_gradients(mode):
    base = nn.Dense(384, 384)
    base.weight.set_data(ms.Tensor(weight(f"{PROJ}.weight", (384, 384))))
    base.bias.set_data(ms.Tensor(weight(f"{PROJ}.bias", (384,))))
    layer = LoRADense(base, rank=32, alpha=64, dropout=0.05)
    layer.lora_a.set_data(ms.Tensor(weight(f"{PROJ}.lora_A.weight", (32, 384))))
    layer.lora_b.set_data(ms.Tensor(weight(f"{PROJ}.lora_B.weight", (384, 32))))
    layer.set_train(False)
    x, cotangent = ms.Tensor(tensor("F/proj", (2, 17, 384))), ms.Tensor(tensor("F/proj/cot", (2, 17, 384)))
    with running_in(mode):
        got = {"out": layer(x), "base_out": base(x)}
        gradient = ms.grad(Weighted(layer), 0, ms.ParameterTuple([layer.lora_a, layer.lora_b]))
        got["dx"], (got["d_lora_A"], got["d_lora_B"]) = gradient(x, cotangent)
        want = golden("lora_proj.npz")
        for key, value in got.items():
            sample = value.asnumpy().reshape(-1)[:: int(want[f"{key}@every"])]
            compare(f"lora proj/{key}", sample, want[key], rtol=1e-4, atol=2e-5)


def test_adapters_change_nothing_at_the_start():
    cell = backbone()
    before = [tap.asnumpy() for tap in cell(picture())]
    parameters = apply_lora(cell, rank=4, alpha=8)
    assert all(np.array_equal(a, b.asnumpy()) for a, b in zip(before, cell(picture()), strict=True))
    for parameter in parameters:
        values = np.abs(parameter.asnumpy())
        if parameter.name.endswith("lora_a"):
            assert 0.8 * 24**-0.5 < values.max() <= 24**-0.5
        else:
            assert values.max() == 0


def test_adapters_that_are_off_add_nothing_and_come_back():
    cell = backbone()
    before = [tap.asnumpy() for tap in cell(picture())]
    randomise_adapters(cell, 4, 8, 0)
    adapted, weights = [tap.asnumpy() for tap in cell(picture())], [p.asnumpy() for p in lora_parameters(cell)]
    with pytest.raises(KeyError), without_adapters(cell):
        assert all(np.array_equal(a, b.asnumpy()) for a, b in zip(before, cell(picture()), strict=True))
        raise KeyError
    assert not np.array_equal(adapted[-1], before[-1])
    assert all(np.array_equal(a, b.asnumpy()) for a, b in zip(adapted, cell(picture()), strict=True))
    assert all(np.array_equal(a, p.asnumpy()) for a, p in zip(weights, lora_parameters(cell), strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rank", "alpha"), [(1, 1), (4, 8), (16, 3)])
def test_merged_is_unmerged(seed, rank, alpha):
    cell = backbone(seed)
    randomise_adapters(cell, rank, alpha, seed)
    unmerged = [tap.asnumpy() for tap in cell(picture(seed))]
    assert merge_lora(cell) == 6
    assert not lora_parameters(cell)
    plain = [tap.asnumpy() for tap in backbone(seed)(picture(seed))]
    for a, b, without in zip(unmerged, cell(picture(seed)), plain, strict=True):
        assert np.abs(a - b.asnumpy()).max() <= 1e-5
        assert np.abs(a - without).max() > 1e-2


def randomise_adapters(cell, rank, alpha, seed=0):
    rng = np.random.default_rng(seed)
    for parameter in apply_lora(cell, rank, alpha, dropout=0.1):
        parameter.set_data(ms.Tensor(0.2 * rng.standard_normal(parameter.shape).astype(np.float32)))
    cell.set_train(False)


def test_a_graph_compiled_before_merging_stays_right():
    cell = backbone()
    randomise_adapters(cell, 4, 8)
    with running_in("graph"):
        unmerged = cell(picture())[1].asnumpy()
        merge_lora(cell)
        assert np.abs(cell(picture())[1].asnumpy() - unmerged).max() <= 1e-5


class Model(nn.Cell):
    def __init__(self, vision):
        super().__init__()
        self.backbone = vision


def test_names_do_not_depend_on_the_order_of_assembly():
    early = backbone()
    apply_lora(early, 2, 2, last_n_blocks=2)
    early = Model(early)
    late = Model(backbone())
    apply_lora(late.backbone, 2, 2, last_n_blocks=2)
    names = [parameter.name for parameter in lora_parameters(early)]
    assert names == [parameter.name for parameter in lora_parameters(late)]
    assert names[:2] == ["backbone.blocks.1.attn.qkv.lora_a", "backbone.blocks.1.attn.qkv.lora_b"]
    assert len(names) == 2 * 2 * 2 and not [name for name in names if ".blocks.0." in name]
    for model in (early, late):
        assert all(name == parameter.name for name, parameter in model.parameters_and_names())


def test_names_after_merging_are_those_of_a_plain_backbone():
    plain, adapted = Model(backbone()), Model(backbone())
    apply_lora(adapted.backbone, 2, 2)
    merge_lora(adapted.backbone)
    want = {parameter.name: parameter.shape for parameter in plain.get_parameters()}
    assert {parameter.name: parameter.shape for parameter in adapted.get_parameters()} == want


def test_only_adapters_of_the_wrapped_layers_are_trainable():
    cell = backbone()
    apply_lora(cell, 2, 2)
    trainable = {parameter.name for parameter in cell.trainable_params()}
    assert {parameter.name for parameter in lora_parameters(cell)} <= trainable
    assert not [name for name in trainable if ".base." in name]


def test_dropout_acts_in_training_only():
    layer = LoRADense(nn.Dense(64, 8), rank=4, alpha=4, dropout=0.5)
    layer.lora_b.set_data(ms.Tensor(np.ones((8, 4), np.float32)))
    x = ms.Tensor(np.ones((3, 64), np.float32))
    layer.set_train(False)
    assert np.array_equal(layer(x).asnumpy(), layer(x).asnumpy())
    layer.set_train(True)
    set_dropout_step(1)
    first = layer(x).asnumpy()
    assert np.array_equal(layer(x).asnumpy(), first)  # the same step
    set_dropout_step(2)
    assert not np.array_equal(layer(x).asnumpy(), first)


class TokensToLoss(nn.Cell):
    def __init__(self, vision):
        super().__init__()
        self.vision = vision

    def construct(self, tokens):
        tapped, _ = self.vision.run_blocks(tokens, 1, 3)
        return (self.vision.finish(tapped[0]) ** 3).mean()


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_gradients_through_the_blocks_are_those_of_finite_differences(mode):
    cell = backbone()
    randomise_adapters(cell, 2, 2)
    loss = TokensToLoss(cell)
    tokens = ms.Tensor(np.random.default_rng(2).standard_normal((1, 6, 24)).astype(np.float32))
    parameters = [p for p in lora_parameters(cell) if ".blocks.1.attn.qkv." in p.name]
    with running_in(mode):
        gradients = ms.grad(loss, None, ms.ParameterTuple(parameters))(tokens)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        gradient, start = gradient.asnumpy(), parameter.asnumpy().copy()
        direction = gradient / np.linalg.norm(gradient)
        ends = []
        for step in (-0.02, 0.02):
            parameter.set_data(ms.Tensor(start + np.float32(step) * direction))
            ends.append(float(loss(tokens).asnumpy()))
        parameter.set_data(ms.Tensor(start))
        assert (ends[1] - ends[0]) / 0.04 == pytest.approx(np.linalg.norm(gradient), rel=0.02)
