"""Reduced precision of a Cell's products."""

import mindspore as ms

from mindaam.kernels.elementwise import ExactGelu
from mindaam.kernels.normalization import LayerNorm

FLOAT32_CELLS = (LayerNorm, ExactGelu)  # float16 cannot represent the small numbers that these divide by


def compute_in(cell, dtype):
    """Sets the type that `cell` computes in, in place; its FLOAT32_CELLS stay float32."""
    cell.to_float(dtype)
    for _, each in cell.cells_and_names():
        if isinstance(each, FLOAT32_CELLS):
            each.to_float(ms.float32)
