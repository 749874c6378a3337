"""The golden maps of the released code's losses and metrics, for the tests of both rooms."""

import pathlib

import numpy as np

from tests import gold

SIZES = ((48, 64), (90, 60))
GOLDEN = np.load(pathlib.Path(__file__).parent / "goldens" / "metrics.npz", allow_pickle=False)


def case(index):
    """One golden case: prediction [3,1,H,W], truth [3,1,H,W] and binary fixation maps [3,H,W]."""
    height, width = SIZES[index]
    mask = np.unpackbits(GOLDEN[f"case{index}/fix"])[: 3 * height * width].reshape(3, height, width)
    return GOLDEN[f"case{index}/s"], gold.gt_map(f"H/{index}/g", (3, 1, height, width)), mask


def degenerate():
    """The degenerate pairs by name: prediction and truth [1,1,8,8]."""
    some = np.abs(gold.tensor("H/z", (1, 1, 8, 8)))
    constant, zero = np.full_like(some, 0.3), np.zeros_like(some)
    return {
        "pred_zero": (zero, some),
        "gt_zero": (some, zero),
        "both_const": (constant, constant),
        "pred_const": (constant, some),
    }
