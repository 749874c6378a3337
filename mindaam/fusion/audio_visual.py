"""Audio-visual fusion: pixels attend to a frame's audio, which then modulates them as far as it is relevant (E.2)."""

import mindspore as ms
from mindspore import Parameter, nn, ops
from mindspore.common.initializer import TruncatedNormal, XavierUniform, initializer

from mindaam.encoders.dropout import Dropout
from mindaam.kernels.broadcasting import spread
from mindaam.kernels.normalization import LayerNorm
from mindaam.kernels.products import Dense
from mindaam.kernels.reductions import mean_of_second

FORMS = ("paper", "released")
PLACE = 1000  # of its dropout: beyond those of the adapters
GATE_BIAS = -1.0  # at the start the gate is sigmoid(-1) = 0.27, so that audio has little effect before training

# Names in the released checkpoint, in its av_fusion, and in the released AudioVisualFusion; the shapes are the same.
OFFICIAL = {
    "visual_proj.weight": "visual_proj.weight",
    "visual_proj.bias": "visual_proj.bias",
    "audio_proj.weight": "audio_proj.weight",
    "audio_proj.bias": "audio_proj.bias",
    "cross_attn.in_proj_weight": "attention.in_weight",
    "cross_attn.in_proj_bias": "attention.in_bias",
    "cross_attn.out_proj.weight": "attention.out.weight",
    "cross_attn.out_proj.bias": "attention.out.bias",
    "film_generator.0.weight": "film.hide.weight",
    "film_generator.0.bias": "film.hide.bias",
    "film_generator.2.weight": "film.predict.weight",
    "film_generator.2.bias": "film.predict.bias",
    "relevance_selector.0.weight": "relevance.hide.weight",
    "relevance_selector.0.bias": "relevance.hide.bias",
    "relevance_selector.2.weight": "relevance.predict.weight",
    "relevance_selector.2.bias": "relevance.predict.bias",
    "out_proj.weight": "out_proj.weight",
    "out_proj.bias": "out_proj.bias",
    "norm.weight": "norm.gamma",
    "norm.bias": "norm.beta",
}


class CrossAttention(nn.Cell):
    """Multi-head attention of pixels (queries) to audio tokens (keys and values), all of one width.

    The three input projections lie one below the other in `in_weight` [3W,W]: for queries, keys and values. `dropout`
    is the probability that an attention weight is dropped, while training only.
    """

    def __init__(self, width, heads, dropout=0.1):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.dropout_rate = heads, dropout
        self.in_weight = Parameter(initializer(XavierUniform(), (3 * width, width), ms.float32), name="in_weight")
        self.in_bias = Parameter(initializer("zeros", (3 * width,), ms.float32), name="in_bias")
        self.out = Dense(width, width, bias_init="zeros")
        self.dropout = Dropout(dropout, PLACE)

    def attend(self, pixels, audio):
        """Pixels [T,P,W], audio [T,K,W] -> attended audio [T,P,W] before the output projection, for any K."""
        q_weight, k_weight, v_weight = ops.split(self.in_weight, pixels.shape[-1], 0)
        q_bias, k_bias, v_bias = ops.split(self.in_bias, pixels.shape[-1], 0)
        queries = self.by_heads(ops.dense(pixels, q_weight, q_bias))
        keys = self.by_heads(ops.dense(audio, k_weight, k_bias))
        values = self.by_heads(ops.dense(audio, v_weight, v_bias))
        scores = ops.matmul(queries * queries.shape[-1] ** -0.5, keys.swapaxes(-1, -2))
        attended = ops.matmul(self.dropout(ops.softmax(scores, -1)), values)
        return attended.transpose((0, 2, 1, 3)).reshape(pixels.shape)

    def by_heads(self, tokens):
        """[T,N,W] -> [T,heads,N,W/heads]."""
        frames, count, width = tokens.shape
        return tokens.reshape((frames, count, self.heads, width // self.heads)).transpose((0, 2, 1, 3))

    def only_value(self, audio):
        """What `attend` returns for each pixel and one audio token, [T,1,W]: a softmax over one key is 1."""
        width = audio.shape[-1]
        value_weight = ops.split(self.in_weight, width, 0)[2]
        return ops.dense(audio, value_weight, ops.split(self.in_bias, width, 0)[2])

    def construct(self, pixels, audio):
        """Pixels [T,P,W], audio [T,K,W] -> [T,P,W], or [T,1,W] where it is the same for all pixels (K = 1)."""
        if audio.shape[1] == 1 and not (self.training and self.dropout_rate):
            return self.out(self.only_value(audio))
        return self.out(self.attend(pixels, audio))


class TwoLayers(nn.Cell):
    """W2 relu(W1 x), on [...,in]."""

    def __init__(self, width_in, hidden, width_out, **last):
        super().__init__()
        self.hide = Dense(width_in, hidden)
        self.predict = Dense(hidden, width_out, **last)

    def construct(self, x):
        """[...,in] -> [...,out]."""
        return self.predict(ops.relu(self.hide(x)))


class AudioVisualFusion(nn.Cell):
    """Equation 32 with a residual: x + what the audio adds to the projected pixels, as far as it is relevant.

    q: the projected pixels; gamma, beta: FiLM from the audio that a pixel attends to, zero at the start; g: the gate,
    how relevant the audio is to the image; W: the projection to the feature's width.

    released: norm(x + W [q (1 + g tanh(gamma)) + g beta]), q of x; one audio token per frame. It is not the identity at
    g = 0, since W and the norm remain. paper: x + W [g (q tanh(gamma) + beta)], q of norm(x), W without a bias; x
    itself at g = 0, and at the start; `tokens` audio tokens per frame, each with a learned position in time.

    channels: width of the feature map. audio_width: of the audio embeddings. width, heads: of the attention.
    Raises ValueError for another form, several audio tokens under `released`, and heads that do not divide the width.
    """

    def __init__(self, channels=768, audio_width=512, width=256, heads=8, dropout=0.1, form="released", tokens=1):
        super().__init__()
        if form not in FORMS or (form == "released" and tokens != 1):
            raise ValueError(
                f'the form must be one of {FORMS}, with one token per frame for "released"; got {form!r}, {tokens}'
            )
        self.paper = form == "paper"
        self.visual_proj = Dense(channels, width)
        self.audio_proj = Dense(audio_width, width)
        if self.paper:
            self.positions = Parameter(
                initializer(TruncatedNormal(0.02), (1, tokens, width), ms.float32), name="positions"
            )
        self.attention = CrossAttention(width, heads, dropout)
        self.film = TwoLayers(width, width, 2 * width, weight_init="zeros", bias_init="zeros")
        self.relevance = TwoLayers(2 * width, width, 1, bias_init=initializer(GATE_BIAS, (1,), ms.float32))
        self.out_proj = Dense(width, channels, has_bias=not self.paper)
        self.norm = LayerNorm(channels)

    def gate(self, pixels, audio):
        """Relevance g of each frame's audio, in (0, 1): projected pixels [T,P,W], audio [T,K,W] -> [T,1,1]."""
        return ops.sigmoid(self.relevance(ops.concat((mean_of_second(pixels), mean_of_second(audio)), -1)))

    def film_terms(self, attended):
        """Attended audio [T,P or 1,W] -> tanh(gamma), beta, of its shape each."""
        gamma, beta = ops.split(self.film(attended), attended.shape[-1], -1)
        return ops.tanh(gamma), beta

    def construct(self, feature, audio):
        """Feature map [T,C,h,w] and audio embeddings, [T,K,A] (paper) or [T,A] (released) -> map, gate g [T,1,1]."""
        frames, channels, height, width = feature.shape
        visual = feature.reshape((frames, channels, height * width)).swapaxes(1, 2)
        if self.paper:
            pixels, tokens = self.visual_proj(self.norm(visual)), self.audio_proj(audio) + self.positions
        else:
            pixels, tokens = self.visual_proj(visual), self.audio_proj(audio).expand_dims(1)
        gate = self.gate(pixels, tokens)
        gamma, beta = self.film_terms(self.attention(pixels, tokens))
        if self.paper:
            modulated = pixels * spread(gamma, pixels.shape) + spread(beta, pixels.shape)
            fused = visual + self.out_proj(spread(gate, pixels.shape) * modulated)
        else:
            modulated = pixels * spread(1 + gate * gamma, pixels.shape) + spread(gate * beta, pixels.shape)
            fused = self.norm(self.out_proj(modulated) + visual)
        return fused.swapaxes(1, 2).reshape(feature.shape), gate
