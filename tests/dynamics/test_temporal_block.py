"""The temporal block: the released code's values and gradients, and what each switch is for."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import ParameterTuple, Tensor, nn, ops

from mindaam.dynamics.temporal_block import (
    OFFICIAL,
    FokkerPlanckBlock,
    resample,
    to_clip,
    to_tokens,
)
from mindaam.dynamics.variant import PAPER, RELEASED
from tests.dynamics.clips import GOLDEN, check_density, positions_first, released_block, running_in, time_first
from tests.gold import check, tensor

CLIPS = {  # (channels, frames): side of the picture; all that the reference was run on
    **{(384, frames): 14 for frames in (1, 2, 3, 16, 20)},
    **{(384, frames): 7 for frames in (64, 70)},
    **{(768, frames): 7 for frames in (1, 2, 3, 16, 20, 64, 70)},
}
QUICK = [(384, 1), (384, 2), (384, 3), (384, 16), (384, 70), (768, 1), (768, 2), (768, 16), (768, 70)]
QUICK_IN_A_GRAPH = [(384, 1), (384, 3), (384, 70)]
SWITCHES = {  # the released code's flags in our words
    "default": {},
    "no_drift": {"dynamics": False},
    "no_diffusion": {"diffusion": False},
    "no_assimilation": {"correction": False},
    "no_coupling": {"coupling": "none"},
    "no_feature_attn": {"feature_attention": False},
    "no_detach_A": {"detach_kernel": False},
    "dt_half": {"dt": 0.5},
    "temp1_alpha1": {"temperature": 1.0, "alpha_max": 1.0},
}


def golden_clip(channels, frames):
    """Input [1,T,C,h,w] and the tag of its golden values."""
    side = CLIPS[channels, frames]
    x = tensor(f"C/{channels}/{frames}", (1, channels, frames, side, side))
    return Tensor(time_first(x)), f"C{channels}/T{frames}_{side}x{side}"


def check_outputs(tag, out, density):
    """Densities within 1e-6, features within 2e-5: float32 round-off."""
    check(GOLDEN, f"{tag}/out", out.asnumpy().swapaxes(1, 2), atol=2e-5, rtol=0)
    check(GOLDEN, f"{tag}/density", density.asnumpy()[:, :, None], atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels, frames", QUICK)
def test_each_stage_has_the_released_values(channels, frames):
    block, (clip, tag) = released_block(channels), golden_clip(channels, frames)
    check(GOLDEN, f"{tag}/time_embed", resample(block.time_embedding, frames).asnumpy(), atol=4e-6, rtol=0)
    tokens = block.add_time(to_tokens(clip))
    normed = block.attention_norm(tokens)
    mixed, kernel = block.attention(normed)
    check(GOLDEN, f"{tag}/A", kernel.asnumpy()[0], atol=1e-6, rtol=0)
    check(GOLDEN, f"{tag}/feat_attn_out", mixed.asnumpy()[0], atol=1e-5)
    nu, lam = block.rates(normed)
    for stage, value, atol in (
        ("u_obs", ops.softmax(block.observe(tokens), 1), 1e-6),
        ("nu", nu, 1e-5),
        ("lam", lam, 1e-5),
    ):
        check_density(f"{tag}/{stage}", value, atol)
    check_outputs(tag, *block(clip))


@pytest.mark.slow  # the five clips that are left: a second or two each
@pytest.mark.parametrize("channels, frames", [clip for clip in CLIPS if clip not in QUICK])
def test_each_stage_of_the_other_clips(channels, frames):
    test_each_stage_has_the_released_values(channels, frames)


@pytest.mark.parametrize("channels, frames", QUICK_IN_A_GRAPH)
def test_released_values_in_a_graph(channels, frames):
    block, (clip, tag) = released_block(channels), golden_clip(channels, frames)
    with running_in("graph"):
        check_outputs(tag, *block(clip))


@pytest.mark.slow  # eleven more graphs to compile
@pytest.mark.parametrize("channels, frames", [clip for clip in CLIPS if clip not in QUICK_IN_A_GRAPH])
def test_released_values_of_the_other_clips_in_a_graph(channels, frames):
    test_released_values_in_a_graph(channels, frames)


def test_two_clips_at_a_time():
    clip = Tensor(time_first(tensor("C/b2", (2, 384, 4, 5, 6))))
    check_outputs("batch2", *released_block(384)(clip))


class Loss(nn.Cell):
    """The reference's weighted sum of both outputs, whose gradients the golden values are."""

    def __init__(self, block, channels):
        super().__init__()
        self.block = block
        name, shape = f"C/flag/{channels}", (1, channels, 5, 7, 6)
        self.for_out = Tensor(time_first(tensor(f"{name}/cot_o", shape)))
        self.for_density = Tensor(tensor(f"{name}/cot_u", (1, 5, 1, 7, 6), scale=100).squeeze(2))

    def construct(self, clip):
        out, density = self.block(clip)
        loss = (out * self.for_out).sum()
        return loss if density is None else loss + (density * self.for_density).sum()


def check_switch(switch, channels, mode):
    block = released_block(channels, **SWITCHES[switch])
    clip = Tensor(time_first(tensor(f"C/flag/{channels}", (1, channels, 5, 7, 6))))
    tag = f"flag{channels}_T5/{switch}"
    parameters = dict(block.parameters_and_names())
    learned = ParameterTuple([parameters[OFFICIAL[name]] for name in GOLDEN["param_grad_names"]])
    with running_in(mode):
        out, density = block(clip)
        d_clip, d_learned = ms.grad(Loss(block, channels), 0, learned)(clip)
    check(GOLDEN, f"{tag}/out", out.asnumpy().swapaxes(1, 2), atol=2e-5, rtol=0)
    if density is None:
        assert f"{tag}/density" not in GOLDEN
    else:
        check(GOLDEN, f"{tag}/density", density.asnumpy()[:, :, None], atol=1e-6, rtol=0)
    check(GOLDEN, f"{tag}/dx", d_clip.asnumpy().swapaxes(1, 2), atol=2e-5)
    norms = np.array([np.linalg.norm(slope.asnumpy().astype(np.float64)) for slope in d_learned])
    wanted = GOLDEN[f"{tag}/param_grad_norms"]
    assert (norms[np.isnan(wanted)] == 0).all()  # the reference gives parameters that it does not use no gradient
    # the observation's bias shifts all logits alike: its gradient is 0 but for rounding
    check(GOLDEN, f"{tag}/param_grad_norms", norms, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("switch", SWITCHES)
def test_released_gradients_under_each_switch(switch):
    check_switch(switch, 384, "pynative")


@pytest.mark.parametrize("switch", [pytest.param("no_drift", marks=pytest.mark.slow), "no_detach_A"])
def test_released_gradients_in_a_graph(switch):
    check_switch(switch, 384, "graph")


@pytest.mark.slow  # each compiles a graph and its gradient
@pytest.mark.parametrize("switch", SWITCHES)
def test_released_gradients_of_the_wide_block(switch):
    check_switch(switch, 768, "graph")


def test_the_kernel_learns_from_the_density_only_when_it_is_not_detached():
    # the density alone, so that no gradient reaches the attention by way of the features
    clip = Tensor(np.random.default_rng(0).standard_normal((1, 4, 16, 3, 3)).astype(np.float32))
    for detached in (True, False):
        block = FokkerPlanckBlock(16, RELEASED._replace(detach_kernel=detached), heads=2)
        weights = Tensor(np.arange(36.0).reshape(1, 4, 3, 3).astype(np.float32))
        slope = ms.grad(lambda x, b=block, w=weights: (b(x)[1] * w).sum(), None, block.attention.qkv.weight)(clip)
        assert (np.abs(slope.asnumpy()).max() == 0) == detached


def small_block(variant, seed=0):
    """A narrow block whose every branch matters."""
    block, draw = FokkerPlanckBlock(16, variant, frames=8, heads=2), np.random.default_rng(seed)
    for name, parameter in sorted(block.parameters_and_names()):
        noise = 0.3 * draw.standard_normal(parameter.shape)
        centre = 1.0 if name.endswith("gamma") else 0.0
        parameter.set_data(Tensor(np.asarray(centre + noise, np.float32)))
    return block.set_train(False)


def small_clip(batch=2, frames=5, seed=1):
    return np.random.default_rng(seed).standard_normal((batch, frames, 16, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("mode", ["pynative", "graph"])
@pytest.mark.parametrize("variant", [PAPER, RELEASED], ids=["paper", "released"])
def test_shapes_and_mass(variant, mode):
    with running_in(mode):
        out, density = small_block(variant)(Tensor(small_clip()))
    assert out.shape == (2, 5, 16, 3, 4) and density.shape == (2, 5, 3, 4)
    assert density.asnumpy().min() >= 0
    np.testing.assert_allclose(density.asnumpy().sum((2, 3)), 1, atol=2e-5)


def test_clips_do_not_see_each_other_unless_the_mass_is_the_batches():
    clips = small_clip()
    for variant in (PAPER, RELEASED._replace(batch_mass=False)):
        block = small_block(variant)
        together, alone = block(Tensor(clips)), block(Tensor(clips[:1]))
        for both, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(both.asnumpy()[:1], one.asnumpy(), atol=1e-5)


def test_a_strong_coupling_follows_the_density():
    u = Tensor(np.array([0.9, 0.1, 0.0, 0.0], np.float32).reshape(1, 4, 1))
    block = small_block(PAPER)
    alpha = 0.5 / (1 + np.exp(-float(block.alpha_logit.asnumpy())))
    np.testing.assert_allclose(block.gate(u).asnumpy()[0, :, 0], alpha * np.array([2.6, -0.6, -1, -1]), rtol=1e-5)
    sharp = Tensor(np.eye(1, 16, dtype=np.float32).reshape(1, 16, 1))
    np.testing.assert_allclose(block.gate(sharp).asnumpy().max(), 4 * alpha, rtol=1e-5)
    weak = small_block(RELEASED).gate(u).asnumpy()
    np.testing.assert_allclose(weak, alpha * u.asnumpy(), rtol=1e-5)


def test_paper_gradients_reach_every_parameter():
    block, clip = small_block(PAPER), Tensor(small_clip())
    weights = Tensor(np.random.default_rng(2).standard_normal((2, 5, 3, 4)).astype(np.float32))

    def loss(clip):
        out, density = block(clip)
        return (out * out).sum() + (density * weights).sum()

    slopes = ms.grad(loss, None, ParameterTuple(block.trainable_params()))(clip)
    assert all(np.isfinite(slope.asnumpy()).all() for slope in slopes)
    unmoved = {p.name for p, slope in zip(block.trainable_params(), slopes, strict=True) if not slope.asnumpy().any()}
    assert not unmoved


def test_the_official_table_names_every_parameter_once():
    ours = {name: parameter.shape for name, parameter in FokkerPlanckBlock(16, RELEASED).parameters_and_names()}
    assert sorted(OFFICIAL.values()) == sorted(ours)
    assert len(OFFICIAL) == len(GOLDEN["param_grad_names"]) == 27
    assert set(OFFICIAL) == set(GOLDEN["param_grad_names"].tolist())


def test_initial_values():
    block = FokkerPlanckBlock(64, RELEASED)
    assert block.time_embedding.shape == (1, 64, 64)
    assert 0.015 < block.time_embedding.asnumpy().std() < 0.02
    assert float(block.alpha_logit.asnumpy()) == 0 and block.alpha_logit.shape == ()
    for scale in (block.attention_scale, block.feed_forward_scale):
        np.testing.assert_allclose(scale.asnumpy(), [1e-3], rtol=1e-6)
    assert np.abs(block.attention.qkv.weight.asnumpy()).max() <= 64**-0.5


def test_tokens_are_the_positions_sequences():
    clip = small_clip()
    tokens = to_tokens(Tensor(clip))
    np.testing.assert_array_equal(tokens.asnumpy()[1, 6, 2], clip[1, 2, :, 1, 2])
    np.testing.assert_array_equal(to_clip(tokens, 3, 4).asnumpy(), clip)
    np.testing.assert_array_equal(positions_first(clip[:, :, 0]), tokens.asnumpy()[..., 0])


@pytest.mark.parametrize("frames", [1, 3, 8, 11])
def test_resampling_in_time_is_linear(frames):
    table = np.arange(8.0, dtype=np.float32).reshape(1, 8, 1)
    times = np.clip((np.arange(frames) + 0.5) * 8 / frames - 0.5, 0, 7)
    np.testing.assert_allclose(resample(Tensor(table), frames).asnumpy()[0, :, 0], times, atol=1e-5)


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="10 is not a multiple of heads 4"):
        FokkerPlanckBlock(10, RELEASED, heads=4)
    assert ops.shape(FokkerPlanckBlock(12, RELEASED, heads=4).attention.qkv.weight) == (36, 12)


@pytest.mark.parametrize("wrong", [{"ends": "zero flux"}, {"coupling": "off"}])
def test_switches_that_there_are_not_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong.values()))!r} must be one of"):
        FokkerPlanckBlock(8, PAPER._replace(**wrong))
