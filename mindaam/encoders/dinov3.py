"""DINOv3 vision transformer (Siméoni et al. 2025): an image to tokens at several depths.

Positions are rotary: queries and keys of the patch tokens are turned by angles that grow with the patch's place, from
-1 to 1 along each side for images of any size. Class and storage tokens are not turned. The tables follow from
the checkpoint's `rope_embed.periods` and are made once a size, outside any graph: `set_image_size`.
"""

import math

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Normal, Uniform, initializer

from mindaam.encoders.rotary import RopeEmbed
from mindaam.encoders.tables import add_table
from mindaam.encoders.vit import Block, PatchEmbed, with_prefix, without_prefix
from mindaam.kernels.normalization import LayerNorm

_SMALL = {"width": 384, "depth": 12, "heads": 6, "taps": (2, 5, 8, 11)}
_LARGE = {"width": 1024, "depth": 24, "heads": 16, "taps": (5, 11, 17, 23), "hidden": 4096, "swiglu": False}
# What `DINOv3` takes for each published model. The satellite model differs in its weights only, and in the images'
# normalization: mean (0.430, 0.411, 0.296), standard deviation (0.213, 0.156, 0.143) in place of ImageNet's.
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


class DINOv3(nn.Cell):
    """DINOv3 ViT backbone; the defaults are ViT-S/16 at 448 x 448, and `VARIANTS` has the others.

    image_size: (H, W), both multiples of `patch`. taps: the blocks whose outputs are handed on, ascending.
    hidden: width inside a block's perceptron, 4 * width by default; swiglu: that perceptron is gated.
    storage_tokens: learned tokens beside the class token, which carry no patch. rescale: as `set_rescale` takes it.
    Raises ValueError for a size that is not a multiple of the patch, a tap that is not a block, or a rescale up to 1.
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
        self.norm = LayerNorm(width, 1e-5)
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
            raise ValueError("this DINOv3 was built without rescale, so it draws no factors")
        limit = math.log(self.rescale)
        factors = np.exp(generator.uniform(-limit, limit, self.depth)).astype(np.float32)
        self.rescale_factors.set_data(ms.Tensor(factors))
        return factors

    def embed(self, images):
        """Normalized images [B,3,H,W] to tokens [B,prefix+N,D]: the class token, the storage tokens, the patches.

        Raises ValueError for images of another size than the rotary tables were made for.
        """
        if tuple(images.shape[2:]) != self.image_size:
            raise ValueError(f"images are {images.shape[2:]}, not {self.image_size}: call set_image_size first")
        return with_prefix(self.patch_embed(images), self.prefix_tokens())

    def prefix_tokens(self):
        """The tokens that are no patches, a tuple of [1,n,D]."""
        if self.prefix == 1:
            return (self.cls_token,)
        return self.cls_token, self.storage_tokens

    def rotary_tables(self):
        """What `vit.block` takes as `tables`: (cos, sin), each [1,2 heads,D/heads,prefix+N]."""
        return self.rope_embed.columns(self.blocks[0].attn.heads)

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
        return without_prefix(self.norm(tapped), self.prefix)

    def construct(self, images):
        """Normalized images [B,3,H,W] float32 to one [B,N,D] per tap, N = (H/patch)(W/patch) row by row."""
        tapped, _ = self.run_blocks(self.embed(images), 0, self.depth)
        features = ()
        for tokens in tapped:
            features = features + (self.finish(tokens),)
        return features
