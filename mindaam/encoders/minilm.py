"""MiniLM-L6, a BERT for sentences (Wang et al. 2020; sentence-transformers/all-MiniLM-L6-v2): text to 384 numbers.

A sentence embedding is the mean of the last hidden state over its tokens, as it is: not normalized.
"""

from functools import lru_cache

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Normal

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.encoders.tables import stored_parameters
from mindaam.encoders.vit import Mlp, dense
from mindaam.errors import CheckpointError, InputError
from mindaam.kernels.attention import times_transposed
from mindaam.kernels.normalization import LayerNorm
from mindaam.places import model_zoo_dir
from mindaam.turns import turn

MAX_TOKENS = 256  # [CLS] and [SEP] included; the model was trained on no longer ones
LONGEST = 5000  # characters of a prompt, about three times those of 256 tokens
_BUCKETS = (32, 128, MAX_TOKENS)  # padded lengths: one shape, so one compiled graph, for many lengths
_MASKED = -1e9  # added to the scores of padding: its softmax weight is then exactly 0
_EPS = 1e-12


class Embeddings(nn.Cell):
    """Word, position and (always the first) segment embeddings, summed and normalized."""

    def __init__(self, vocabulary, positions, width):
        super().__init__()
        self.width = width
        self.word_embeddings = nn.Embedding(vocabulary, width, embedding_table=Normal(0.02))
        self.position_embeddings = nn.Embedding(positions, width, embedding_table=Normal(0.02))
        self.token_type_embeddings = nn.Embedding(2, width, embedding_table=Normal(0.02))
        self.norm = LayerNorm(width, _EPS)

    def construct(self, ids):
        """ids [B,N] int32 to [B,N,D]."""
        positions = ops.slice(self.position_embeddings.embedding_table, (0, 0), (ids.shape[1], self.width))
        segment = ops.slice(self.token_type_embeddings.embedding_table, (0, 0), (1, self.width))
        return self.norm(self.word_embeddings(ids) + (positions + segment))


class SelfAttention(nn.Cell):
    """Multi-head self-attention with a mask, [B,N,D] to [B,N,D]."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.query, self.key, self.value = dense(width, width), dense(width, width), dense(width, width)
        self.dense = dense(width, width)
        self.mix = ops.BatchMatMul()

    def _split(self, x):
        return x.reshape((x.shape[0], x.shape[1], self.heads, self.head_width)).transpose((0, 2, 1, 3))

    def construct(self, x, mask):
        """x [B,N,D]; mask, added to the scores, of a shape that fits [B,heads,N,N]. Returns [B,N,D]."""
        q, k, v = self._split(self.query(x)), self._split(self.key(x)), self._split(self.value(x))
        attention = ops.softmax(times_transposed(q * self.head_width**-0.5, k) + mask, -1)
        return self.dense(self.mix(attention, v).transpose((0, 2, 1, 3)).reshape(x.shape))


class Layer(nn.Cell):
    """Post-norm transformer layer: norm(x + attention x), then norm(x + mlp x)."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm1 = LayerNorm(width, _EPS)
        self.mlp = Mlp(width, hidden)
        self.norm2 = LayerNorm(width, _EPS)

    def construct(self, x, mask):
        """x [B,N,D], mask [B,1,1,N]. Returns [B,N,D]."""
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.mlp(x))


class MiniLM(nn.Cell):
    """Token numbers to sentence embeddings; the defaults are MiniLM-L6."""

    def __init__(self, *, vocabulary=30522, positions=512, width=384, depth=6, heads=12):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, positions, width)
        self.layers = nn.CellList([Layer(width, heads, 4 * width) for _ in range(depth)])

    def construct(self, ids, weights):
        """ids [B,N] int32, padded with any number; weights [B,N] float32, 1 for a token and 0 for padding.

        Returns [B,D]: the mean over tokens of the last layer's output.
        """
        batch, count = ids.shape
        mask = ((1.0 - weights) * _MASKED).reshape((batch, 1, 1, count))
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, mask)
        weights = weights.reshape((batch, count, 1))
        return (x * weights).sum(1) / weights.sum(1)


_PARTS = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.dense",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "output.LayerNorm": "norm2",
}


def from_official(state):
    """BERT arrays by their usual names, to MiniLM's parameter names (float32).

    The pooler and the position numbers, which a mean-pooled embedding does not use, are dropped; an unknown name
    is kept, so that a strict loader reports it.
    """
    renamed = {}
    for name, array in state.items():
        if name.startswith("pooler.") or name == "embeddings.position_ids":
            continue
        place, leaf = name.rsplit(".", 1)
        if place.startswith("encoder.layer."):
            number, part = place.removeprefix("encoder.layer.").split(".", 1)
            place = f"layers.{number}.{_PARTS.get(part, part)}"
        elif place.startswith("embeddings."):
            place = place.replace("LayerNorm", "norm")
        if place.rsplit(".", 1)[-1] in ("norm", "norm1", "norm2"):
            leaf = {"weight": "gamma", "bias": "beta"}.get(leaf, leaf)
        elif place.endswith("_embeddings"):
            leaf = {"weight": "embedding_table"}.get(leaf, leaf)
        renamed[f"{place}.{leaf}"] = np.asarray(array, np.float32)
    return renamed


class SentenceEncoder:
    """Prompts to embeddings, each computed once.

    weights: BERT arrays by official name. tokenizer_path: the model's tokenizer.json.
    Raises CheckpointError when names or shapes of the weights do not fit MiniLM-L6.
    """

    width = 384

    def __init__(self, weights, tokenizer_path):
        self.tokenizer = load_tokenizer(str(tokenizer_path))
        self.model = MiniLM(width=self.width)
        self.model.set_train(False)
        load_weights(self.model, from_official(weights))
        # Compiled in every mode: 1-2 s once per length, then 20 ms per prompt, against 0.5 s operator by operator.
        # The graph takes the weights as they are now, which is why it is made after loading them.
        self._run = jit(self.model.construct)
        self._known = {}

    @turn()
    def encode(self, prompts):
        """Embeddings of a list of prompts: float32 [n,384], in their order.

        The empty prompt is allowed. Raises InputError for one of more than 256 tokens.
        """
        for prompt in prompts:
            if prompt not in self._known:
                self._known[prompt] = self._embed(_tokens(prompt, self.tokenizer).ids)
        if not len(prompts):
            return np.zeros((0, self.width), np.float32)
        return np.stack([self._known[prompt] for prompt in prompts])

    def _embed(self, ids):
        length = next(bucket for bucket in _BUCKETS if bucket >= len(ids))
        padded, weights = np.zeros((1, length), np.int32), np.zeros((1, length), np.float32)
        padded[0, : len(ids)], weights[0, : len(ids)] = ids, 1.0
        return graphs.run(self.model, ms.Tensor(padded), ms.Tensor(weights), by=self._run).asnumpy()[0]


def check_prompt(text, tokenizer=None):
    """Raises InputError for a prompt that the encoder cannot take.

    That is: an empty one, one of more than 256 tokens or LONGEST characters, and one without a single word or number of
    the tokenizer's vocabulary (emoji, punctuation, an unknown script). tokenizer: None for the bundled one.
    """
    if not isinstance(text, str):
        raise InputError(f"a prompt must be text, not {type(text).__name__}")
    if not text.strip():
        raise InputError("the prompt is empty; describe the viewer and the task in a few words")
    if len(text) > LONGEST:  # a word of any length is one token, that of unknown words
        raise InputError(f"the prompt has {len(text):,} characters and may have {LONGEST:,} at most; shorten it")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError("the prompt is not valid UTF-8 text; retype it")
    tokenizer = tokenizer or load_tokenizer(str(model_zoo_dir() / "encoders" / "minilm_l6.tokenizer.json"))
    tokens = _tokens(text, tokenizer).tokens
    if not any(token not in ("[CLS]", "[SEP]", "[UNK]") and any(map(str.isalnum, token)) for token in tokens):
        shown = " ".join(text.split())
        shown = shown if len(shown) <= 40 else shown[:40] + "..."
        raise InputError(f'the prompt "{shown}" has no word known to the text encoder; write it in English words')


@lru_cache(maxsize=4)
def load_tokenizer(path):
    """The tokenizer of a tokenizer.json, which neither cuts nor pads. Raises CheckpointError when it is unusable."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the library raises bare Exceptions for missing and damaged files
        raise CheckpointError(f"the tokenizer {path} cannot be read: {error}; restore it") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _tokens(text, tokenizer):
    encoding = tokenizer.encode(text)
    if len(encoding.ids) > MAX_TOKENS:
        raise InputError(
            f"the prompt has {len(encoding.ids)} tokens and the text encoder takes {MAX_TOKENS} at most; shorten it"
        )
    return encoding


def load_weights(model, state):
    """Puts every array into its parameter, which is frozen; names and shapes must match one to one.

    state: {parameter name: array}. Raises CheckpointError when they do not.
    """
    kind = type(model).__name__
    parameters = dict(stored_parameters(model))
    if set(parameters) != set(state):
        missing, extra = sorted(set(parameters) - set(state)), sorted(set(state) - set(parameters))
        raise CheckpointError(f"the weights of {kind} lack {missing[:3]} and have {extra[:3]} in excess")
    for name, parameter in parameters.items():
        if parameter.shape != state[name].shape:
            raise CheckpointError(
                f"{kind}: {name} must have shape {list(parameter.shape)}, got {list(state[name].shape)}"
            )
        parameter.set_data(ms.Tensor(state[name]))
        parameter.requires_grad = False
