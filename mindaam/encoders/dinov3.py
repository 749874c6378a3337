"""DINOv3 vision transformer (Siméoni et al. 2025): an image to tokens at several depths.

Positions are rotary: queries and keys of the patch tokens are turned by angles that grow with the patch's place, from
-1 to 1 along each side whatever the image's size. Class and storage tokens are not turned. The tables follow from
the checkpoint's `rope_embed.periods` and are made once a size, outside any graph: `set_image_size`.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Normal, Uniform, initializer

from mindaam.encoders.conversion import Conversion
from mindaam.encoders.dinov2 import PatchEmbed
from mindaam.encoders.tables import add_table
from mindaam.encoders.vit import Block

_SMALL = {"width": 384, "depth": 12, "heads": 6, "taps": (2, 5, 8, 11)}
_LARGE = {"width": 1024, "depth": 24, "heads": 16, "taps": (5, 11, 17, 23), "hidden": 4096, "swiglu": False}
# What `DINOv3` takes for each published model. The satellite model differs in its weights only, and in the images'
# normalisation: mean (0.430, 0.411, 0.296), standard deviation (0.213, 0.156, 0.143) in place of ImageNet's.
VARIANTS = {
    "dinov3_vits16": {**_SMALL, "hidden": 1536, "swiglu": False},
    "dinov3_vits16plus": {**_SMALL, "hidden": 1536, "swiglu": True},
    "dinov3_vitb16": {**_SMALL, "width": 768, "heads": 12, "hidden": 3072, "swiglu": False},
    "dinov3_vitl16": _LARGE,
    "dinov3_vitl16_sat": _LARGE,
    "dinov3_vith16plus": {
        "width": 1280,
        "depth": 32,
        "heads": 20,
        "taps": (7, 15, 23, 31),
        "hidden": 5120,
        "swiglu": True,
    },
}


def rope_periods(head_width, base=100.0):
    """Periods of the rotary angles, geometric steps from 1 towards `base`: [head_width/4] float32, for each axis.

    Official checkpoints carry theirs, some of them rounded; these are for a model without one.
    """
    steps = np.arange(head_width // 4, dtype=np.float32) / np.float32(head_width // 4)
    return np.power(np.float32(base), steps)


def rope_angles(periods, grid, prefix=0):
    """Rotary angles of a grid of patches, in radians: [prefix + rows*columns, 4*len(periods)] float32.

    Channels: those of y, then those of x, then both again with the opposite sign first, as `vit.rotate` wants its sine:
    the table's first half is negative, which leaves the cosine as it is. The first `prefix` rows, for the tokens that
    are no patches, are zero: a turn by nothing. Coordinates are of patch centers, -1 to 1 along each side.
    """
    two, one, tau = np.float32(2), np.float32(1), np.float32(2 * math.pi)
    axes = [two * ((np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)) - one for side in grid]
    coordinates = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2, 1)
    angles = (tau * coordinates / np.asarray(periods, np.float32)).reshape(grid[0] * grid[1], -1)
    return np.concatenate([np.zeros((prefix, 2 * angles.shape[1]), np.float32), np.concatenate([-angles, angles], 1)])


class RopeEmbed(nn.Cell):
    """The rotary tables of one image size at a time, from the parameter `periods`.

    head_width: channels of an attention head, a multiple of 4. prefix: tokens before the patches.
    """

    def __init__(self, head_width, prefix):
        super().__init__()
        if head_width % 4:
            raise ValueError(f"a head of {head_width} channels cannot hold rotary positions: not a multiple of 4")
        self.prefix = prefix
        self.periods = ms.Parameter(ms.Tensor(rope_periods(head_width)), name="periods", requires_grad=False)
        self._tables, self._made_from = {}, {}

    def set_grid(self, grid):
        """Prepares the tables of a grid (rows, columns); nothing happens when neither grid nor periods changed."""
        count = self.prefix + grid[0] * grid[1]
        periods = self.periods.asnumpy()
        made_from = (tuple(grid), periods.tobytes())
        if self._made_from.get(count) != made_from:
            angles = rope_angles(periods, grid, self.prefix)
            arrays = {"angles": angles, "cos": np.cos(angles), "sin": np.sin(angles)}
            # One set of Parameters for all grids of as many patches, because a graph of tokens that was compiled for
            # 14 x 20 patches serves 20 x 14 as well, and keeps the Parameters that it found.
            held = self._tables.setdefault(count, {})
            for name, array in arrays.items():
                if name in held:
                    held[name].set_data(ms.Tensor(array))
                else:
                    held[name] = add_table(self, f"{name}_{count}", array, beside=self.periods)
            self._made_from[count] = made_from
        for name, table in self._tables[count].items():
            object.__setattr__(self, name, table)  # a second name: the table is owned already

    def construct(self):
        """(cos, sin) for `vit.rotate`, each [prefix + patches, head_width]."""
        return self.cos, self.sin

    def rescaled(self, factor):
        """(cos, sin) with all coordinates times `factor`, a float32 tensor of one number."""
        angles = self.angles * factor
        return ops.cos(angles), ops.sin(angles)


class DINOv3(nn.Cell):
    """DINOv3 ViT backbone; the defaults are ViT-S/16 at 448 x 448, and `VARIANTS` has the others.

    image_size: (H, W), both multiples of `patch`. taps: the blocks whose outputs are handed on, ascending.
    hidden: width inside a block's perceptron, 4 * width by default; swiglu: that perceptron is gated.
    storage_tokens: learned tokens beside the class token, which carry no patch. rescale: as `set_rescale` takes it.
    Raises ValueError for a size that is not a multiple of the patch, a tap that is no block, or a rescale up to 1.
    """

    def __init__(
        self,
        *,
        image_size=(448, 448),
        patch=16,
        width=384,
        depth=12,
        heads=6,
        taps=(2, 5, 8, 11),
        hidden=None,
        swiglu=False,
        storage_tokens=4,
        rescale=None,
    ):
        super().__init__()
        if list(taps) != sorted(set(taps)) or not all(0 <= tap < depth for tap in taps):
            raise ValueError(f"taps {taps} are not ascending block numbers below the depth {depth}")
        self.patch, self.width, self.depth, self.taps = patch, width, depth, tuple(taps)
        self.prefix = 1 + storage_tokens
        self.patch_embed = PatchEmbed(patch, width)
        bound = (3 * patch * patch) ** -0.5
        for parameter in self.patch_embed.get_parameters():
            parameter.set_data(initializer(Uniform(bound), parameter.shape, ms.float32))
        self.cls_token = ms.Parameter(initializer(Normal(0.02), (1, 1, width), ms.float32), name="cls_token")
        if storage_tokens:
            tokens = initializer(Normal(0.02), (1, storage_tokens, width), ms.float32)
            self.storage_tokens = ms.Parameter(tokens, name="storage_tokens")
        self.rope_embed = RopeEmbed(width // heads, self.prefix)
        hidden = hidden or 4 * width
        blocks = [Block(width, heads, hidden=hidden, eps=1e-5, layer_scale=1e-5, swiglu=swiglu) for _ in range(depth)]
        self.blocks = nn.CellList(blocks)
        self.norm = nn.LayerNorm((width,), epsilon=1e-5)
        self.set_rescale(rescale)
        factors = add_table(self, "rescale_factors", np.ones(depth, np.float32), beside=self.cls_token)
        object.__setattr__(self, "rescale_factors", factors)
        self.set_image_size(image_size)

    def set_image_size(self, image_size):
        """Prepares the rotary tables for images of (H, W) pixels; free when neither size nor periods changed.

        Call it outside any graph: after loading weights, and before images of another size.
        """
        height, width = image_size = tuple(int(side) for side in image_size)
        if min(image_size) < self.patch or height % self.patch or width % self.patch:
            raise ValueError(f"image size {height}x{width} is not a multiple of the patch, {self.patch}")
        self.rope_embed.set_grid((height // self.patch, width // self.patch))
        self.image_size = image_size

    def set_rescale(self, rescale):
        """Chooses the augmentation of training: None, or R > 1, by which coordinates are rescaled at most.

        While training, each block then multiplies all coordinates by a factor of its own, which `draw_rescale` draws
        from 1/R..R; outside training nothing is rescaled. Call it before the model is compiled for training.
        Raises ValueError for an R up to 1.
        """
        if rescale is not None and not rescale > 1:
            raise ValueError(f"rescale {rescale} is not above 1: coordinates are multiplied by 1/rescale to rescale")
        self.rescale = rescale

    def draw_rescale(self, generator):
        """Draws each block's coordinate factor for the next training step, log-uniform in 1/rescale..rescale.

        generator: numpy.random.Generator, the run's own, so that a resumed run draws on where it stopped; outside the
        graph for the same reason. Until the first draw the factors are 1. Returns them, [depth] float32.
        Raises ValueError for a model that was built without `rescale`.
        """
        if self.rescale is None:
            raise ValueError("this DINOv3 was built without rescale, so there is nothing to draw")
        limit = math.log(self.rescale)
        factors = np.exp(generator.uniform(-limit, limit, self.depth)).astype(np.float32)
        self.rescale_factors.set_data(ms.Tensor(factors))
        return factors

    def embed(self, images):
        """Normalised images [B,3,H,W] to tokens [B,prefix+N,D]: the class token, the storage tokens, the patches.

        Raises ValueError for images of another size than the rotary tables were made for.
        """
        if tuple(images.shape[2:]) != self.image_size:
            raise ValueError(f"images are {images.shape[2:]}, not {self.image_size}: call set_image_size first")
        batch = images.shape[0]
        tokens = (ops.broadcast_to(self.cls_token, (batch, 1, self.width)),)
        if self.prefix > 1:
            tokens = tokens + (ops.broadcast_to(self.storage_tokens, (batch, self.prefix - 1, self.width)),)
        return ops.concat(tokens + (self.patch_embed(images),), 1)

    def run_blocks(self, tokens, first, last):
        """Runs blocks first..last-1 on tokens [B,prefix+N,D].

        Returns (outputs of the tapped blocks among them, each [B,prefix+N,D] and not normalized; tokens after the
        last).
        """
        rescaling = self.training and self.rescale is not None
        factors = ops.split(self.rescale_factors, 1) if rescaling else ()
        cos, sin = self.rope_embed()
        tapped = ()
        for index in range(first, last):
            if rescaling:
                cos, sin = self.rope_embed.rescaled(factors[index])
            tokens = self.blocks[index](tokens, cos, sin)
            if index in self.taps:
                tapped = tapped + (tokens,)
        return tapped, tokens

    def finish(self, tapped):
        """One tap's raw output [B,prefix+N,D] through the final norm, patches only: [B,N,D]."""
        _, patches = ops.split(self.norm(tapped), (self.prefix, tapped.shape[1] - self.prefix), 1)
        return patches

    def construct(self, images):
        """Normalised images [B,3,H,W] float32 to one [B,N,D] a tap, N = (H/patch)(W/patch) row by row."""
        tapped, _ = self.run_blocks(self.embed(images), 0, self.depth)
        features = ()
        for tokens in tapped:
            features = features + (self.finish(tokens),)
        return features


# --- Published checkpoints: our name -> (the official names that it is made of, how). One table for what stands once,
# one for what each block has. Norms are called gamma and beta in MindSpore.


def _same(array):
    return array


def _matrix(kernel):
    """The patch convolution [D,3,p,p] as the matrix [D,3pp] that `PatchEmbed` multiplies with."""
    return kernel.reshape(kernel.shape[0], -1)


def _masked(bias, mask):
    """bias * mask, whatever stands where the mask is zero: official files may hold anything there, NaN included."""
    return np.where(mask == 0, np.float32(0), bias * mask)


def _joined(*arrays):
    return np.concatenate(arrays)


def _keyless(query, value):
    """Bias of query, key and value; DINOv3's keys have none."""
    return np.concatenate([query, np.zeros_like(query), value])


def _renamed(pairs):
    """{ours: ((official,), as it is)} of {official module: our module}, weight and bias each; a norm's by its names."""
    table = {}
    for official, ours in pairs.items():
        names = ("gamma", "beta") if ours.startswith("norm") else ("weight", "bias")
        table[f"{ours}.{names[0]}"] = ((f"{official}.weight",), _same)
        table[f"{ours}.{names[1]}"] = ((f"{official}.bias",), _same)
    return table


_IGNORED = {
    "mask_token": "stands for hidden patches, in pre-training only",
    "local_cls_norm.weight": "norm of small crops, in pre-training only",
    "local_cls_norm.bias": "norm of small crops, in pre-training only",
    "embeddings.mask_token": "stands for hidden patches, in pre-training only",
}
_OFFICIAL = {
    "cls_token": (("cls_token",), _same),
    "storage_tokens": (("storage_tokens",), _same),
    "patch_embed.proj.weight": (("patch_embed.proj.weight",), _matrix),
    "patch_embed.proj.bias": (("patch_embed.proj.bias",), _same),
    "rope_embed.periods": (("rope_embed.periods",), _same),
    **_renamed({"norm": "norm"}),
}
_OFFICIAL_BLOCK = {
    **_renamed({part: part for part in ("norm1", "attn.proj", "norm2")}),
    "attn.qkv.weight": (("attn.qkv.weight",), _same),
    "attn.qkv.bias": (("attn.qkv.bias", "attn.qkv.bias_mask"), _masked),
    "ls1.gamma": (("ls1.gamma",), _same),
    "ls2.gamma": (("ls2.gamma",), _same),
    **_renamed({part: part for part in ("mlp.fc1", "mlp.fc2", "mlp.w1", "mlp.w2", "mlp.w3")}),
}
_HUGGINGFACE = {
    "cls_token": (("embeddings.cls_token",), _same),
    "storage_tokens": (("embeddings.register_tokens",), _same),
    "patch_embed.proj.weight": (("embeddings.patch_embeddings.weight",), _matrix),
    "patch_embed.proj.bias": (("embeddings.patch_embeddings.bias",), _same),
    **_renamed({"norm": "norm"}),
}
_HUGGINGFACE_BLOCK = {
    **_renamed({"norm1": "norm1", "norm2": "norm2", "attention.o_proj": "attn.proj"}),
    "attn.qkv.weight": (tuple(f"attention.{part}_proj.weight" for part in "qkv"), _joined),
    "attn.qkv.bias": (tuple(f"attention.{part}_proj.bias" for part in "qv"), _keyless),
    "ls1.gamma": (("layer_scale1.lambda1",), _same),
    "ls2.gamma": (("layer_scale2.lambda1",), _same),
}
_HUGGINGFACE_MLP = _renamed({"mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"})
_HUGGINGFACE_GATED = _renamed({"mlp.gate_proj": "mlp.w1", "mlp.up_proj": "mlp.w2", "mlp.down_proj": "mlp.w3"})


def _convert(state, top, block, list_name):
    """Conversion by two tables; `list_name` is what the checkpoint calls the list of blocks.

    A parameter is made when all its parts are there; the parts of an incomplete one count as unexpected.
    """
    numbers = {name.split(".")[1] for name in state if name.startswith(f"{list_name}.")}
    rows = dict(top)
    for number in sorted((n for n in numbers if n.isdecimal()), key=int):
        for ours, (parts, make) in block.items():
            rows[f"blocks.{number}.{ours}"] = (tuple(f"{list_name}.{number}.{part}" for part in parts), make)
    converted, origin = {}, {}
    for ours, (parts, make) in rows.items():
        if all(part in state for part in parts):
            converted[ours] = make(*(np.asarray(state[part], np.float32) for part in parts))
            origin[ours] = parts
    used = {part for parts in origin.values() for part in parts}
    ignored = {name: _IGNORED[name] for name in state if name in _IGNORED}
    unexpected = tuple(name for name in state if name not in used and name not in ignored)
    return Conversion(converted, origin, ignored, unexpected)


def from_official(state):
    """Official DINOv3 arrays by Meta's names, e.g. "blocks.0.attn.qkv.weight", to a Conversion, float32.

    The bias of the keys is masked in these models: bias and mask become one bias whose keys' third is zero.
    """
    return _convert(state, _OFFICIAL, _OFFICIAL_BLOCK, "blocks")


def from_huggingface(state, head_width=64):
    """DINOv3 arrays by the names of Hugging Face's `model.safetensors`, e.g. "layer.0.attention.q_proj.weight".

    Returns a Conversion, float32. Query, key and value become one matrix. These files hold no rotary periods:
    they are made again for heads of `head_width` channels, 64 in every published model, with no official name as
    origin.
    """
    gated = any(name.endswith("mlp.gate_proj.weight") for name in state)
    block = {**_HUGGINGFACE_BLOCK, **(_HUGGINGFACE_GATED if gated else _HUGGINGFACE_MLP)}
    conversion = _convert(state, _HUGGINGFACE, block, "layer")
    conversion.state["rope_embed.periods"] = rope_periods(head_width)
    conversion.origin["rope_embed.periods"] = ()
    return conversion
