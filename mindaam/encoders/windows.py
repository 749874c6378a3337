"""Attention within windows of a grid of tokens [B,H,W,D], with queries pooled or not."""

from mindspore import ops

from mindaam.kernels.attention import attention


def windows_of(x, window):
    """A grid of whole windows [B,H,W,D] -> [B (H/window)(W/window), window, window, D], row by row."""
    batch, height, width, channels = x.shape
    split = x.reshape((batch, height // window, window, width // window, window, channels))
    return split.transpose((0, 1, 3, 2, 4, 5)).reshape((-1, window, window, channels))


def joined(windows, grid):
    """Windows [B n,window,window,D] of a grid (H, W) -> [B,H,W,D]."""
    _, window, _, channels = windows.shape
    rows, columns = grid[0] // window, grid[1] // window
    split = windows.reshape((-1, rows, columns, window, window, channels))
    return split.transpose((0, 1, 3, 2, 4, 5)).reshape((-1, grid[0], grid[1], channels))


def padded(x, window):
    """[B,H,W,D] with zeros below and to the right, so that it consists of whole windows; unchanged for window 0."""
    batch, height, width, channels = x.shape
    below, right = (-height % window, -width % window) if window else (0, 0)
    if below:
        x = ops.concat((x, ops.zeros((batch, below, width, channels), x.dtype)), 1)
    if right:
        x = ops.concat((x, ops.zeros((batch, height + below, right, channels), x.dtype)), 2)
    return x


def cut(x, grid):
    """The first rows and columns of [B,H,W,D]: [B,h,w,D] for a grid (h, w)."""
    if x.shape[1] == grid[0] and x.shape[2] == grid[1]:
        return x
    return ops.slice(x, (0, 0, 0, 0), (x.shape[0], grid[0], grid[1], x.shape[3]))


def pooled(x):
    """The largest value of each 2x2 square: [B,H,W,D] -> [B,H/2,W/2,D]."""
    batch, height, width, channels = x.shape
    upper, lower = ops.unstack(x.reshape((batch, height // 2, 2, width * channels)), 2)
    left, right = ops.unstack(ops.maximum(upper, lower).reshape((batch, height // 2, width // 2, 2, channels)), 3)
    return ops.maximum(left, right)


def attended(qkv, heads, window, pools):
    """Multi-head attention within windows: queries, keys and values [B,H,W,3D] of whole windows -> mixed values.

    window: the side of one; 0 for one window, the whole grid. pools: queries are pooled in squares of 2x2 within each
    window, and the result is [B,H/2,W/2,D], else [B,H,W,D].
    """
    _, height, width, channels = qkv.shape
    apart = windows_of(qkv, window) if window else qkv
    count, channels = apart.shape[0], channels // 3
    q, k, v = ops.split(apart, channels, -1)
    if pools:
        q, height, width = pooled(q), height // 2, width // 2
    mixed = attention(_heads_of(q, heads), _heads_of(k, heads), _heads_of(v, heads)).reshape(q.shape)
    return joined(mixed, (height, width)) if window else mixed.reshape((count, height, width, channels))


def _heads_of(x, heads):
    """[n,h,w,D] -> [n,h w,heads,D/heads]."""
    return x.reshape((x.shape[0], x.shape[1] * x.shape[2], heads, x.shape[3] // heads))
