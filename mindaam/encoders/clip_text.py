"""The text tower of CLIP ViT-L/14 (Radford et al. 2021): a prompt to 768 numbers.

A sentence embedding is the last hidden state of its end mark, projected: not normalized.
"""

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Normal, initializer
from mindspore.nn.utils import no_init_parameters

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.encoders.clip_tokenizer import CONTEXT, ClipTokenizer
from mindaam.encoders.conversion import Conversion
from mindaam.encoders.minilm import SelfAttention, load_weights
from mindaam.encoders.vit import dense
from mindaam.kernels.normalization import LayerNorm
from mindaam.turns import turn

_MASKED = -1e9  # added to the scores of later tokens: their softmax weight is then exactly 0
_EPS = 1e-5


class Layer(nn.Cell):
    """Pre-norm transformer layer: x + attention(norm1 x), then x + mlp(norm2 x), with GELU(x) taken as x s(1.702 x)."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = LayerNorm(width, _EPS)
        self.attention = SelfAttention(width, heads)
        self.norm2 = LayerNorm(width, _EPS)
        self.fc1 = dense(width, hidden)
        self.fc2 = dense(hidden, width)

    def construct(self, x, mask):
        """x [B,N,D]; mask [1,1,N,N], added to the scores. Returns [B,N,D]."""
        x = x + self.attention(self.norm1(x), mask)
        hidden = self.fc1(self.norm2(x))
        return x + self.fc2(hidden * ops.sigmoid(hidden * 1.702))


class ClipText(nn.Cell):
    """Token numbers to sentence embeddings; the defaults are the text tower of ViT-L/14."""

    def __init__(self, *, vocabulary=49408, context=CONTEXT, width=768, depth=12, heads=12):
        super().__init__()
        self.width = width
        self.token_embedding = nn.Embedding(vocabulary, width, embedding_table=Normal(0.02))
        self.positional_embedding = ms.Parameter(
            initializer(Normal(0.01), (context, width), ms.float32), name="positional_embedding"
        )
        self.layers = nn.CellList([Layer(width, heads, 4 * width) for _ in range(depth)])
        self.norm = LayerNorm(width, _EPS)
        self.text_projection = ms.Parameter(
            initializer(Normal(width**-0.5), (width, width), ms.float32), name="text_projection"
        )
        self.mask = ms.Tensor(np.triu(np.full((1, 1, context, context), _MASKED, np.float32), 1))
        self.places = ms.Tensor(np.arange(context, dtype=np.int32))

    def construct(self, ids):
        """ids [B,context] int32, padded with zeros behind the end mark, to embeddings [B,D].

        The end mark is the highest token number, its first occurrence; what follows it changes nothing.
        """
        x = self.token_embedding(ids) + self.positional_embedding
        for layer in self.layers:
            x = layer(x, self.mask)
        # the first maximum as the row of a 0/1 matrix: one product for the whole batch, and exact
        end = ops.argmax(ids.astype(ms.float32), -1).astype(ms.int32)
        chosen = (self.places == end.expand_dims(-1)).astype(ms.float32).expand_dims(1)
        return ops.matmul(self.norm(ops.bmm(chosen, x).reshape((-1, self.width))), self.text_projection)


class ClipSentenceEncoder:
    """Prompts to embeddings, each computed once.

    weights: ClipText's arrays by our names, as `from_official(...).state` has them. merges_path: the tokenizer's merges
    file. Raises CheckpointError when names or shapes of the weights do not fit, or the merges file is unusable.
    """

    width = 768

    def __init__(self, weights, merges_path):
        self.tokenizer = ClipTokenizer(merges_path)
        with no_init_parameters():  # drawing 123 million numbers in vain takes seven seconds
            self.model = ClipText(width=self.width)
        self.model.set_train(False)
        load_weights(self.model, weights)
        # compiled in every mode, after loading, as MiniLM is; causal, so padding to one length costs no accuracy
        self._run = jit(self.model.construct)
        self._known = {}

    @turn()
    def encode(self, prompts):
        """Embeddings of a list of prompts: float32 [n,768], in their order.

        The empty prompt is allowed. Raises InputError for one of more than 77 tokens.
        """
        for prompt in prompts:
            if prompt not in self._known:
                self._known[prompt] = self._embed(self.tokenizer.encode(prompt))
        if not len(prompts):
            return np.zeros((0, self.width), np.float32)
        return np.stack([self._known[prompt] for prompt in prompts])

    def _embed(self, ids):
        padded = np.zeros((1, CONTEXT), np.int32)
        padded[0, : len(ids)] = ids
        return graphs.run(self.model, ms.Tensor(padded), by=self._run).asnumpy()[0]


# --- The published checkpoint: official name -> names here; three parameters may share an official array, in order.


def _module(official, ours):
    names = ("gamma", "beta") if ours.startswith("norm") else ("weight", "bias")
    return {f"{official}.weight": (f"{ours}.{names[0]}",), f"{official}.bias": (f"{ours}.{names[1]}",)}


_OFFICIAL = {
    "token_embedding.weight": ("token_embedding.embedding_table",),
    "positional_embedding": ("positional_embedding",),
    "text_projection": ("text_projection",),
    **_module("ln_final", "norm"),
}
_OFFICIAL_LAYER = {
    **_module("ln_1", "norm1"),
    "attn.in_proj_weight": tuple(f"attention.{part}.weight" for part in ("query", "key", "value")),
    "attn.in_proj_bias": tuple(f"attention.{part}.bias" for part in ("query", "key", "value")),
    **_module("attn.out_proj", "attention.dense"),
    **_module("ln_2", "norm2"),
    **_module("mlp.c_fc", "fc1"),
    **_module("mlp.c_proj", "fc2"),
}
_LAYERS = "transformer.resblocks."
# What else a published file contains, and why it is not needed; all names of the image tower have one beginning.
_IGNORED = {
    "visual.": "belongs to the image tower; only prompts are encoded here",
    "logit_scale": "scales the similarity of images and prompts, which are not compared here",
    "input_resolution": "is a setting of the image tower",
    "context_length": "is a setting, not a weight",
    "vocab_size": "is a setting, not a weight",
}
_IGNORED_IN_LAYER = {"attn_mask": "hides later tokens, which is built in here"}


def from_official(state):
    """All arrays of a CLIP ViT-L/14 by their official names, to a Conversion, float32.

    The image tower and what belongs to it is ignored: only prompts are encoded here.
    """
    converted, origin, ignored, unexpected = {}, {}, {}, []
    for name, array in state.items():
        ours, reason = _place(name)
        if reason:
            ignored[name] = reason
        elif not ours:
            unexpected.append(name)
        else:
            parts = np.array_split(np.atleast_1d(np.asarray(array, np.float32)), len(ours))
            converted.update(zip(ours, parts, strict=True))
            origin.update(dict.fromkeys(ours, (name,)))
    return Conversion(converted, origin, ignored, tuple(unexpected))


def _place(name):
    """(our names, None) of an official array, ((), reason) of one that is ignored, ((), None) of an unknown one."""
    if name.startswith("visual."):
        return (), _IGNORED["visual."]
    if not name.startswith(_LAYERS):
        return _OFFICIAL.get(name, ()), _IGNORED.get(name)
    number, _, part = name.removeprefix(_LAYERS).partition(".")
    if not number.isdecimal():
        return (), None
    ours = _OFFICIAL_LAYER.get(part, ())
    return tuple(f"layers.{number}.{each}" for each in ours), _IGNORED_IN_LAYER.get(part)
