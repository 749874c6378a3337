"""The arithmetic of a model, against published figures and against what its Cells multiply when they run."""

import functools
from contextlib import contextmanager

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops
from mindspore.nn.utils import no_init_parameters

from mindaam.dynamics import operators, temporal_block
from mindaam.encoders.lora import LoRADense
from mindaam.geometry import lorentz
from mindaam.kernels import products
from mindaam.kernels.attention import AttentionCore
from mindaam.kernels.convolutions import Convolution, Depthwise, Pointwise, UpConvolution
from mindaam.models.flops import PARTS, forward_flops, training_flops
from mindaam.models.registry import build_model
from tests.models import tiny, tiny_video

VITL = "aam_dinov3_vitl16"


@functools.cache
def shaped(name, preset="paper"):
    """A model of full size without values, which a count does not need."""
    with no_init_parameters():
        return build_model(name, preset)


def of_head(flops):
    return sum(flops.values()) - flops["backbone"] - flops["adapters"]


def test_vit_l_costs_539_gflop_a_frame_and_its_adapters_7_4():
    flops = forward_flops(shaped(VITL))
    assert tuple(flops) == PARTS
    assert flops["backbone"] == pytest.approx(539e9, rel=0.005)
    assert flops["adapters"] == pytest.approx(7.4e9, rel=0.01)


def test_the_image_head_costs_5_5_gflop_less_what_reducing_skips_before_they_are_enlarged_saves():
    model = shaped(VITL, "released")
    skips, stages, patches = (384, 192, 96), (128, 64, 32), 28 * 28
    saved = 2 * sum(skips[i] * stages[i] * patches * (4 ** (i + 1) - 1) for i in range(3))
    # the local and the dilated response are mixed each by itself, so that their weights fold into the matrices
    more = 2 * sum(stages[i] ** 2 * patches * 4 ** (i + 1) for i in range(3))
    assert of_head(forward_flops(model)) + saved - more == pytest.approx(5.5e9, rel=0.02)
    assert of_head(forward_flops(model)) - more == pytest.approx(4.7e9, rel=0.01)


def test_the_temporal_blocks_cost_16_3_gflop_a_frame_of_32():
    flops = forward_flops(shaped(VITL), frames=32)
    assert flops["temporal"] / 32 == pytest.approx(16.3e9, rel=0.01)
    assert flops["backbone"] == 32 * forward_flops(shaped(VITL))["backbone"]


def test_frames_that_are_not_decoded_cost_no_decoding():
    model = shaped(VITL)
    all_, few = forward_flops(model, 16), forward_flops(model, 16, 4, audio=False)
    assert few["decoder"] == all_["decoder"] // 4 and few["temporal"] == all_["temporal"]
    assert few["fusion"] == 0 < all_["fusion"]


def test_backward_costs_twice_where_gradients_flow_and_nothing_below():
    model = shaped(VITL)
    forward = forward_flops(model)
    all_, none = training_flops(model), training_flops(model, adapted=0)
    assert none["backbone"] == forward["backbone"] and none["adapters"] == forward["adapters"]
    assert none["decoder"] == 3 * forward["decoder"] and none["neck"] == 2 * forward["neck"]
    assert all_["adapters"] == 3 * forward["adapters"] and all_["neck"] == 3 * forward["neck"]
    assert 2.1 < all_["backbone"] / forward["backbone"] < 2.2  # frozen weights have no gradients of their own
    half = training_flops(model, adapted=12)
    assert none["backbone"] < half["backbone"] < all_["backbone"]
    again = training_flops(model, recompute=True)
    assert again["backbone"] - all_["backbone"] == pytest.approx(forward["backbone"], rel=0.005)


def test_a_model_without_temporal_blocks_has_no_clips():
    with pytest.raises(ValueError, match="no temporal section"):
        forward_flops(shaped("aam_dinov2_vits14"), 4)


# ---- a direct count ----------------------------------------------------------------------------------------------


class Multiplied:
    """FLOP of every product that runs inside `counted`; one that is made of others counts once."""

    def __init__(self):
        self.flops, self.inside = 0, False

    def around(self, run, cost):
        def counting(*args, **kwargs):
            if self.inside:
                return run(*args, **kwargs)
            self.inside = True
            out = run(*args, **kwargs)
            self.inside = False
            self.flops += 2 * cost(*args, out)
            return out

        return counting


def size(tensor):
    return int(np.prod(tensor.shape))


@contextmanager
def counted(monkeypatch):
    """Patches the Cells and functions that multiply; yields the Multiplied."""
    found = Multiplied()

    def patch(owner, name, cost):
        monkeypatch.setattr(owner, name, found.around(getattr(owner, name), cost))

    for layer in (nn.Dense, products.Dense):
        patch(layer, "construct", lambda cell, x, out: size(out) * cell.in_channels)
    for convolution in (Pointwise, Depthwise, Convolution):
        patch(convolution, "construct", lambda cell, x, out: size(out) * int(np.prod(cell.weight.shape[1:])))
    patch(UpConvolution, "construct", lambda cell, x, out: size(x) * int(np.prod(cell.weight.shape[1:])))
    patch(AttentionCore, "construct", lambda cell, q, k, v, out: 2 * size(out[1]) * q.shape[-1])
    for module in (ops, temporal_block):
        patch(module, "dense", lambda x, w, b, out: size(out) * x.shape[-1])
    for name in ("matmul", "bmm"):
        patch(ops, name, lambda a, b, out: size(out) * a.shape[-1])
    patch(operators, "times_transposed", lambda a, b, out: size(out) * a.shape[-1])
    adapted = LoRADense.construct

    def with_adapters(cell, x):
        found.flops += 2 * size(x) // x.shape[-1] * cell.lora_a.shape[0] * (x.shape[-1] + cell.base.out_channels)
        return adapted(cell, x)

    monkeypatch.setattr(LoRADense, "construct", with_adapters)
    # sums over channels are products on a CPU, and are not counted
    monkeypatch.setattr(lorentz, "sum_over", lambda x, axis: x.sum(axis, keepdims=True))
    yield found


@pytest.mark.parametrize(("preset", "cone_focus"), [("paper", False), ("paper", True), ("released", False)])
def test_an_image_is_what_its_cells_multiply(preset, cone_focus, monkeypatch):
    model = build_model(tiny.NAME, preset, changes={**tiny.CHANGES, "cone_focus": cone_focus}).set_train(False)
    with counted(monkeypatch) as found:
        model(ms.Tensor(tiny.images(2)), ms.Tensor(tiny.prompts(2)))
    assert found.flops == 2 * sum(forward_flops(model).values())


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_clip_with_audio_is_what_its_cells_multiply(preset, monkeypatch):
    model = build_model(tiny_video.NAME, preset, changes=tiny_video.CHANGES).set_train(True)
    frames, windows = 5, (5,) if preset == "paper" else ()
    sound = np.ones((frames, *windows, tiny_video.AUDIO_WIDTH), np.float32)
    pictures = ms.Tensor(tiny.images(frames, tiny_video.SIZE))
    with counted(monkeypatch) as found:
        model(pictures, ms.Tensor(tiny.prompts(frames)), ms.Tensor(sound), True)
    assert found.flops == sum(forward_flops(model, frames).values())
