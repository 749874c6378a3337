"""Broadcasting, as a CPU likes it."""

import mindspore as ms
from mindspore import ops
from mindspore.ops import constexpr


@constexpr
def _on_cpu():
    return ms.get_context("device_target") == "CPU"


def spread(x, shape):
    """x repeated to `shape`, to be added to or multiplied with something of that shape; the results are the same.

    On a CPU an elementwise kernel whose inputs differ in shape reads through tables of indices, 16 bytes a number of
    its result, that it fills at its first run and keeps for good: two to five times slower, and in a large graph most
    of its memory. Elsewhere x itself, which the device broadcasts for nothing.
    """
    if _on_cpu():
        return ops.broadcast_to(x, shape)
    return x
