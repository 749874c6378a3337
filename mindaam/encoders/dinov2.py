"""DINOv2 vision transformer (Oquab et al. 2023): an image to tokens at several depths.

The positional table is learned on one square grid. For another image size it is resized bicubically, once, outside
any graph, and kept as a table: `set_image_size`. MindSpore's own bicubic resize is wrong on a CPU, so it is in NumPy.
"""

import mindspore as ms
import numpy as np
from mindspore import nn
from mindspore.common.initializer import Normal, initializer

from mindaam.encoders.conversion import Conversion
from mindaam.encoders.tables import Source, add_table
from mindaam.encoders.vit import Block, PatchEmbed, with_prefix, without_prefix
from mindaam.kernels.normalization import LayerNorm

# What `DINOv2` takes for each published model without register tokens and with a plain perceptron.
VARIANTS = {
    "dinov2_vits14": {"width": 384, "depth": 12, "heads": 6, "taps": (2, 5, 8, 11)},
    "dinov2_vitb14": {"width": 768, "depth": 12, "heads": 12, "taps": (2, 5, 8, 11)},
    "dinov2_vitl14": {"width": 1024, "depth": 24, "heads": 16, "taps": (5, 11, 17, 23)},
}

_CUBIC = -0.75  # the free constant of the cubic convolution kernel that DINOv2's tables are resized with


def bicubic_matrix(source, target):
    """[target, source] float64 matrix that resizes one axis: cubic convolution (Keys 1981) with a = -0.75.

    Pixel centers lie at half-integers, samples beyond an edge repeat it, and nothing is smoothed when shrinking.
    """
    center = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(center).astype(int)
    matrix = np.zeros((target, source))
    for offset in (-1, 0, 1, 2):
        d = np.abs(center - (first + offset))
        near = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
        far = _CUBIC * (((d - 5) * d + 8) * d - 4)
        column = np.clip(first + offset, 0, source - 1)
        np.add.at(matrix, (np.arange(target), column), np.where(d <= 1, near, far))
    return matrix


def resize_positions(table, grid):
    """Positional table of a square grid for another grid.

    table: [1, 1 + G*G, D] float32, the class token's row first. grid: (rows, columns).
    Returns [1, 1 + rows*columns, D] float32; the class token's row is unchanged.
    """
    side = round((table.shape[1] - 1) ** 0.5)
    if grid == (side, side):
        return table.copy()
    square = table[0, 1:].reshape(side, side, -1).astype(np.float64)
    rows, columns = bicubic_matrix(side, grid[0]), bicubic_matrix(side, grid[1])
    resized = np.einsum("ys,xt,std->yxd", rows, columns, square, optimize=True)
    return np.concatenate([table[0, :1], resized.reshape(grid[0] * grid[1], -1)])[None].astype(np.float32)


class DINOv2(nn.Cell):
    """DINOv2 ViT backbone; the defaults are ViT-S/14 at 336 x 336.

    image_size: (H, W), both multiples of `patch`. taps: the blocks whose outputs are handed on, ascending.
    table_grid: side of the square grid that the positional table was learned on.
    Raises ValueError for a size that is not a multiple of the patch, or a tap that is not a block.
    """

    def __init__(
        self, *, image_size=(336, 336), patch=14, width=384, depth=12, heads=6, taps=(2, 5, 8, 11), table_grid=37
    ):
        super().__init__()
        if list(taps) != sorted(set(taps)) or not all(0 <= tap < depth for tap in taps):
            raise ValueError(f"taps {taps} are not ascending block numbers below the depth {depth}")
        self.patch, self.width, self.depth, self.taps = patch, width, depth, tuple(taps)
        self.prefix = 1  # the class token
        self.patch_embed = PatchEmbed(patch, width)
        self.cls_token = ms.Parameter(initializer(Normal(1e-6), (1, 1, width), ms.float32), name="cls_token")
        table = initializer(Normal(0.02), (1, 1 + table_grid * table_grid, width), ms.float32)
        self.pos_embed = ms.Parameter(table, name="pos_embed")
        blocks = [Block(width, heads, hidden=4 * width, eps=1e-6, layer_scale=1e-5) for _ in range(depth)]
        self.blocks = nn.CellList(blocks)
        self.norm = LayerNorm(width, 1e-6)
        self._source, self._resized_tables = Source(self.pos_embed), {}
        self.set_image_size(image_size)

    def set_image_size(self, image_size):
        """Prepares the positional table for images of (H, W) pixels; free when neither size nor `pos_embed` changed.

        Call it outside any graph: after loading weights, and before images of another size.
        """
        height, width = image_size = tuple(int(side) for side in image_size)
        if min(image_size) < self.patch or height % self.patch or width % self.patch:
            raise ValueError(f"image size {height}x{width} is not a multiple of the patch, {self.patch}")
        if self._source.changed():
            for size, buffer in self._resized_tables.items():
                buffer.set_data(ms.Tensor(self._resized(size)))
        if image_size not in self._resized_tables:
            name, resized = f"positions_{height}x{width}", self._resized(image_size)
            self._resized_tables[image_size] = add_table(self, name, resized, beside=self.pos_embed)
        self.image_size = image_size
        object.__setattr__(
            self, "positions", self._resized_tables[image_size]
        )  # a second name: the table is owned already

    def _resized(self, image_size):
        """The table for (H, W) pixels, [1,1+N,D]."""
        return resize_positions(self._source.values, (image_size[0] // self.patch, image_size[1] // self.patch))

    def embed(self, images):
        """Normalized images [B,3,H,W] to tokens [B,1+N,D] with their positions, the class token first."""
        return with_prefix(self.patch_embed(images), self.prefix_tokens()) + self.positions

    def prefix_tokens(self):
        """The tokens that are no patches, a tuple of [1,n,D]."""
        return (self.cls_token,)

    def rotary_tables(self):
        """What `vit.block` takes as `tables`: none."""
        return ()

    def run_blocks(self, tokens, first, last):
        """Runs blocks first..last-1 on tokens [B,1+N,D].

        Returns (outputs of the tapped blocks among them, each [B,1+N,D] and not normalized; tokens after the last).
        """
        tapped = ()
        for index in range(first, last):
            tokens = self.blocks[index](tokens)
            if index in self.taps:
                tapped = tapped + (tokens,)
        return tapped, tokens

    def finish(self, tapped):
        """One tap's raw output [B,1+N,D] through the final norm, without the class token: [B,N,D]."""
        return without_prefix(self.norm(tapped), self.prefix)

    def construct(self, images):
        """Normalized images [B,3,H,W] float32 to one [B,N,D] per tap, N = (H/patch)(W/patch) row by row."""
        tapped, _ = self.run_blocks(self.embed(images), 0, self.depth)
        features = ()
        for tokens in tapped:
            features = features + (self.finish(tokens),)
        return features


# Official names: what occurs once, and what each block has. Norms are called gamma and beta in MindSpore.
_ONCE = {
    **{name: name for name in ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias")},
    "norm.weight": "norm.gamma",
    "norm.bias": "norm.beta",
}
_LAYERS = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
_BLOCK = {
    **{f"{norm}.weight": f"{norm}.gamma" for norm in ("norm1", "norm2")},
    **{f"{norm}.bias": f"{norm}.beta" for norm in ("norm1", "norm2")},
    **{f"{part}.{leaf}": f"{part}.{leaf}" for part in _LAYERS for leaf in ("weight", "bias")},
    "ls1.gamma": "ls1.gamma",
    "ls2.gamma": "ls2.gamma",
}
_IGNORED = {"mask_token": "stands for hidden patches, in pre-training only"}


def _our_name(official):
    """The parameter's name here of an official one, or None for a name that the tables do not have."""
    if official in _ONCE:
        return _ONCE[official]
    blocks, _, rest = official.partition(".")
    number, _, leaf = rest.partition(".")
    known = blocks == "blocks" and number.isdecimal() and leaf in _BLOCK
    return f"blocks.{number}.{_BLOCK[leaf]}" if known else None


def from_official(state):
    """Official DINOv2 arrays by name to a Conversion, float32; the patch convolution [D,3,p,p] is a matrix here."""
    converted, origin, unexpected = {}, {}, []
    for official, array in state.items():
        name = _our_name(official)
        if name is None:
            unexpected += [official] if official not in _IGNORED else []
            continue
        array = np.asarray(array, np.float32)
        converted[name] = array.reshape(array.shape[0], -1) if name == "patch_embed.proj.weight" else array
        origin[name] = (official,)
    ignored = {official: _IGNORED[official] for official in state if official in _IGNORED}
    return Conversion(converted, origin, ignored, tuple(unexpected))
