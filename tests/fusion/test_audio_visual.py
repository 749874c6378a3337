"""The audio-visual fusion: the released code's values and gradients, and what its parts promise."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from mindaam import runtime
from mindaam.encoders.tables import stored_parameters
from mindaam.fusion.audio_visual import OFFICIAL, AudioVisualFusion, CrossAttention
from tests.gold import audio_emb, check, tensor, weight

GOLDEN = dict(np.load(Path(__file__).parent / "goldens" / "audio_visual.npz", allow_pickle=False))
FEATURE, AUDIO = Tensor(tensor("E/x", (3, 768, 7, 7))), Tensor(audio_emb("E/a", 3))


@pytest.fixture(params=["pynative", "graph"])
def mode(request):
    runtime.configure("CPU", mode=request.param, seed=0)
    yield request.param
    runtime.configure("CPU", mode="pynative", seed=0)


def released_fusion():
    fusion = AudioVisualFusion()
    parameters = dict(fusion.parameters_and_names())
    for theirs, ours in OFFICIAL.items():
        parameters[ours].set_data(Tensor(weight(f"head.av_fusion.{theirs}", parameters[ours].shape)))
    return fusion.set_train(False)


class Loss(nn.Cell):
    """The reference's weighted sum of both outputs, whose gradients the golden values are."""

    def __init__(self, fusion):
        super().__init__()
        self.fusion = fusion
        self.for_out, self.for_gate = Tensor(tensor("E/cot", (3, 768, 7, 7))), Tensor(tensor("E/cot2", (3, 1, 1)))

    def construct(self, feature, audio):
        out, gate = self.fusion(feature, audio)
        return (out * self.for_out).sum() + (gate * self.for_gate).sum()


def test_released_values_and_gradients(mode):
    fusion = released_fusion()
    out, gate = fusion(FEATURE, AUDIO)
    check(GOLDEN, "out", out.asnumpy(), atol=1e-5)
    check(GOLDEN, "alpha", gate.asnumpy(), atol=1e-6)
    d_feature, d_audio = ms.grad(Loss(fusion), (0, 1))(FEATURE, AUDIO)
    check(GOLDEN, "dx", d_feature.asnumpy(), atol=2e-5)
    check(GOLDEN, "da", d_audio.asnumpy(), atol=2e-5)


def everywhere(value):
    """[T,1,W] -> [T,49,W]."""
    return np.broadcast_to(value.asnumpy(), (3, 49, value.shape[-1]))


def test_released_stages():
    fusion = released_fusion()
    pixels = fusion.visual_proj(FEATURE.reshape((3, 768, 49)).swapaxes(1, 2))
    sounds = fusion.audio_proj(AUDIO).expand_dims(1)
    check(GOLDEN, "q", pixels.asnumpy())
    check(GOLDEN, "k", sounds.asnumpy())
    attended = fusion.attention(pixels, sounds)
    assert attended.shape == (3, 1, 256)  # one sound a frame: the same for all pixels
    check(GOLDEN, "attn_out", everywhere(attended))
    check(GOLDEN, "film", everywhere(fusion.film(attended)))
    gamma, beta = fusion.film_terms(attended)
    np.testing.assert_allclose(np.tanh(fusion.film(attended).asnumpy()[..., :256]), gamma.asnumpy(), atol=1e-6)
    np.testing.assert_array_equal(fusion.film(attended).asnumpy()[..., 256:], beta.asnumpy())
    assert (GOLDEN["attn_w"] == 1).all()


def test_names_and_shapes_are_the_released_ones():
    shapes = {name: parameter.shape for name, parameter in stored_parameters(AudioVisualFusion())}
    assert sorted(OFFICIAL.values()) == sorted(shapes)
    assert shapes[OFFICIAL["cross_attn.in_proj_weight"]] == (768, 256)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 1_119_233


def test_at_the_start_sound_is_modest_and_film_is_off():
    draw = np.random.default_rng(0)
    fusion = AudioVisualFusion(24, 12, 16, 4)
    feature = Tensor(draw.standard_normal((2, 24, 3, 4)).astype(np.float32))
    sounds = [Tensor(draw.standard_normal((2, 12)).astype(np.float32)) for _ in range(2)]
    (first, gate), (second, _) = (fusion(feature, sound) for sound in sounds)
    np.testing.assert_array_equal(first.asnumpy(), second.asnumpy())
    assert fusion.relevance.predict.bias.asnumpy() == [-1]
    assert 0.1 < gate.asnumpy().mean() < 0.5
    assert first.shape == feature.shape and gate.shape == (2, 1, 1)


def random_attention(seed=0, **kwargs):
    attention, draw = CrossAttention(16, 4, **kwargs), np.random.default_rng(seed)
    for parameter in attention.get_parameters():
        parameter.set_data(Tensor((0.3 * draw.standard_normal(parameter.shape)).astype(np.float32)))
    return attention


def random_tokens(seed, frames, count):
    return Tensor(np.random.default_rng(seed).standard_normal((frames, count, 16)).astype(np.float32))


def test_the_short_cut_for_one_sound_is_attention_to_one_sound():
    attention, pixels, sound = random_attention().set_train(False), random_tokens(1, 2, 5), random_tokens(2, 2, 1)
    whole = attention.out(attention.attend(pixels, sound)).asnumpy()
    short = attention(pixels, sound).asnumpy()
    assert short.shape == (2, 1, 16)
    np.testing.assert_allclose(np.broadcast_to(short, whole.shape), whole, atol=1e-5)


def test_attention_to_several_sounds_chooses_by_pixel(mode):
    attention, pixels, sounds = random_attention().set_train(False), random_tokens(1, 2, 5), random_tokens(2, 2, 3)
    weights, biases = np.split(attention.in_weight.asnumpy(), 3), np.split(attention.in_bias.asnumpy(), 3)
    q, k, v = (x.asnumpy() @ w.T + b for x, w, b in zip((pixels, sounds, sounds), weights, biases, strict=True))
    q, k, v = (x.reshape(2, -1, 4, 4).transpose(0, 2, 1, 3) for x in (q, k, v))  # [T,heads,N,4]
    scores = np.exp(q @ k.swapaxes(-1, -2) / 2)
    mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(2, 5, 16)
    wanted = mixed @ attention.out.weight.asnumpy().T + attention.out.bias.asnumpy()
    np.testing.assert_allclose(attention(pixels, sounds).asnumpy(), wanted, atol=1e-5)


def test_dropout_acts_in_training_only():
    attention, pixels, sound = random_attention(dropout=0.5), random_tokens(1, 2, 50), random_tokens(2, 2, 1)
    attention.set_train(True)
    training = attention(pixels, sound).asnumpy()
    assert training.shape == (2, 50, 16) and training.std(1).min() > 0  # weights are dropped pixel by pixel
    attention.set_train(False)
    assert attention(pixels, sound).shape == (2, 1, 16)
    without = random_attention(dropout=0.0).set_train(True)
    assert without(pixels, sound).shape == (2, 1, 16)


def test_each_frame_hears_its_own_sound():
    fusion = released_fusion()
    other = AUDIO.asnumpy().copy()
    other[1] += 1
    before, after = (fusion(FEATURE, Tensor(audio))[0].asnumpy() for audio in (AUDIO.asnumpy(), other))
    changed = np.abs(after - before).max((1, 2, 3))
    assert changed[1] > 1e-2 and changed[0] == changed[2] == 0


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="10 is not a multiple of heads 4"):
        AudioVisualFusion(width=10, heads=4)


@pytest.mark.parametrize(("form", "tokens"), [("both", 1), ("released", 3)])
def test_forms_that_there_are_not(form, tokens):
    with pytest.raises(ValueError, match=f"{form!r}, {tokens}"):
        AudioVisualFusion(form=form, tokens=tokens)


def paper_fusion(stir=True, tokens=3):
    """A small fusion as the paper has it; stirred, its FiLM matters."""
    fusion, draw = AudioVisualFusion(24, 12, 16, 4, 0.0, "paper", tokens), np.random.default_rng(5)
    for parameter in fusion.get_parameters() if stir else ():
        if parameter.name.startswith("film."):
            parameter.set_data(Tensor((0.5 * draw.standard_normal(parameter.shape)).astype(np.float32)))
    return fusion.set_train(False)


def random_inputs(seed=0, frames=2, tokens=3):
    draw = np.random.default_rng(seed)
    shapes = (frames, 24, 3, 4), (frames, tokens, 12)
    return [Tensor(draw.standard_normal(shape).astype(np.float32)) for shape in shapes]


def test_under_paper_a_closed_gate_leaves_the_feature_as_it_is(mode):
    fusion, (feature, audio) = paper_fusion(), random_inputs()
    moved, gate = fusion(feature, audio)
    assert np.abs(moved.asnumpy() - feature.asnumpy()).max() > 0.1 and gate.asnumpy().min() > 0.1
    fusion.relevance.predict.bias.set_data(Tensor(np.array([-200.0], np.float32)))
    still, gate = fusion(feature, audio)
    np.testing.assert_array_equal(still.asnumpy(), feature.asnumpy())
    assert gate.asnumpy().max() == 0


def test_under_paper_sound_is_modest_at_the_start_and_changes_nothing_yet():
    fusion, (feature, audio) = paper_fusion(stir=False), random_inputs()
    out, gate = fusion(feature, audio)
    np.testing.assert_array_equal(out.asnumpy(), feature.asnumpy())
    assert 0.1 < gate.asnumpy().mean() < 0.5 and gate.shape == (2, 1, 1)
    slopes = ms.grad(lambda: (fusion(feature, audio)[0] ** 2).sum(), None, fusion.trainable_params())()
    moving = {p.name for p, slope in zip(fusion.trainable_params(), slopes, strict=True) if np.any(slope.asnumpy())}
    assert {"film.predict.weight", "film.predict.bias"} <= moving  # and the others as soon as these have moved


def test_under_paper_gradients_reach_every_parameter():
    fusion, (feature, audio) = paper_fusion(), random_inputs()
    slopes = ms.grad(lambda: (fusion(feature, audio)[0] ** 3).sum(), None, fusion.trainable_params())()
    still = [p.name for p, slope in zip(fusion.trainable_params(), slopes, strict=True) if not np.any(slope.asnumpy())]
    assert not still
    assert fusion.positions.shape == (1, 3, 16) and not any(p.name == "out_proj.bias" for p in fusion.get_parameters())


def test_under_paper_the_order_of_a_frames_sounds_counts():
    fusion, (feature, audio) = paper_fusion(), random_inputs()
    fusion.positions.set_data(Tensor(np.random.default_rng(6).standard_normal((1, 3, 16)).astype(np.float32)))
    turned = Tensor(np.ascontiguousarray(audio.asnumpy()[:, ::-1]))
    assert np.abs(fusion(feature, audio)[0].asnumpy() - fusion(feature, turned)[0].asnumpy()).max() > 1e-3


def test_under_paper_pixels_choose_among_the_sounds():
    # FiLM differs from pixel to pixel only when they attend to different sounds
    fusion, (feature, audio) = paper_fusion(), random_inputs()
    pixels = fusion.visual_proj(fusion.norm(feature.reshape((2, 24, 12)).swapaxes(1, 2)))
    sounds = fusion.audio_proj(audio) + fusion.positions
    gamma, beta = fusion.film_terms(fusion.attention(10 * pixels, sounds))
    assert gamma.asnumpy().std(1).max() > 0.01 and beta.shape == (2, 12, 16)
