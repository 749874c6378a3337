"""The image encoder of SAM2 (Ravi et al. 2025): Hiera (Ryali et al. 2023), a vision transformer in four stages.

A stage ends at a tap. The first block of each later stage doubles the width and halves the grid: its queries are the
largest of each 2x2 square, and so is its shortcut. Tokens attend within windows, in a few blocks over the whole image.
Positions are one small table for the image, resized to the grid, plus one table of a window's places, repeated
(Bolya et al. 2023): `set_image_size` makes their sum, outside any graph.

Taps have strides of 4 to 32 pixels. `finish` brings each to one grid, of stride `patch`: finer ones by the mean of
their places, coarser ones bilinearly. That is our choice: temporal attention on a grid of stride 4 takes 16 times the
memory of one of stride 16. Hiera has no last norm, and its taps are not normalized, as in SAM2.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Normal, initializer

from mindaam.encoders.conversion import Conversion
from mindaam.encoders.dinov2 import bicubic_matrix
from mindaam.encoders.tables import Source, add_table
from mindaam.encoders.vit import Mlp, dense
from mindaam.encoders.windows import attended, cut, padded, pooled
from mindaam.kernels.convolutions import patches, surrounded
from mindaam.kernels.device import cpu_form
from mindaam.kernels.normalization import LayerNorm, layer_norm
from mindaam.kernels.products import dense as dense_rows
from mindaam.kernels.resizing import bilinear

EPS = 1e-6  # of the norms
STRIDE, KERNEL = 4, 7  # of the first convolution: a token every 4 pixels, from 7 x 7 pixels about it
# What `SAM2` takes for each published model, of SAM 2 and SAM 2.1 alike.
VARIANTS = {
    "sam2_base_plus": {
        "width": 112,
        "depth": 24,
        "heads": 2,
        "taps": (1, 4, 20, 23),
        "windows": (8, 4, 14, 7),
        "global_blocks": (12, 16, 20),
        "background": 14,
    },
    "sam2_large": {
        "width": 144,
        "depth": 48,
        "heads": 2,
        "taps": (1, 7, 43, 47),
        "windows": (8, 4, 16, 8),
        "global_blocks": (23, 33, 43),
        "background": 7,
    },
}


def embedded(images, weight, bias):
    """A 7x7 convolution of stride 4 with 3 zeros around: images [B,3,H,W], weight [D,3,7,7] -> [B,H/4,W/4,D].

    Seven pixels lie in two neighboring squares of four, so on a CPU it is a product with the pixels of 2x2 squares.
    """
    if not cpu_form():
        return ops.conv2d(images, weight, bias, STRIDE, "pad", 3).transpose((0, 2, 3, 1))
    batch, channels, height, width = images.shape
    rows, columns, count = height // STRIDE, width // STRIDE, channels * STRIDE * STRIDE
    squares = patches(surrounded(images, 3, 1, 3, 1), STRIDE).reshape((batch, rows + 1, columns + 1, count))
    together = ()
    for i in range(2):
        for j in range(2):
            together = together + (ops.slice(squares, (0, i, j, 0), (batch, rows, columns, count)),)
    whole = padded(weight.reshape((-1, KERNEL, KERNEL, 1)), 2 * STRIDE).reshape((-1, channels, 2, STRIDE, 2, STRIDE))
    matrix = whole.transpose((0, 2, 4, 1, 3, 5)).reshape((weight.shape[0], 4 * count))
    return dense_rows(ops.concat(together, -1), matrix, bias)


class PatchEmbed(nn.Cell):
    """Overlapping patches to tokens."""

    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, KERNEL, STRIDE, pad_mode="pad", padding=3, has_bias=True)

    def construct(self, images):
        """[B,3,H,W] to [B,H/4,W/4,D]."""
        return embedded(images, self.proj.weight, self.proj.bias)


class Attention(nn.Cell):
    """Multi-head self-attention within windows; window 0 is the whole image. pools: queries are pooled 2x2."""

    def __init__(self, width_in, width, heads, window, pools):
        super().__init__()
        self.heads, self.window, self.pools = heads, window, pools
        self.qkv = dense(width_in, 3 * width)
        self.proj = dense(width, width)

    def construct(self, x):
        """[B,H,W,D] to [B,H',W',D'], half of H and W if it pools."""
        qkv = self.qkv(padded(x, self.window))
        grid = (x.shape[1] // 2, x.shape[2] // 2) if self.pools else x.shape[1:3]
        return self.proj(cut(attended(qkv, self.heads, self.window, self.pools), grid))


class Block(nn.Cell):
    """Pre-norm block: shortcut + attn(norm1 x), then x + mlp(norm2 x). Where it pools, the shortcut is pooled too."""

    def __init__(self, width_in, width, heads, window):
        super().__init__()
        self.pools = width_in != width
        self.norm1 = LayerNorm(width_in, EPS)
        self.attn = Attention(width_in, width, heads, window, self.pools)
        self.norm2 = LayerNorm(width, EPS)
        self.mlp = Mlp(width, 4 * width)
        if self.pools:
            self.proj = dense(width_in, width)

    def layers(self):
        """Its norms and dense layers in the order in which `block` takes their arrays."""
        own = (self.norm1, self.attn.qkv, self.attn.proj, self.norm2, self.mlp.fc1, self.mlp.fc2)
        return (*own, self.proj) if self.pools else own

    def construct(self, x):
        """[B,H,W,D] to [B,H',W',D']."""
        normal = self.norm1(x)
        shortcut = pooled(self.proj(normal).astype(x.dtype)) if self.pools else x
        x = shortcut + self.attn(normal)
        return x + self.mlp(self.norm2(x))


def block(x, arrays, heads, window, pools):
    """`Block` with its arrays as inputs, so that one graph serves all blocks of a kind: x [B,H,W,D].

    arrays: (gamma, beta) or (weight, bias) of each of `Block.layers`, one after another.
    """
    normal = layer_norm(x, arrays[0], arrays[1], EPS)
    shortcut = pooled(dense_rows(normal, arrays[12], arrays[13])) if pools else x
    qkv = dense_rows(padded(normal, window), arrays[2], arrays[3])
    x = shortcut + dense_rows(cut(attended(qkv, heads, window, pools), shortcut.shape[1:3]), arrays[4], arrays[5])
    hidden = dense_rows(layer_norm(x, arrays[6], arrays[7], EPS), arrays[8], arrays[9])
    return x + dense_rows(ops.gelu(hidden, approximate="none"), arrays[10], arrays[11])


def on_grid(tokens, stride, patch):
    """Tokens [B,h,w,C] of that stride on the grid of stride `patch`, row by row: [B,N,C]."""
    batch, rows, columns, width = tokens.shape
    if stride > patch:
        factor = stride // patch
        maps = bilinear(tokens.transpose((0, 3, 1, 2)), (factor * rows, factor * columns))
        return maps.reshape((batch, width, -1)).swapaxes(1, 2)
    side = patch // stride
    squares = tokens.reshape((batch, rows // side, side, columns // side, side, width))
    return squares.mean((2, 4)).reshape((batch, -1, width))


def position_table(background, window, grid):
    """The image's table [1,D,b,b], resized to the grid (rows, columns), plus the window's [1,D,w,w], repeated.

    Returns [1,rows,columns,D] float32. The grid consists of whole windows.
    """
    rows, columns = (bicubic_matrix(background.shape[2], side) for side in grid)
    smooth = np.einsum("ys,xt,dst->yxd", rows, columns, background[0].astype(np.float64), optimize=True)
    repeats = (1, grid[0] // window.shape[2], grid[1] // window.shape[3])
    return (smooth + np.tile(window[0], repeats).transpose(1, 2, 0))[None].astype(np.float32)


class SAM2(nn.Cell):
    """SAM2's image encoder without its neck; `VARIANTS` has the published ones.

    image_size: (H, W), multiples of `multiple`. patch: stride of the grid that taps are brought to. width, heads: of
    the first stage; both double from stage to stage. taps: the last block of each stage. windows: sides of the windows
    of each stage; the first block of a stage has those of the stage before. global_blocks: blocks that attend over the
    whole image. background: side of the square grid of the image's position table.
    Raises ValueError for taps that do not end at the last block, and for a size that is no multiple.
    """

    def __init__(self, *, image_size, patch=16, width, depth, heads, taps, windows, global_blocks, background):
        super().__init__()
        if list(taps) != sorted(set(taps)) or taps[-1] != depth - 1:
            raise ValueError(f"taps {taps} are not ascending block numbers that end at the last one, {depth - 1}")
        self.patch, self.width, self.depth, self.taps = patch, width, depth, tuple(taps)
        self.prefix = 0  # no token but those of places
        self.multiple = math.lcm(patch, STRIDE << (len(taps) - 1), STRIDE * windows[0])
        self.patch_embed = PatchEmbed(width)
        table = initializer(Normal(0.02), (1, width, background, background), ms.float32)
        self.pos_embed = ms.Parameter(table, name="pos_embed")
        table = initializer(Normal(0.02), (1, width, windows[0], windows[0]), ms.float32)
        self.pos_embed_window = ms.Parameter(table, name="pos_embed_window")
        blocks, last, stage = [], width, 0
        for index in range(depth):
            window = 0 if index in global_blocks else windows[stage]
            stage = sum(index > tap for tap in taps)
            blocks.append(Block(last, width << stage, heads << stage, window))
            last = width << stage
        self.blocks = nn.CellList(blocks)
        self._sources, self._tables = (Source(self.pos_embed), Source(self.pos_embed_window)), {}
        self.set_image_size(image_size)

    def set_image_size(self, image_size):
        """Prepares the position table for images of (H, W) pixels; free when neither size nor weights changed.

        Call it outside any graph: after loading weights, and before images of another size.
        """
        height, width = image_size = tuple(int(side) for side in image_size)
        if min(image_size) < self.multiple or height % self.multiple or width % self.multiple:
            raise ValueError(f"image size {height}x{width} is not a multiple of {self.multiple}")
        if any([source.changed() for source in self._sources]):  # a list: each of them is asked
            for size, table in self._tables.items():
                table.set_data(ms.Tensor(self._table(size)))
        if image_size not in self._tables:
            name = f"positions_{height}x{width}"
            self._tables[image_size] = add_table(self, name, self._table(image_size), beside=self.pos_embed)
        self.image_size = image_size
        object.__setattr__(self, "positions", self._tables[image_size])  # a second name: the table is owned already

    def _table(self, image_size):
        learned, window = self._sources
        return position_table(learned.values, window.values, (image_size[0] // STRIDE, image_size[1] // STRIDE))

    def embed(self, images):
        """Normalized images [B,3,H,W] to tokens [B,H/4,W/4,D] with their positions."""
        tokens = self.patch_embed(images)
        return tokens + ops.broadcast_to(self.positions, tokens.shape)

    def run_blocks(self, tokens, first, last):
        """Runs blocks first..last-1 on tokens [B,h,w,D].

        Returns (outputs of the tapped blocks among them, each on its own grid; tokens after the last).
        """
        tapped = ()
        for index in range(first, last):
            tokens = self.blocks[index](tokens)
            if index in self.taps:
                tapped = tapped + (tokens,)
        return tapped, tokens

    def finish(self, tapped):
        """One tap's output [B,h,w,C] on the grid of stride `patch`: [B,N,C]."""
        return on_grid(tapped, STRIDE * tapped.shape[-1] // self.width, self.patch)

    def construct(self, images):
        """Normalized images [B,3,H,W] float32 to one [B,N,C_i] per tap, N = (H/patch)(W/patch) row by row."""
        tapped, _ = self.run_blocks(self.embed(images), 0, self.depth)
        features = ()
        for tokens in tapped:
            features = features + (self.finish(tokens),)
        return features


# Official names below "image_encoder.trunk.", and ours. Norms are called gamma and beta in MindSpore.
_ONCE = ("patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed", "pos_embed_window")
_MODULES = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.qkv": "attn.qkv",
    "attn.proj": "attn.proj",
    "mlp.layers.0": "mlp.fc1",
    "mlp.layers.1": "mlp.fc2",
    "proj": "proj",
}


def _our_name(official):
    """The parameter's name here of an official one, or None for a name that the tables do not have."""
    if official in _ONCE:
        return official
    blocks, _, rest = official.partition(".")
    number, _, path = rest.partition(".")
    module, _, leaf = path.rpartition(".")
    if blocks != "blocks" or not number.isdecimal() or module not in _MODULES or leaf not in ("weight", "bias"):
        return None
    leaf = {"weight": "gamma", "bias": "beta"}[leaf] if module.startswith("norm") else leaf
    return f"blocks.{number}.{_MODULES[module]}.{leaf}"


def from_official(state):
    """Arrays of SAM2's image encoder by the official names below "image_encoder.trunk." to a Conversion, float32."""
    names = {official: _our_name(official) for official in state}
    converted = {name: np.asarray(state[official], np.float32) for official, name in names.items() if name}
    origin = {name: (official,) for official, name in names.items() if name}
    return Conversion(converted, origin, {}, tuple(official for official, name in names.items() if name is None))
