"""The only module that sets the global state of MindSpore: device, mode, deterministic kernels, seed, compile cache."""

import ctypes
import gc
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from mindaam import compilation, graphs
from mindaam.environment import deterministic, jit_level, kernel_form, remove_invalid
from mindaam.errors import ConfigError, Notice, unknown

MODES = ("graph", "pynative")
DEVICES = ("CPU", "Ascend")
# beginnings of the environment variables that affect how a process computes
OURS = ("ASCEND_", "DEVICE_", "GLOG_", "HCCL_", "MINDAAM_", "MS_", "OMP_", "ONEDNN_", "RANK_", "TE_")
RANKS_HERE = "MINDAAM_RANKS_HERE"  # how many ranks the launcher started on this machine

_is_deterministic = False  # whether this process has chosen so


def quieten():
    """Suppresses the INFO and WARNING messages of MindSpore on the terminal; call it before the first import of
    MindSpore. GLOG_v of the environment takes precedence.

    Returns a message for each removed variable that would have kept MindSpore from starting.
    """
    removed = remove_invalid()
    os.environ.setdefault("GLOG_v", "3")
    return removed


def link_libraries():
    """Begins to link the libraries of MindSpore in a thread, for the import that follows. This takes 0.3 s and, unlike
    the import, does not hold Python's lock, so that modules are imported meanwhile. Only one library is linked at a
    time: those of the other packages are linked first."""
    import cv2  # noqa: F401
    import numpy  # noqa: F401
    import pydantic  # noqa: F401
    import yaml  # noqa: F401

    if "mindspore" not in sys.modules:
        Thread(target=_link, daemon=True).start()


def _link():
    found, linker = find_spec("mindspore"), getattr(ctypes.CDLL(None), "dlopen", None)
    if found is None or linker is None:  # the import raises the error, or links them itself
        return
    for name in ("_c_expression", "_c_dataengine"):
        for path in Path(found.origin).parent.glob(f"{name}.*.so"):
            linker(os.fsencode(path), os.RTLD_NOW)


def take_share_of_cores(environment=os.environ):
    """Restricts this process, if the launcher started it as one of several ranks, to its own share of the available
    cores; call it before the threads of MindSpore start.

    The kernel threads wait by spinning: ranks that share all cores slow each other down, and two on two cores are not
    faster than one on one. With fewer cores than ranks nothing is changed.
    """
    # removed, so that neither a second call nor a child process divides the share again
    ranks = int(environment.pop(RANKS_HERE, 1))
    number = environment.get("DEVICE_ID", "")  # index of the rank on this machine, set by msrun
    if environment.get("MS_ROLE") != "MS_WORKER" or not number.isdecimal():
        return  # the scheduler of msrun only waits
    cores = sorted(os.sched_getaffinity(0))
    if 1 < ranks <= len(cores) and int(number) < len(cores):
        os.sched_setaffinity(0, cores[int(number) :: ranks])


def configure(device=None, mode="pynative", *, seed=None):
    """Configures MindSpore; call it before the first operator runs. It may be called again to change mode or seed.

    device: "CPU" or "Ascend"; None takes the environment's DEVICE_TARGET, else CPU.
    mode: "graph" compiles whole Cells, "pynative" runs operator by operator, None leaves the present mode.
    seed: integer for MindSpore's and NumPy's global generators, or None to leave them.
    The form of the operators, the level of compilation and deterministic kernels follow from the environment
    (`mindaam.environment`), and so does the place of compiled graphs (`graphs.keep`).
    Raises ConfigError for an unknown device, mode or value of the environment, or a device that this machine does not
    have, and for a folder of compiled graphs that cannot be written.
    """
    device = device or os.environ.get("DEVICE_TARGET", "CPU")
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if mode not in (None, *MODES):
        raise unknown("mode", mode, MODES)
    settings(device)  # refuses unknown values
    for line in quieten():
        warnings.warn(line, Notice, stacklevel=2)
    if device == "CPU":
        take_share_of_cores()
    ms = _mindspore()
    try:
        ms.set_device(device)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"the device {device} is not available: {str(error).splitlines()[0]}") from error
    if device == "Ascend":
        keep_float32(ms.device_context.ascend.op_precision)
    _set_deterministic(ms)
    if mode:
        # the one parameter of set_context without a successor in MindSpore 2.9 (`_check_context_deprecated` there)
        ms.set_context(mode=ms.GRAPH_MODE if mode == "graph" else ms.PYNATIVE_MODE)
    graphs.keep()
    if seed is not None:
        ms.set_seed(int(seed))


def keep_float32(precision):
    """Turns HF32 off, float32 with a mantissa of 11 bits: CANN uses it by default for float32 convolutions, and not for
    matrix products (documentation of `mindspore.device_context.ascend.op_precision`, 2.9)."""
    precision.conv_allow_hf32(False)
    precision.matmul_allow_hf32(False)


def _set_deterministic(ms):
    """Chooses deterministic kernels if the environment does, once, as MindSpore demands; HCCL too where it is before
    the ranks meet."""
    global _is_deterministic
    if deterministic() and not _is_deterministic:
        ms.set_deterministic(True)
        _is_deterministic = True


def settings(device=None, environment=os.environ):
    """How this process computes, as plain values: device, form of the operators, backend and level of compilation,
    whether kernels are deterministic, and the environment variables of MindSpore, CANN and this package.

    device: as in `configure`. Raises ConfigError for an unknown value of a variable.
    """
    device = device or environment.get("DEVICE_TARGET", "CPU")
    return {
        "device": device,
        "kernels": kernel_form(device, environment),
        "backend": compilation.BACKEND,
        "jit_level": jit_level(device, environment) or "MindSpore's own choice",
        "deterministic": deterministic(environment),
        "variables": {name: value for name, value in sorted(environment.items()) if name.startswith(OURS)},
    }


def _mindspore():
    """The module `mindspore`. Its first import creates half a million objects that live as long as the process; the
    garbage collector neither searches them while they are created, which takes 0.3 s, nor afterwards."""
    enabled, first = gc.isenabled(), "mindspore" not in sys.modules
    gc.disable()
    try:
        import mindspore

        if first:
            gc.freeze()
        return mindspore
    finally:
        if enabled:
            gc.enable()
