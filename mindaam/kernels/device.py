"""The device that computes, as a constant of the graph that is being built."""

import mindspore as ms
from mindspore.ops import constexpr


@constexpr
def on_cpu():
    """Whether the graph is built for a CPU; a graph holds the form of one device only."""
    return ms.get_context("device_target") == "CPU"
