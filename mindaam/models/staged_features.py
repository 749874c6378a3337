"""SAM2's encoder on one image, block by block, as small graphs whose weights are inputs.

Blocks of a stage differ in their weights only, so a model of any depth needs eight graphs of a block, and a replaced
weight needs no new one.
"""

import mindspore as ms
from mindspore import nn

from mindaam.encoders.lora import LoRADense
from mindaam.encoders.sam2 import STRIDE, block, embedded, on_grid
from mindaam.models.features import run_graph


class Embedding(nn.Cell):
    """Pixels to tokens with their positions."""

    def construct(self, image, weight, bias, positions):
        """image [1,3,H,W], positions [1,H/4,W/4,D] -> [1,H/4,W/4,D]."""
        return embedded(image, weight, bias) + positions


class StageBlock(nn.Cell):
    """`encoders.sam2.block` of these settings."""

    def __init__(self, heads, window, pools):
        super().__init__()
        self.heads, self.window, self.pools = heads, window, pools

    def construct(self, tokens, *arrays):
        """tokens [1,h,w,D]; the arrays of a block -> [1,h',w',D']."""
        return block(tokens, arrays, self.heads, self.window, self.pools)


class OnGrid(nn.Cell):
    """A tap on the grid of the head."""

    def __init__(self, stride, patch):
        super().__init__()
        self.stride, self.patch = stride, patch

    def construct(self, tokens):
        """tokens [1,h,w,C] -> [1,N,C]."""
        return on_grid(tokens, self.stride, self.patch)


def arrays_of(block):
    """The arrays of a `sam2.Block` as the function `block` takes them, adapters merged."""
    arrays = ()
    for layer in block.layers():
        arrays += layer.effective() if isinstance(layer, LoRADense) else tuple(layer.get_parameters())
    return arrays


def staged_features(backbone, image, compiled=True):
    """One normalized image [1,3,H,W], NumPy, of the size that a SAM2 is set to -> one [1,N,C_i] array per tap.

    compiled: as graphs whatever MindSpore's mode is; otherwise in that mode.
    """
    projection = backbone.patch_embed.proj
    inputs = (ms.Tensor(image), projection.weight, projection.bias, backbone.positions)
    tokens, taps = run_graph(Embedding, (), inputs, compiled), []
    for index in range(backbone.depth):
        each = backbone.blocks[index]
        settings = each.attn.heads, each.attn.window, each.pools
        tokens = run_graph(StageBlock, settings, (tokens, *arrays_of(each)), compiled)
        if index in backbone.taps:
            stride = STRIDE * tokens.shape[-1] // backbone.width
            taps.append(run_graph(OnGrid, (stride, backbone.patch), (tokens,), compiled).asnumpy())
    return taps
