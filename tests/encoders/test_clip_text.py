"""CLIP's text tower against golden embeddings and a NumPy reading of its formulas."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders.clip_text import ClipSentenceEncoder, ClipText, from_official
from mindaam.errors import CheckpointError, InputError
from tests import gold
from tests.encoders.encoder_files import bundled, golden, running_in

MERGES = "clip_vitl14.merges.txt.gz"
TOLERANCE = 1e-5  # of the golden's range; 6e-7 was measured
SMALL = {"vocabulary": 50, "context": 9, "width": 24, "depth": 2}
HEADS = 3


def official_shapes(vocabulary=49408, context=77, width=768, depth=12):
    """{official name: shape} of the text tower."""
    shapes = {
        "token_embedding.weight": (vocabulary, width),
        "positional_embedding": (context, width),
        "text_projection": (width, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        "logit_scale": (),
    }
    for number in range(depth):
        layer = f"transformer.resblocks.{number}"
        shapes[f"{layer}.attn.in_proj_weight"] = (3 * width, width)
        shapes[f"{layer}.attn.in_proj_bias"] = (3 * width,)
        for part, out, wide in (("attn.out_proj", width, width), ("mlp.c_fc", 4 * width, width)):
            shapes |= {f"{layer}.{part}.weight": (out, wide), f"{layer}.{part}.bias": (out,)}
        shapes |= {f"{layer}.mlp.c_proj.weight": (width, 4 * width), f"{layer}.mlp.c_proj.bias": (width,)}
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{layer}.{norm}.weight": (width,), f"{layer}.{norm}.bias": (width,)}
    return shapes


def stand_ins(**sizes):
    """Official arrays, made by name."""
    return {name: gold.weight(f"clip.{name}", shape) for name, shape in official_shapes(**sizes).items()}


@pytest.fixture(scope="module")
def weights():
    return from_official(stand_ins()).state


@pytest.fixture(scope="module")
def encoder(weights):
    return ClipSentenceEncoder(weights, bundled(MERGES))


@pytest.fixture(scope="module")
def small():
    """A small tower, its arrays by official names, and token numbers with the end mark at every place."""
    state = stand_ins(**SMALL)
    model = ClipText(**SMALL, heads=HEADS)
    for name, parameter in model.parameters_and_names():
        parameter.set_data(ms.Tensor(from_official(state).state[name]))
    ids = np.random.default_rng(0).integers(0, 49, (9, 9)).astype(np.int32)
    np.fill_diagonal(ids, 49)
    return model, state, ids


def clip_in_numpy(state, ids, heads):
    """The embedding of one row of token numbers, float64, by the official names."""
    state = {name: array.astype(np.float64) for name, array in state.items()}

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        unit = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return unit * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name, kind="."):
        return x @ state[f"{name}{kind}weight"].T + state[f"{name}{kind}bias"]

    x = state["token_embedding.weight"][ids] + state["positional_embedding"]
    count, width = x.shape
    for number in range(len([name for name in state if name.endswith("in_proj_bias")])):
        layer = f"transformer.resblocks.{number}"
        qkv = linear(norm(x, f"{layer}.ln_1"), f"{layer}.attn.in_proj", "_")
        q, k, v = qkv.reshape(count, 3, heads, width // heads).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) * (width // heads) ** -0.5
        scores = np.exp(np.where(np.tri(count) == 1, scores, -np.inf))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(count, width)
        x = x + linear(mixed, f"{layer}.attn.out_proj")
        hidden = linear(norm(x, f"{layer}.ln_2"), f"{layer}.mlp.c_fc")
        x = x + linear(hidden / (1 + np.exp(-1.702 * hidden)), f"{layer}.mlp.c_proj")
    return norm(x[list(ids).index(max(ids))], "ln_final") @ state["text_projection"]


def golden_close(case, got, want):
    gold.compare(case, got, want, TOLERANCE * np.ptp(want), 0)


def close(got, want):
    return np.abs(got - want).max() <= TOLERANCE * np.ptp(want)


def test_edge_cases_have_the_golden_embeddings(encoder):
    want = golden("clip_text.npz")
    got = encoder.encode([str(text) for text in want["edge_texts"]])
    assert got.shape == (16, 768) and got.dtype == np.float32
    golden_close("edge texts/", got, want["edge_embeddings"])


def test_prompts_have_the_golden_embeddings(encoder):
    want = golden("clip_text.npz")
    got = [encoder._embed(ids) for ids in want["prompt_ids"]]
    golden_close("17 prompts/", np.stack(got), want["prompt_embeddings"])


def test_a_batch_in_pynative_mode_has_the_golden_embeddings(encoder):
    want = golden("clip_text.npz")
    got = encoder.model(ms.Tensor(want["edge_ids"][9:12].astype(np.int32))).asnumpy()
    golden_close("edge texts/", got, want["edge_embeddings"][9:12])


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_embeddings_are_those_of_the_formulas(small, mode):
    model, state, ids = small
    want = np.stack([clip_in_numpy(state, row, HEADS) for row in ids])
    with running_in(mode):
        assert close(model(ms.Tensor(ids)).asnumpy(), want)


def test_what_stands_behind_the_end_mark_changes_nothing(small):
    model, _, ids = small
    changed = ids.copy()
    for row in range(9):
        changed[row, row + 1 :] = (7 * changed[row, row + 1 :] + 3) % 49
    changed[:, 8] = 49  # a second end mark
    assert (changed != ids).sum() >= 30
    assert np.abs(model(ms.Tensor(changed)).asnumpy() - model(ms.Tensor(ids)).asnumpy()).max() <= 1e-6


def test_what_stands_before_the_end_mark_counts(small):
    model, _, ids = small
    changed = ids.copy()
    changed[1:, 0] = (changed[1:, 0] + 1) % 49
    difference = np.abs(model(ms.Tensor(changed)).asnumpy() - model(ms.Tensor(ids)).asnumpy()).max(-1)
    assert difference[0] == 0 and difference[1:].min() > 1e-3


def test_each_sentence_is_computed_once(encoder, monkeypatch):
    calls = []
    run = encoder._run
    monkeypatch.setattr(encoder, "_run", lambda ids: calls.append(1) or run(ids))
    first = encoder.encode(["one new sentence", "another new sentence", "one new sentence"])
    again = encoder.encode(["another new sentence", "one new sentence"])
    again[:] = 0  # a caller cannot spoil the cache
    assert len(calls) == 2 and np.array_equal(encoder.encode(["one new sentence"])[0], first[0])
    assert np.abs(first[0] - first[1]).max() > 0.1
    assert encoder.encode([]).shape == (0, 768)


def test_a_sentence_that_is_too_long_is_refused(encoder):
    with pytest.raises(InputError, match="the prompt has 78 tokens"):
        encoder.encode(["look " * 76])


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_are_refused(weights, change):
    state = dict(weights)
    name = "layers.3.fc2.bias"
    if change == "missing":
        del state[name]
    elif change == "extra":
        state["layers.3.surprise.bias"] = state[name]
    else:
        state[name] = state[name][:-1]
    with pytest.raises(CheckpointError, match=r"layers\.3"):
        ClipSentenceEncoder(state, bundled(MERGES))


def test_official_names_fill_the_model(small):
    model, state, _ = small
    conversion = from_official(state)
    want = {name: parameter.shape for name, parameter in model.parameters_and_names()}
    assert {name: array.shape for name, array in conversion.state.items()} == want
    assert set(conversion.origin) == set(want) and list(conversion.ignored) == ["logit_scale"]
    assert {part for parts in conversion.origin.values() for part in parts} == set(state) - {"logit_scale"}
    joined = "transformer.resblocks.1.attn.in_proj_weight"
    assert conversion.origin["layers.1.attention.key.weight"] == (joined,)
    assert np.array_equal(conversion.state["layers.1.attention.key.weight"], state[joined][24:48])


def test_the_picture_tower_is_ignored_and_strangers_are_not(small):
    ignored = ["visual.proj", "visual.transformer.resblocks.0.ln_1.bias", "input_resolution", "context_length"]
    ignored += ["vocab_size", "transformer.resblocks.0.attn_mask"]
    strangers = ["transformer.resblocks.0.attn.surprise", "transformer.resblocks.x.ln_1.bias", "ln_finally.weight"]
    strangers += ["visual_projection", "transformer.resblocks"]
    extra = {name: np.zeros(2, np.float16) for name in ignored + strangers}
    conversion = from_official(small[1] | extra)
    assert set(conversion.ignored) == {"logit_scale", *ignored} and all(conversion.ignored.values())
    assert conversion.unexpected == tuple(strangers)
    assert set(conversion.state) == set(from_official(small[1]).state)


def test_half_precision_is_widened_and_a_malformed_array_left_to_the_loader():
    name = "transformer.resblocks.0.attn.in_proj_bias"
    for array in (np.ones(7, np.float16), np.float16(1)):
        state = from_official({name: array}).state
        assert len(state) == 3 and all(part.dtype == np.float32 for part in state.values())
