"""Resizing of maps."""

from mindspore import ops


def bilinear(maps, size, align_corners=False):
    """Maps [B,C,h,w] at `size` (H, W), linear between their positions: [B,C,H,W].

    align_corners: the first and last positions of both sizes coincide; otherwise their outer borders do.
    """
    return ops.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)
