"""The temporal block: a density is observed in each frame, evolved along the clip, and gates the features."""

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import TruncatedNormal, initializer

from mindaam.dynamics.operators import diffusivity, transition_kernel
from mindaam.dynamics.splitting import evolve
from mindaam.dynamics.variant import COUPLINGS, ENDS, PAPER
from mindaam.kernels.broadcasting import repeated, spread
from mindaam.kernels.convolutions import Depthwise, Pointwise
from mindaam.kernels.device import cpu_form
from mindaam.kernels.elementwise import gelu
from mindaam.kernels.normalization import LayerNorm
from mindaam.kernels.products import dense
from mindaam.kernels.reductions import mean_of_second

CONTRAST_LIMITS = (-1.0, 4.0)  # a position's attention against the mean one: wiped out at worst, five times at best

# Names in the released checkpoint, inside one of its motion modules, and in FokkerPlanckBlock; the shapes are the same.
OFFICIAL = {
    "time_embedding": "time_embedding",
    "temporal_norm.weight": "attention_norm.gamma",
    "temporal_norm.bias": "attention_norm.beta",
    "temporal_attn.qkv.weight": "attention.qkv.weight",
    "temporal_attn.qkv.bias": "attention.qkv.bias",
    "temporal_attn.proj.weight": "attention.proj.weight",
    "temporal_attn.proj.bias": "attention.proj.bias",
    "sal_obs_head.weight": "observation.weight",
    "sal_obs_head.bias": "observation.bias",
    "nu_head.weight": "nu_head.weight",
    "nu_head.bias": "nu_head.bias",
    "lam_head.weight": "lam_head.weight",
    "lam_head.bias": "lam_head.bias",
    "fp_alpha_logit": "alpha_logit",
    "temporal_dense.weight": "attention_out.weight",
    "temporal_dense.bias": "attention_out.bias",
    "temporal_attention_scale": "attention_scale",
    "temporal_ffn_norm.weight": "feed_forward.norm.gamma",
    "temporal_ffn_norm.bias": "feed_forward.norm.beta",
    "temporal_ffn.fc1.weight": "feed_forward.fc1.weight",
    "temporal_ffn.fc1.bias": "feed_forward.fc1.bias",
    "temporal_ffn.fc2.weight": "feed_forward.fc2.weight",
    "temporal_ffn.fc2.bias": "feed_forward.fc2.bias",
    "temporal_ffn_scale": "feed_forward_scale",
    "spatial_mixer.0.weight": "spatial_mixer.depthwise.weight",
    "spatial_mixer.1.weight": "spatial_mixer.pointwise.weight",
    "spatial_mixer.1.bias": "spatial_mixer.pointwise.bias",
}


def resample(table, frames):
    """A table of S time points [1,S,C] read at `frames` evenly spread ones: linear, ends held, [1,frames,C]."""
    count = table.shape[1]
    if frames == count:
        return table
    times = (ops.arange(frames).astype(ms.float32) + 0.5) * (count / frames) - 0.5
    times = ops.clamp(times, 0.0, count - 1.0).expand_dims(1)
    weights = ops.relu(1.0 - ops.abs(times - ops.arange(count).astype(ms.float32)))
    return ops.matmul(weights, table.squeeze(0)).expand_dims(0)


def to_tokens(clip):
    """[B,T,C,h,w] -> [B,P,T,C]: each position's sequence of frames."""
    batch, frames, channels, height, width = clip.shape
    return clip.transpose((0, 3, 4, 1, 2)).reshape((batch, height * width, frames, channels))


def to_clip(tokens, height, width):
    """The inverse of to_tokens."""
    batch, _, frames, channels = tokens.shape
    return tokens.reshape((batch, height, width, frames, channels)).transpose((0, 3, 4, 1, 2))


class TemporalAttention(nn.Cell):
    """Self-attention over the frames at each position; its weights are the dynamics' transition kernel too."""

    def __init__(self, channels, heads, temperature):
        super().__init__()
        if channels % heads:
            raise ValueError(f"channels {channels} is not a multiple of heads {heads}")
        self.heads, self.temperature = heads, temperature
        self.qkv = nn.Dense(channels, 3 * channels)
        self.proj = nn.Dense(channels, channels)

    def construct(self, tokens):
        """[B,P,T,C] -> mixed tokens [B,P,T,C], kernel [B,P,T,T]: the mean of the heads' weights."""
        batch, positions, frames, channels = tokens.shape
        queries, keys, values = self.parts(tokens, (batch * positions, frames, self.heads, channels // self.heads))
        kernels = transition_kernel(queries, keys, self.temperature)
        mixed = ops.matmul(kernels, values).transpose((0, 2, 1, 3)).reshape(tokens.shape)
        return self.proj(mixed), mean_of_second(kernels).reshape((batch, positions, frames, frames))

    def parts(self, tokens, apart):
        """Tokens [B,P,T,C], apart (BP, T, heads, d) -> queries, keys and values [BP,heads,T,d]."""
        channels = tokens.shape[-1]
        if not cpu_form():
            qkv = self.qkv(tokens).reshape(apart[:2] + (3 * self.heads, apart[3])).transpose((0, 2, 1, 3))
            return ops.split(qkv, self.heads, 1)
        # three products: taken apart after one, the parts would be copied by a transposition over five axes
        weights, biases = ops.split(self.qkv.weight, channels), ops.split(self.qkv.bias, channels)
        parts = ()
        for i in range(3):
            parts = parts + (dense(tokens, weights[i], biases[i]).reshape(apart).transpose((0, 2, 1, 3)),)
        return parts


class FeedForward(nn.Cell):
    """W2 GELU(W1 norm(x)) on [...,C]."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.norm = LayerNorm(channels)
        self.fc1 = nn.Dense(channels, hidden)
        self.fc2 = nn.Dense(hidden, channels)

    def construct(self, tokens):
        """[...,C] -> [...,C]."""
        return self.fc2(gelu(self.fc1(self.norm(tokens))))


class SpatialMixer(nn.Cell):
    """Frame by frame, x + GELU(1x1(depthwise 3x3(x))); the 1x1 starts at zero, so that an untrained block only adds
    the time embedding and the gate to each frame."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = Depthwise(channels)
        self.pointwise = Pointwise(channels, channels, weight_init="zeros", bias_init="zeros")

    def construct(self, clip):
        """[B,T,C,h,w] -> [B,T,C,h,w]."""
        batch, frames, channels, height, width = clip.shape
        images = clip.reshape((batch * frames, channels, height, width))
        return clip + gelu(self.pointwise(self.depthwise(images))).reshape(clip.shape)


class FokkerPlanckBlock(nn.Cell):
    """Features of a clip, mixed along time by Fokker-Planck dynamics of an attention density (paper 3.4).

    channels: width of the features. variant: the switches. frames: time points of the learned time embedding, which
    is resampled for clips of another length. heads, mlp_ratio: of the temporal attention and its feed-forward.
    Raises ValueError for unknown ends, an unknown coupling, and channels that are not a multiple of the heads.
    """

    def __init__(self, channels, variant=PAPER, frames=64, heads=8, mlp_ratio=4):
        super().__init__()
        for value, known in ((variant.ends, ENDS), (variant.coupling, COUPLINGS)):
            if value not in known:
                raise ValueError(f"{value!r} must be one of {known}")
        self.variant = variant
        self.gated = variant.dynamics and variant.coupling != "none"
        self.time_embedding = Parameter(
            initializer(TruncatedNormal(0.02), (1, frames, channels), ms.float32), name="time_embedding"
        )
        self.attention_norm = LayerNorm(channels)
        self.attention = TemporalAttention(channels, heads, variant.temperature)
        self.observation = Pointwise(channels, 1)
        self.nu_head = nn.Dense(channels, 1)
        self.lam_head = nn.Dense(channels, 1)
        self.alpha_logit = Parameter(Tensor(0.0, ms.float32), name="alpha_logit")
        self.attention_out = nn.Dense(channels, channels)
        self.attention_scale = Parameter(initializer(1e-3, (1,), ms.float32), name="attention_scale")
        self.feed_forward = FeedForward(channels, mlp_ratio * channels)
        self.feed_forward_scale = Parameter(initializer(1e-3, (1,), ms.float32), name="feed_forward_scale")
        self.spatial_mixer = SpatialMixer(channels)

    def add_time(self, tokens):
        """Tokens [B,P,T,C] plus each frame's time embedding."""
        return tokens + spread(resample(self.time_embedding, tokens.shape[2]).expand_dims(0), tokens.shape)

    def observe(self, tokens):
        """Tokens [B,P,T,C] -> the logits of the observed densities [B,P,T]; a 1x1 convolution."""
        weight = self.observation.weight
        return dense(tokens, weight.reshape((1, weight.shape[1])), self.observation.bias).squeeze(-1)

    def rates(self, normed):
        """Normalized tokens [B,P,T,C] -> diffusivity nu >= 0 and relaxation rate lambda in (0, 1), [B,P,T] each."""
        variant = self.variant
        nu = diffusivity(self.nu_head(normed), variant.dt, variant.cfl_bound)
        return nu.squeeze(-1), ops.sigmoid(self.lam_head(normed)).squeeze(-1)

    def along_time(self, tokens):
        """Tokens [B,P,T,C], each position by itself -> the same mixed along time; with dynamics also what its density
        depends on: transition kernel [B,P,T,T], logits of the observed density, and two rates, [B,P,T] each."""
        normed = self.attention_norm(tokens)
        mixed, kernel = self.attention(normed)
        if not self.variant.dynamics:
            return (mixed,)
        nu, lam = self.rates(normed)
        return mixed, kernel, self.observe(tokens), nu, lam

    def density(self, kernel, logits, nu, lam):
        """What `along_time` returns of all positions of a clip -> the observed density after its evolution, [B,P,T]."""
        if self.variant.detach_kernel:
            kernel = ops.stop_gradient(kernel)
        return evolve(ops.softmax(logits, 1), kernel, nu, lam, self.variant)

    def gate(self, u):
        """A density [B,P,T] of all positions -> g [B,P,T], by which it gates the tokens: (1 + g) tokens."""
        if self.variant.coupling == "contrast":
            u = ops.clamp(u.shape[1] * u - 1.0, *CONTRAST_LIMITS)
        return self.variant.alpha_max * ops.sigmoid(self.alpha_logit) * u

    def transformed(self, tokens, mixed, gate=None):
        """Tokens and mixed tokens [B,P,T,C], their `gate` [B,P,T] -> tokens, each position by itself."""
        if gate is not None:
            tokens = tokens + repeated(gate.expand_dims(-1), tokens.shape) * tokens
        if self.variant.feature_attention:
            tokens = tokens + self.attention_scale * self.attention_out(mixed)
            tokens = tokens + self.feed_forward_scale * self.feed_forward(tokens)
        return tokens

    def construct(self, clip):
        """Features of clips [B,T,C,h,w] -> features of that shape, densities [B,T,h,w] (None without dynamics)."""
        batch, frames, _, height, width = clip.shape
        tokens = self.add_time(to_tokens(clip))
        parts, gate, density = self.along_time(tokens), None, None
        if self.variant.dynamics:
            u = self.density(*parts[1:])
            density = u.swapaxes(1, 2).reshape((batch, frames, height, width))
            gate = self.gate(u) if self.gated else None
        return self.spatial_mixer(to_clip(self.transformed(tokens, parts[0], gate), height, width)), density
