"""DINOv3 against golden tokens and against NumPy, and the promises of its picture sizes, pieces and renaming."""

import math

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import nn

from mindaam.encoders.dinov3 import VARIANTS, DINOv3
from mindaam.encoders.dinov3_checkpoints import from_huggingface, from_official
from mindaam.encoders.lora import apply_lora, merge_lora
from mindaam.encoders.rotary import RopeEmbed, rope_angles, rope_periods
from mindaam.encoders.tables import is_table, stored_parameters
from mindaam.kernels.rotary import rotate
from tests import gold
from tests.encoders.dinov3_files import (
    build,
    dinov3_in_numpy,
    fill,
    narrow,
    official_shapes,
    official_state,
    pictures,
    tiny_settings,
)
from tests.encoders.encoder_files import golden, running_in

MODES = ("pynative", "graph")
SIZE = (48, 80)


@pytest.fixture(scope="module")
def want():
    return golden("dinov3.npz")


# --- Against the reference's numbers


class Probed(nn.Cell):
    """All that the goldens hold: tokens before and after block 0, the taps' normalised tokens, the last tap's raw."""

    def __init__(self, backbone):
        super().__init__(auto_prefix=False)
        self.backbone = backbone

    def construct(self, images):
        tokens = self.backbone.embed(images)
        none, block0 = self.backbone.run_blocks(tokens, 0, 1)
        tapped, last = self.backbone.run_blocks(block0, 1, self.backbone.depth)
        normed = ()
        for raw in tapped:
            normed = normed + (self.backbone.norm(raw),)
        return tokens, block0, normed, last


def check_against_golden(backbone, want, case):
    """Every golden tensor of a case within 1e-5 of its range."""
    batch, height, width = (int(side) for side in case.split("/")[1].split("x"))
    backbone.set_image_size((height, width))
    images = gold.image(f"B/{case}", (batch, 3, height, width))
    tokens, block0, normed, last = Probed(backbone)(ms.Tensor(images))
    got = {"tokens0": tokens, "block0": block0}
    for tap, tensor in zip(backbone.taps, normed, strict=True):
        got |= {f"layer{tap}/cls": tensor[:, 0], f"layer{tap}/storage": tensor[:, 1:5]}
        got |= {f"layer{tap}/patch": tensor[:, 5:]}
    got[f"layer{backbone.taps[-1]}/patch_nonorm"] = last[:, 5:]
    assert {f"{case}/{name}" for name in got} == {key.split("@")[0] for key in want if key.startswith(f"{case}/")}
    for name, tensor in got.items():
        key = f"{case}/{name}"
        gold.check(want, key, tensor.asnumpy(), atol=1e-5 * np.ptp(want.get(key, want.get(f"{key}@sample"))), rtol=0)


def stand_in(name):
    """A published variant with the stand-in weights that the goldens were made with."""
    state = official_state(VARIANTS[name], prefix="backbone.")
    return build(VARIANTS[name], (224, 224), from_official(state).state)


@pytest.fixture(scope="module")
def vits16():
    return stand_in("dinov3_vits16")


@pytest.mark.parametrize(("case", "mode"), [("s/1x224x224", "pynative"), ("s/2x224x320", "graph")])
def test_small_gives_the_reference_tokens(vits16, want, case, mode):
    with running_in(mode):
        check_against_golden(vits16, want, case)


@pytest.mark.slow  # the other mode of each size, and 784 patches, cost more than they are likely to show
@pytest.mark.parametrize(
    ("case", "mode"),
    [("s/1x224x224", "graph"), ("s/2x224x320", "pynative"), ("s/1x448x448", "graph"), ("s/1x448x448", "pynative")],
)
def test_small_gives_the_reference_tokens_at_more_sizes(vits16, want, case, mode):
    with running_in(mode):
        check_against_golden(vits16, want, case)


@pytest.mark.slow  # 86 and 303 million stand-in weights have to be drawn
@pytest.mark.parametrize("size", ["b", "l"])
def test_base_and_large_give_the_reference_tokens(want, size):
    check_against_golden(stand_in(f"dinov3_vit{size}16"), want, f"{size}/1x224x224")


def test_periods_are_the_reference_ones(want):
    assert np.array_equal(rope_periods(64), want["rope/periods"])


def reference_tables(angles):
    """The reference's (cos, sin) from signed angles: its sine carries no sign."""
    half = angles.shape[1] // 2
    return np.cos(angles), np.concatenate([-np.sin(angles[:, :half]), np.sin(angles[:, half:])], 1)


@pytest.mark.parametrize("grid", [(14, 14), (14, 20), (28, 28)])
def test_tables_are_the_reference_ones(want, grid):
    for part, table in zip(("cos", "sin"), reference_tables(rope_angles(want["rope/periods"], grid)), strict=True):
        gold.check(want, f"rope/{grid[0]}x{grid[1]}/{part}", table, atol=2e-7, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_rescaled_tables_are_the_reference_ones(want, mode):
    class Rescaled(nn.Cell):
        def __init__(self):
            super().__init__()
            self.rope_embed = RopeEmbed(64, 0)
            self.rope_embed.set_grid((6, 8))

        def construct(self, factor):
            return self.rope_embed.rescaled(factor)

    with running_in(mode):
        cos, sin = (table.asnumpy() for table in Rescaled()(ms.Tensor(want["rope/train6x8/factor"])))
    gold.check(want, "rope/train6x8/cos", cos, atol=1e-6, rtol=0)
    sin[:, :32] *= -1
    gold.check(want, "rope/train6x8/sin", sin, atol=1e-6, rtol=0)


# --- Against NumPy


def tiny(image_size=SIZE, rescale=None, **changes):
    """(backbone, its official arrays, its settings)."""
    chosen = tiny_settings(**changes)
    state = official_state(chosen)
    return build(chosen, image_size, from_official(state).state, rescale=rescale), state, chosen


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("swiglu", [False, True])
def test_tokens_are_those_of_the_textbook(swiglu, mode):
    with running_in(mode):
        backbone, state, chosen = tiny(swiglu=swiglu)
        images = pictures(*SIZE, batch=2)
        got = [taps.asnumpy() for taps in backbone(ms.Tensor(images))]
    for index in range(2):
        for mine, theirs in zip(got, dinov3_in_numpy(state, chosen, images[index]), strict=True):
            assert np.abs(mine[index] - theirs).max() < 5e-6


@pytest.mark.parametrize("size", [(16, 16), (16, 96), (112, 32)])
def test_any_multiple_of_the_patch_will_do(size):
    backbone, state, chosen = tiny((48, 48))
    backbone.set_image_size(size)
    images = pictures(*size)
    got = backbone(ms.Tensor(images))[1].asnumpy()[0]
    assert np.abs(got - dinov3_in_numpy(state, chosen, images[0])[1]).max() < 5e-6


@pytest.mark.parametrize("mode", MODES)
def test_each_block_rescales_with_its_own_factor_while_training_only(mode):
    images = pictures(*SIZE)
    with running_in(mode):
        backbone, state, chosen = tiny(rescale=2.0)
        plain = [taps.asnumpy()[0] for taps in backbone(ms.Tensor(images))]
        backbone.set_train(True)
        undrawn = [taps.asnumpy()[0] for taps in backbone(ms.Tensor(images))]
        drawn = []
        for seed in (1, 2):  # the second must not find the first one's factors in the graph
            factors = backbone.draw_rescale(np.random.default_rng(seed))
            drawn.append((factors, [taps.asnumpy()[0] for taps in backbone(ms.Tensor(images))]))
        backbone.set_train(False)
        after = [taps.asnumpy()[0] for taps in backbone(ms.Tensor(images))]
    for mine, again, late, theirs in zip(plain, undrawn, after, dinov3_in_numpy(state, chosen, images[0]), strict=True):
        assert np.abs(mine - theirs).max() < 5e-6 and np.abs(again - theirs).max() < 5e-6
        assert np.array_equal(mine, late)
    for factors, got in drawn:
        for mine, theirs in zip(got, dinov3_in_numpy(state, chosen, images[0], factors), strict=True):
            assert np.abs(mine - theirs).max() < 1e-5
        assert max(np.abs(mine - base).max() for mine, base in zip(got, plain, strict=True)) > 1e-2


def test_factors_are_log_uniform_and_repeatable():
    backbone, _, _ = tiny(rescale=2.0)
    rng = np.random.default_rng(3)
    factors = np.concatenate([backbone.draw_rescale(rng) for _ in range(2000)])
    assert factors.dtype == np.float32 and 0.5 <= factors.min() < 0.51 and 1.98 < factors.max() <= 2
    quarters = np.histogram(np.log2(factors), bins=4, range=(-1, 1))[0] / len(factors)
    assert np.abs(quarters - 0.25).max() < 0.03
    assert np.array_equal(backbone.draw_rescale(np.random.default_rng(4)), backbone.rescale_factors.asnumpy())
    assert np.array_equal(backbone.draw_rescale(np.random.default_rng(4)), backbone.rescale_factors.asnumpy())


def test_a_model_without_rescale_draws_nothing_and_trains_as_it_predicts():
    backbone, _, _ = tiny()
    with pytest.raises(ValueError, match="built without rescale"):
        backbone.draw_rescale(np.random.default_rng(0))
    images = ms.Tensor(pictures(*SIZE))
    before = backbone(images)[1].asnumpy()
    assert np.array_equal(backbone.set_train(True)(images)[1].asnumpy(), before)


# --- Rotary positions


@given(rows=st.integers(1, 9), columns=st.integers(1, 9), prefix=st.integers(0, 5), head=st.sampled_from([4, 8, 64]))
@settings(max_examples=60, deadline=None)
def test_angles_are_odd_in_the_place_and_zero_before_the_patches(rows, columns, prefix, head):
    angles = rope_angles(rope_periods(head), (rows, columns), prefix)
    assert angles.shape == (prefix + rows * columns, head) and angles.dtype == np.float32
    assert not angles[:prefix].any()
    assert np.allclose(angles[prefix:], -angles[prefix:][::-1], atol=1e-6)  # (-y, -x) is the last patch
    assert np.array_equal(angles[:, : head // 2], -angles[:, head // 2 :])
    assert np.abs(angles).max() < 2 * math.pi


@given(shift=st.tuples(st.integers(0, 4), st.integers(0, 3)), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_scores_depend_on_the_distance_between_patches_alone(shift, seed):
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, 16)).astype(np.float32)
    rows, columns = 6, 5
    angles = rope_angles(rope_periods(16), (rows, columns))
    cos, sin = ms.Tensor(np.cos(angles)), ms.Tensor(np.sin(angles))
    turned_q, turned_k = (rotate(ms.Tensor(np.tile(x, (30, 1))), cos, sin).asnumpy() for x in (q, k))
    assert np.allclose((turned_q**2).sum(-1), (q**2).sum(), rtol=1e-5)
    far = shift[0] * columns + shift[1]
    scores = [turned_q[start] @ turned_k[start + far] for start in (0, 1, columns, columns + 1)]
    assert np.ptp(scores) < 1e-4  # the same step down and right, from four places


def test_a_turned_grid_of_as_many_patches_gets_its_own_angles():
    backbone, state, chosen = tiny((48, 80))
    for size in ((48, 80), (80, 48), (48, 80)):
        backbone.set_image_size(size)
        images = pictures(*size)
        got = backbone(ms.Tensor(images))[1].asnumpy()[0]
        assert np.abs(got - dinov3_in_numpy(state, chosen, images[0])[1]).max() < 5e-6


class Blocks(nn.Cell):
    """Tokens in, tokens out, as a training step compiles the backbone's upper part."""

    def __init__(self, backbone):
        super().__init__(auto_prefix=False)
        self.backbone = backbone

    def construct(self, tokens):
        return self.backbone.run_blocks(tokens, 0, 3)[1]


def test_a_compiled_graph_of_tokens_follows_the_picture_size():
    with running_in("graph"):
        backbone, _, _ = tiny((48, 80))
        tokens = ms.Tensor(gold.tensor("tokens", (1, 20, 24)))
        compiled, turned = Blocks(backbone), []
        for size in ((48, 80), (80, 48)):
            backbone.set_image_size(size)
            turned.append(compiled(tokens).asnumpy())
        backbone.set_image_size((80, 48))
        fresh = Blocks(backbone)(tokens).asnumpy()
    assert np.abs(turned[0] - turned[1]).max() > 1e-3
    assert np.allclose(turned[1], fresh, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_new_periods_bring_new_tables(mode):
    with running_in(mode):
        backbone, state, chosen = tiny()
        images = pictures(*SIZE)
        backbone(ms.Tensor(images))
        state["rope_embed.periods"] = np.array([1.5, 4.0], np.float32)
        fill(backbone, from_official(state).state)
        got = backbone(ms.Tensor(images))[1].asnumpy()[0]
    assert np.abs(got - dinov3_in_numpy(state, chosen, images[0])[1]).max() < 5e-6


# --- Sizes, pieces, adapters


@pytest.mark.parametrize("size", [(48, 81), (0, 48), (15, 48), (-16, 48)])
def test_sizes_that_are_no_multiple_of_the_patch_are_refused(size):
    backbone, _, _ = tiny()
    with pytest.raises(ValueError, match="not a multiple of the patch, 16"):
        backbone.set_image_size(size)
    assert backbone.image_size == SIZE


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_another_size_are_refused(mode):
    with running_in(mode), pytest.raises(ValueError, match="set_image_size first"):
        tiny()[0](ms.Tensor(pictures(80, 48)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"taps": (0, 3)}, "ascending block numbers below the depth 3"),
        ({"taps": (2, 0)}, "ascending block numbers below the depth 3"),
        ({"rescale": 1.0}, "rescale 1.0 is not above 1"),
        ({"heads": 4}, "not a multiple of 4"),
        ({"heads": 5}, "not a multiple of heads"),
    ],
)
def test_settings_that_make_no_model_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DINOv3(image_size=SIZE, **{**tiny_settings(), **changes})


def test_pieces_make_the_whole():
    backbone, _, _ = tiny()
    images = ms.Tensor(pictures(*SIZE, batch=2))
    whole = backbone(images)
    tokens = backbone.embed(images)
    assert tokens.shape == (2, 5 + 15, 24)
    first, tokens = backbone.run_blocks(tokens, 0, 2)
    second, last = backbone.run_blocks(tokens, 2, 3)
    assert (len(first), len(second)) == (1, 1)
    assert np.array_equal(second[0].asnumpy(), last.asnumpy())
    for mine, theirs in zip(first + second, whole, strict=True):
        assert np.allclose(backbone.finish(mine).asnumpy(), theirs.asnumpy(), atol=1e-6)
        assert theirs.shape == (2, 15, 24)


def test_a_model_without_storage_tokens_has_a_class_token_only():
    backbone = DINOv3(image_size=SIZE, storage_tokens=0, **tiny_settings())
    assert backbone.embed(ms.Tensor(pictures(*SIZE))).shape == (1, 16, 24)
    assert not [name for name, _ in backbone.parameters_and_names() if "storage" in name]


def test_tables_belong_to_the_cell_and_are_no_part_of_a_checkpoint():
    backbone, _, _ = tiny(rescale=2.0)
    within = nn.SequentialCell(backbone)  # renames what there is; tables that are made later are named alike
    backbone.set_image_size((32, 32))
    names = [name for name, _ in stored_parameters(backbone)]
    assert [name for name in names if "rope" in name or "rescale" in name] == ["rope_embed.periods"]
    names = [name for name, _ in within.parameters_and_names()]
    assert names == [parameter.name for parameter in within.get_parameters()]
    assert {"0.table_rescale_factors", "0.rope_embed.table_angles_9", "0.rope_embed.table_cos_9"} <= set(names)
    assert within.parameters_dict()["0.rope_embed.table_sin_9"] is backbone.rope_embed.sin
    assert not any(parameter.requires_grad for name, parameter in within.parameters_and_names() if is_table(name))
    assert not backbone.rope_embed.periods.requires_grad


def test_a_fresh_model_starts_as_the_reference_does():
    ms.set_seed(0)
    backbone = DINOv3(image_size=(32, 32), width=96, heads=3, depth=2, taps=(1,))
    state = {name: parameter.asnumpy() for name, parameter in stored_parameters(backbone)}
    assert (state["blocks.1.ls2.gamma"] == np.float32(1e-5)).all() and (state["blocks.0.norm1.gamma"] == 1).all()
    assert state["blocks.0.attn.qkv.weight"].std() == pytest.approx(0.02, rel=0.15)
    assert not state["blocks.0.attn.qkv.bias"].any()
    bound = np.abs(state["patch_embed.proj.weight"]).max()
    assert 0.95 * 768**-0.5 < bound <= 768**-0.5
    assert state["cls_token"].std() == pytest.approx(0.02, rel=0.3)
    assert np.array_equal(state["rope_embed.periods"], rope_periods(32))


class Loss(nn.Cell):
    def __init__(self, backbone, cotangents):
        super().__init__(auto_prefix=False)
        self.backbone, self.cotangents = backbone, cotangents

    def construct(self, images):
        shallow, deep = self.backbone(images)
        return (shallow * self.cotangents[0]).sum() + (deep * self.cotangents[1]).sum()


@pytest.mark.parametrize("mode", ["pynative", pytest.param("graph", marks=pytest.mark.slow)])
def test_adapters_fit_and_their_gradients_are_differences_of_the_loss(mode):
    images = ms.Tensor(pictures(*SIZE))
    cotangents = tuple(ms.Tensor(gold.tensor(f"cot{i}", (1, 15, 24))) for i in range(2))
    two = {"depth": 2, "taps": (0, 1)}
    with running_in(mode):
        backbone, _, _ = tiny(rescale=2.0, swiglu=True, **two)
        before = tiny(swiglu=True, **two)[0](images)[1].asnumpy()  # of a model that no graph with adapters follows
        adapters = apply_lora(backbone, rank=2, alpha=4.0)
        for index, parameter in enumerate(adapters):
            parameter.set_data(ms.Tensor(gold.tensor(f"lora{index}", parameter.shape, scale=0.2)))
        backbone.set_train(True)
        backbone.draw_rescale(np.random.default_rng(0))
        loss = Loss(backbone, cotangents)
        gradients = ms.grad(loss, None, ms.ParameterTuple(adapters))(images)
        assert len(adapters) == 2 * 2 * 2
        values = [parameter.asnumpy() for parameter in adapters]
        directions = [gold.tensor(f"direction{i}", value.shape) for i, value in enumerate(values)]
        ends = []
        for step in (3e-3, -3e-3, 0):
            for parameter, value, direction in zip(adapters, values, directions, strict=True):
                parameter.set_data(ms.Tensor(value + np.float32(step) * direction))
            ends.append(float(loss(images).asnumpy()))
        slopes = [(g.asnumpy() * d).sum() for g, d in zip(gradients, directions, strict=True)]
        assert sum(slopes) == pytest.approx((ends[0] - ends[1]) / 6e-3, rel=1e-2)
        assert all(np.abs(gradient.asnumpy()).max() > 1e-3 for gradient in gradients)
        backbone.set_train(False)
        adapted = backbone(images)[1].asnumpy()
        assert merge_lora(backbone) == 4
        assert np.abs(adapted - before).max() > 1e-2
        assert np.abs(backbone(images)[1].asnumpy() - adapted).max() < 1e-5


# --- Published models and their checkpoints


@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [
        ("dinov3_vits16", 21_601_152, 0),
        ("dinov3_vits16plus", 29e6, 0.5e6),  # the model card rounds to a million
        ("dinov3_vitb16", 85_669_632, 0),
        ("dinov3_vitl16", 303_154_176, 0),
        ("dinov3_vitl16_sat", 303_154_176, 0),
        ("dinov3_vith16plus", 840e6, 1e6),
    ],
)
def test_variants_have_the_published_number_of_parameters(name, published, tolerance):
    shapes = official_shapes(**VARIANTS[name])
    count = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(("bias_mask", "periods")))
    assert abs(count - published) <= tolerance


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_every_parameter_of_every_variant_is_found_in_its_checkpoint(name):
    chosen = narrow(name, width=64, heads=1, hidden=96)
    state = official_state(chosen)
    if name == "dinov3_vitl16_sat":
        state |= {"local_cls_norm.weight": np.ones(64), "local_cls_norm.bias": np.zeros(64)}
    conversion = from_official(state)
    assert not conversion.unexpected
    assert set(conversion.ignored) == {n for n in state if n.startswith(("mask_token", "local_cls_norm"))}
    assert all(reason.endswith("pre-training only") for reason in conversion.ignored.values())
    assert set(conversion.origin) == set(conversion.state)
    accounted = [part for parts in conversion.origin.values() for part in parts] + list(conversion.ignored)
    assert sorted(accounted) == sorted(state)
    build(chosen, (32, 32), conversion.state)


def test_masked_bias_is_zero_whatever_the_file_holds_there():
    state = official_state(tiny_settings())
    state["blocks.1.attn.qkv.bias"][24:48] = np.nan
    converted = from_official(state)
    bias = converted.state["blocks.1.attn.qkv.bias"]
    assert not bias[24:48].any() and np.array_equal(bias[:24], state["blocks.1.attn.qkv.bias"][:24])
    assert np.array_equal(bias[48:], state["blocks.1.attn.qkv.bias"][48:])
    assert converted.origin["blocks.1.attn.qkv.bias"] == ("blocks.1.attn.qkv.bias", "blocks.1.attn.qkv.bias_mask")


def test_names_are_matched_by_the_table_or_unexpected():
    state = official_state(tiny_settings())
    del state["blocks.2.attn.qkv.bias_mask"]
    strangers = ("blocks.0.attn.qkv.weights", "blocks.x.norm1.weight", "head.weight", "block.0.norm1.weight")
    state |= dict.fromkeys(strangers, np.ones(3))
    conversion = from_official(state)
    assert set(conversion.unexpected) == {"blocks.2.attn.qkv.bias", *strangers}
    assert "blocks.2.attn.qkv.bias" not in conversion.state


def test_float32_arrays_are_not_copied_and_others_become_float32():
    state = official_state(tiny_settings())
    state["norm.weight"] = state["norm.weight"].astype(np.float16)
    converted = from_official(state).state
    assert np.shares_memory(converted["blocks.0.mlp.fc1.weight"], state["blocks.0.mlp.fc1.weight"])
    assert np.shares_memory(converted["patch_embed.proj.weight"], state["patch_embed.proj.weight"])
    assert {array.dtype for array in converted.values()} == {np.dtype(np.float32)}


def in_huggingface_names(state, swiglu):
    """The same weights as Hugging Face's file holds them; its keys have no bias."""
    top = {"storage_tokens": "embeddings.register_tokens", "norm.weight": "norm.weight", "norm.bias": "norm.bias"}
    top |= {f"{token}_token": f"embeddings.{token}_token" for token in ("cls", "mask")}
    top |= {f"patch_embed.proj.{leaf}": f"embeddings.patch_embeddings.{leaf}" for leaf in ("weight", "bias")}
    inside = {"attn.proj": "attention.o_proj", "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1"}
    if swiglu:
        inside |= {"mlp.w1": "mlp.gate_proj", "mlp.w2": "mlp.up_proj", "mlp.w3": "mlp.down_proj"}
    else:
        inside |= {"mlp.fc1": "mlp.up_proj", "mlp.fc2": "mlp.down_proj"}
    renamed = {}
    for name, array in state.items():
        if name in top:
            renamed[top[name]] = array
        elif "attn.qkv" in name:
            layer, leaf = name.replace("blocks", "layer").split(".attn.qkv.")
            for part, third in zip("qkv", np.split(array, 3), strict=True):
                if leaf == "weight" or (leaf == "bias" and part != "k"):
                    renamed[f"{layer}.attention.{part}_proj.{leaf}"] = third
        elif name.startswith("blocks."):
            name = name.replace("blocks", "layer")
            for ours, theirs in inside.items():
                name = name.replace(ours, theirs)
            renamed[name] = array
    return renamed


@pytest.mark.parametrize("swiglu", [False, True])
def test_both_publishers_names_give_the_same_parameters(swiglu):
    state = official_state(tiny_settings(swiglu=swiglu))
    foreign = in_huggingface_names(state, swiglu)
    mine, theirs = from_official(state), from_huggingface(foreign, head_width=8)
    assert not theirs.unexpected and set(theirs.ignored) == {"embeddings.mask_token"}
    assert set(mine.state) == set(theirs.state) == set(theirs.origin)
    for name, array in mine.state.items():
        assert np.array_equal(array, theirs.state[name]), name
    assert theirs.origin["rope_embed.periods"] == ()
    assert theirs.origin["blocks.0.attn.qkv.weight"] == tuple(f"layer.0.attention.{part}_proj.weight" for part in "qkv")


def test_incomplete_or_biased_keys_in_huggingface_names_are_unexpected():
    foreign = in_huggingface_names(official_state(tiny_settings()), swiglu=False)
    foreign["layer.0.attention.k_proj.bias"] = np.zeros(24)
    del foreign["layer.1.attention.v_proj.weight"]
    conversion = from_huggingface(foreign, head_width=8)
    assert set(conversion.unexpected) == {
        "layer.0.attention.k_proj.bias",
        "layer.1.attention.q_proj.weight",
        "layer.1.attention.k_proj.weight",
    }
    assert "blocks.1.attn.qkv.weight" not in conversion.state
