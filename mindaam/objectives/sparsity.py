"""The sparsity of the fusion's gate on noise: the term of Negative Sample Attack (E.2)."""

import mindspore as ms
from mindspore import ops


def gate_sparsity(gate, attacked):
    """Mean gate over the attacked samples, a float32 scalar in [0, 1]; 0 when none is attacked.

    gate: [N,...] in [0, 1], one row per sample. attacked: [N], 1 or True where a sample's audio was replaced by noise.
    """
    rows = ops.cast(gate, ms.float32).reshape((gate.shape[0], -1)).mean(1)
    chosen = ops.cast(attacked, ms.float32)
    return (rows * chosen).sum() / ops.clamp(chosen.sum(), min=1.0)
