"""Low-rank adaptation (Hu et al. 2021): a frozen linear layer plus a small trainable product, merged for inference."""

import math
from contextlib import contextmanager

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import Uniform, initializer

from mindaam.encoders.dropout import Dropout


class LoRADense(nn.Cell):
    """y = base(x) + (alpha / rank) B(A(dropout(x))), for any nn.Dense `base`, which is frozen.

    base: nn.Dense from `in` to `out`. rank: columns of the product. alpha: its weight, divided by rank.
    dropout: probability on the adapter's input, while training only; place: as in `dropout.Dropout`.
    The product starts at zero, because B does: A is uniform within 1/sqrt(in).
    """

    def __init__(self, base, rank, alpha, dropout=0.0, place=0):
        super().__init__()
        self.base = base
        for parameter in base.get_parameters():
            parameter.requires_grad = False
        self.scale = alpha / rank
        bound = 1.0 / math.sqrt(base.in_channels)
        self.lora_a = ms.Parameter(initializer(Uniform(bound), (rank, base.in_channels), ms.float32), name="lora_a")
        self.lora_b = ms.Parameter(initializer("zeros", (base.out_channels, rank), ms.float32), name="lora_b")
        self.dropout = Dropout(dropout, place) if dropout else nn.Identity()
        self.matmul = ops.MatMul(transpose_b=True)

    def construct(self, x):
        """[...,in] to [...,out]."""
        y = self.base(x)
        flat = self.dropout(x).astype(x.dtype).reshape((-1, x.shape[-1]))
        # the narrow product is scaled: rank numbers a row instead of `out`
        narrow = self.matmul(flat, self.lora_a) * self.scale
        return y + self.matmul(narrow, self.lora_b).reshape(y.shape)

    def effective(self):
        """(weight, bias) of the dense layer that it equals outside training, tensors."""
        product = ops.matmul(self.lora_b, self.lora_a) * self.scale
        return self.base.weight + product, self.base.bias.data

    def merged(self):
        """The base layer with the product folded into its weight, in place; the wrapper then adds zero."""
        product = self.lora_b.asnumpy().astype(np.float64) @ self.lora_a.asnumpy().astype(np.float64)
        weight = self.base.weight.asnumpy() + self.scale * product
        self.base.weight.set_data(ms.Tensor(weight.astype(np.float32)))
        # a graph compiled with the wrapper still runs it, on the merged weight
        self.lora_b.set_data(ms.Tensor(np.zeros(self.lora_b.shape, np.float32)))
        return self.base


_TARGETS = ("qkv", "proj")  # of each block's attention


def _exchange(attention, target, layer, path):
    """Puts `layer` in the place of attention.<target>, its parameters named after that place."""
    setattr(attention, target, layer)
    for name, parameter in layer.parameters_and_names():
        parameter.name = f"{path}.{name}"


def apply_lora(backbone, rank, alpha, dropout=0.0, last_n_blocks=None):
    """Wraps attn.qkv and attn.proj of the last `last_n_blocks` blocks (None: all) in LoRADense, in place.

    Returns the new trainable parameters; everything else in the backbone is left as frozen or trainable as it was,
    but for the wrapped layers, which are frozen.
    """
    blocks = list(backbone.blocks)
    count = len(blocks) if last_n_blocks is None else min(last_n_blocks, len(blocks))
    for number, block in enumerate(blocks[len(blocks) - count :]):
        for order, target in enumerate(_TARGETS):
            base = getattr(block.attn, target)
            path = base.weight.name.removesuffix(".weight")
            _exchange(block.attn, target, LoRADense(base, rank, alpha, dropout, len(_TARGETS) * number + order), path)
    return lora_parameters(backbone)


def merge_lora(backbone):
    """Folds every adapter into the layer that it wraps and removes the wrapper, in place; returns how many."""
    count = 0
    for block in backbone.blocks:
        for target in _TARGETS:
            layer = getattr(block.attn, target)
            if isinstance(layer, LoRADense):
                path = layer.lora_a.name.removesuffix(".lora_a")
                _exchange(block.attn, target, layer.merged(), path)
                count += 1
    return count


@contextmanager
def without_adapters(cell):
    """The adapters in `cell` add nothing inside the `with`, and are bit for bit what they were after it."""
    kept = [(each, each.asnumpy().copy()) for each in lora_parameters(cell) if each.name.endswith(".lora_b")]
    try:
        for parameter, values in kept:
            # in place: `set_data` moves a weight, for which the graphs that read it are compiled again
            ops.assign(parameter, ms.Tensor(np.zeros_like(values)))
        yield
    finally:
        for parameter, values in kept:
            ops.assign(parameter, ms.Tensor(values))


def lora_parameters(cell):
    """The adapters' parameters anywhere in `cell`, in the order of the Cells."""
    return [p for name, p in cell.parameters_and_names() if name.rsplit(".", 1)[-1] in ("lora_a", "lora_b")]
