"""The device that computes, as constants of the graph that is being built."""

import os
from functools import lru_cache

import mindspore as ms
from mindspore.ops import constexpr

NARROWER = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")  # values of ONEDNN_MAX_CPU_ISA that rule AVX-512 out


@constexpr
def on_cpu():
    """Whether the graph is built for a CPU; a graph holds the form of one device only."""
    return ms.get_context("device_target") == "CPU"


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
