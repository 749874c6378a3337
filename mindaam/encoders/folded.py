"""A ViT backbone for inference in the Ascend form: what follows from the weights alone is not computed in the graph.

Adapters are merged, each layer scale is folded into the projection before it, and the scale of attention into that of
the queries, in copies of the weights. Norms keep their scale and shift, which the kernel of Ascend applies at no cost.
A batch is one array of tokens.
"""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders.vit import mixed_rows, perceptron
from mindaam.kernels.normalization import layer_norm
from mindaam.kernels.products import dense


def folded_arrays(block):
    """The arrays of an `encoders.vit.Block` as tensors: gamma and beta of its two norms, then weights and biases of its
    dense layers, adapters merged, layer scales folded into the projections, the scale of attention into that of the
    queries."""
    gamma1, beta1, scale1, gamma2, beta2, scale2 = block.channels()
    w_qkv, b_qkv, w_proj, b_proj, *entering, w_out, b_out = block.weights()
    width, scale = w_proj.shape[0], block.attn.scale
    queries = ms.Tensor(np.repeat(np.array([scale, 1, 1], np.float32), width))
    first = w_qkv * queries.expand_dims(1), b_qkv * queries, w_proj * scale1.expand_dims(1), b_proj * scale1
    return gamma1, beta1, gamma2, beta2, *first, *entering, w_out * scale2.expand_dims(1), b_out * scale2


class FoldedBlock(nn.Cell):
    """`encoders.vit.Block` on the arrays of `folded_arrays`. name: how its parameters' names begin."""

    def __init__(self, block, name):
        super().__init__(auto_prefix=False)
        self.heads, self.eps = block.attn.heads, block.norm1.eps
        arrays = [
            ms.Parameter(array, name=f"{name}.{number}", requires_grad=False)
            for number, array in enumerate(folded_arrays(block))
        ]
        self.arrays = ms.ParameterTuple(arrays)

    def construct(self, x, cos=None, sin=None):
        """[B,N,D] to [B,N,D]; cos, sin: the attention's rotary tables, if it has any."""
        gamma1, beta1, gamma2, beta2, w_qkv, b_qkv, w_proj, b_proj = self.arrays[:8]
        qkv = dense(layer_norm(x, gamma1, beta1, self.eps), w_qkv, b_qkv)
        x = x + dense(mixed_rows(qkv, self.heads, cos, sin, True), w_proj, b_proj)
        return x + perceptron(layer_norm(x, gamma2, beta2, self.eps), self.arrays[8:])


class FoldedViT(nn.Cell):
    """A DINOv2 or DINOv3 whose blocks are FoldedBlocks; its embedding, its tables and its last norm are the backbone's.

    The copies are those of the weights at construction, and after `refresh`.
    """

    def __init__(self, backbone):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.taps, self.rotary = backbone, backbone.taps, hasattr(backbone, "rope_embed")
        self.depth = max(backbone.taps) + 1
        self.folded = nn.CellList(
            [FoldedBlock(backbone.blocks[i], f"folded.{i}") for i in range(self.depth)], auto_prefix=False
        )

    def refresh(self):
        """Copies the weights again, into the memory of the former copies, which a compiled graph reads."""
        for i in range(self.depth):
            for held, array in zip(self.folded[i].arrays, folded_arrays(self.backbone.blocks[i]), strict=True):
                ops.assign(held, array)

    def construct(self, images):
        """Normalized images [B,3,H,W] float32 to one [B,N,D] per tap, as the backbone."""
        tokens, tables, features = self.backbone.embed(images), (), ()
        if self.rotary:
            tables = self.backbone.rope_embed()
        for i in range(self.depth):
            tokens = self.folded[i](tokens, *tables)
            if i in self.taps:
                features = features + (self.backbone.finish(tokens),)
        return features
