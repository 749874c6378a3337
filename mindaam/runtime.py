"""The one place that touches MindSpore's global state: device, mode, oneDNN, threads, seed, compile cache."""

import os
import warnings

from mindaam import graphs
from mindaam.environment import mended
from mindaam.errors import ConfigError, Notice, unknown

MODES = ("graph", "pynative")
DEVICES = ("CPU", "Ascend")
RANKS_HERE = "MINDAAM_RANKS_HERE"  # how many ranks the launcher started on this machine


def quieten():
    """Keeps MindSpore's INFO and WARNING lines, which are of no use to a user, from the terminal; call it before the
    first import of MindSpore. The environment's GLOG_v, if set, holds.

    Returns a sentence for each variable that MindSpore could not be imported with, and that was taken out.
    """
    reported = mended()
    os.environ.setdefault("GLOG_v", "3")
    return reported


def take_share_of_cores(environment=os.environ):
    """Confines this process, when the launcher started it as one of several ranks, to its own share of the cores that
    it may use; call it before MindSpore's threads start.

    Its kernels' threads wait by spinning: ranks that share all cores take them from one another, so that two on two
    cores do no more than one on one. With fewer cores than ranks nothing is done.
    """
    ranks = int(environment.pop(RANKS_HERE, 1))  # taken once: neither a second call nor a child takes a share of it
    number = environment.get("DEVICE_ID", "")  # msrun numbers the machine's ranks
    if environment.get("MS_ROLE") != "MS_WORKER" or not number.isdecimal():
        return  # msrun's scheduler only waits
    cores = sorted(os.sched_getaffinity(0))
    if 1 < ranks <= len(cores) and int(number) < len(cores):
        os.sched_setaffinity(0, cores[int(number) :: ranks])


def configure(device=None, mode="pynative", *, seed=None, threads=None, compile_cache=None):
    """Sets MindSpore up; call it before the first operator runs. It may be called again to change mode or seed.

    device: "CPU" or "Ascend"; None takes the environment's DEVICE_TARGET, else CPU.
    mode: "graph" compiles whole Cells, "pynative" runs operator by operator.
    seed: integer for MindSpore's and NumPy's global generators, or None to leave them.
    threads: number of kernel threads, or None for MindSpore's own choice.
    compile_cache: a folder that keeps compiled graphs between processes; None takes what MindSpore's own variables
    MS_COMPILER_CACHE_ENABLE and MS_COMPILER_CACHE_PATH ask for: see `graphs`.
    Raises ConfigError for an unknown device or mode, or a device that this machine does not have, and
    for a folder of compiled graphs that cannot be written.
    """
    device = device or os.environ.get("DEVICE_TARGET", "CPU")
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if mode not in MODES:
        raise unknown("mode", mode, MODES)
    # oneDNN's default choice on AVX-512 machines is its reference convolution, 16-90 times slower than the AVX2 one;
    # it reads the variable once, at the first operator, so it must be set before MindSpore computes anything.
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
    for line in quieten():
        warnings.warn(line, Notice, stacklevel=2)
    if device == "CPU":
        take_share_of_cores()
    import mindspore as ms

    try:
        ms.set_device(device)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"the device {device} is not available here: {str(error).splitlines()[0]}") from error
    ms.set_context(mode=ms.GRAPH_MODE if mode == "graph" else ms.PYNATIVE_MODE)
    if threads:
        ms.set_context(runtime_num_threads=int(threads))
    graphs.keep(compile_cache)
    if seed is not None:
        ms.set_seed(int(seed))
