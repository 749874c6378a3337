"""The types that a backbone computes in: its products in half precision, all else in float32."""

import mindspore as ms
from mindspore import nn

from mindaam.encoders.dropout import Dropout
from mindaam.encoders.lora import LoRADense
from mindaam.encoders.vit import PatchEmbed

PRODUCTS = (nn.Dense, LoRADense, PatchEmbed)
HALF = {"fp16": ms.float16, "bf16": ms.bfloat16}


def compute_in(backbone, dtype):
    """Sets the type of the PRODUCTS of a backbone, in place; dtype: float16 or bfloat16.

    Attention has that type too, because its queries, keys and values have it. Norms, rotary positions, layer scales and
    residual sums stay float32, and so does GELU but for Ascend's own kernel (`kernels.elementwise.gelu`). The masks of
    an adapter's dropout follow from float32 numbers.
    """
    for _, cell in backbone.cells_and_names():
        if isinstance(cell, PRODUCTS):
            cell.to_float(dtype)  # also the Cells within it
    for _, cell in backbone.cells_and_names():
        if isinstance(cell, Dropout):
            cell.to_float(ms.float32)


def type_of(cell):
    """The type that a Cell computes in, as `compute_in` set it; float32 by default."""
    flags = cell.get_flags()
    return next((dtype for name, dtype in HALF.items() if flags.get(name)), ms.float32)
