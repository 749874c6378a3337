"""The device that computes, as constants of the graph that is being built."""

import os
from functools import lru_cache

import mindspore as ms
from mindspore.ops import constexpr

from mindaam.environment import kernel_form

NARROWER = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")  # values of ONEDNN_MAX_CPU_ISA that rule AVX-512 out


def target():
    """The device that graphs are built for, "CPU" or "Ascend"."""
    return ms.get_context("device_target")


def form():
    """The form of the operators, "cpu" or "ascend"."""
    return kernel_form(target())


# The results of these are not reused by graphs that are built later: a test builds both forms in one process.


@constexpr(reuse_result=False)
def on_cpu():
    """Whether a CPU computes."""
    return target() == "CPU"


@constexpr(reuse_result=False)
def cpu_form():
    """Whether operators take the form that is quick on a CPU; otherwise they take that of Ascend. A graph holds one
    form only."""
    return form() == "cpu"


@constexpr(reuse_result=False)
def ascend_kernels():
    """Whether operators may use kernels that exist on Ascend alone: its form, on the device itself."""
    return form() == "ascend" and target() == "Ascend"


@constexpr
def has_avx512():
    """Whether oneDNN computes with AVX-512 here; with it, MindSpore's convolution is a reference loop."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() not in NARROWER and _can_avx512()


@lru_cache(maxsize=1)
def _can_avx512():
    """Whether this machine has AVX-512; where that cannot be read, it is assumed: a wrong yes costs little."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return any("avx512f" in line for line in lines if line.startswith("flags"))
    except OSError:
        return True
