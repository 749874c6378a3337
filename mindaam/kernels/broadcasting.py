"""Broadcasting."""

from mindspore import ops

from mindaam.kernels.device import cpu_form


def spread(x, shape):
    """x repeated to `shape`, to be added to or multiplied with something of that shape; the results are the same.

    On a CPU an elementwise kernel whose inputs differ in shape reads through tables of indices, 16 bytes per number of
    its result, which it fills at its first run and keeps: two to five times slower, and most of the memory of a large
    graph. Other devices broadcast x itself at no cost.
    """
    return ops.broadcast_to(x, shape) if cpu_form() else x


def repeated(x, shape):
    """`spread` of x [...,1] along the last axis of `shape`, quicker there: a matrix of one column is tiled."""
    return ops.tile(x.reshape((-1, 1)), (1, shape[-1])).reshape(shape) if cpu_form() else x
