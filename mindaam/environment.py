"""Environment variables: those whose invalid values make the import of a library fail with a traceback, and those that
choose how a device computes: the form of the operators, the level of compilation, deterministic kernels.

An invalid one of the former is removed, with a message, before MindSpore and OpenMP read it.
"""

import os

from mindaam.errors import unknown

LEVELS = ("0", "1", "2", "3", "4")  # of MindSpore's log, from debug to critical
MOST_THREADS = 1024
KERNELS = "MINDAAM_KERNELS"  # the form of the operators, one of FORMS
FORMS = ("cpu", "ascend")
JIT_LEVEL = "MINDAAM_JIT_LEVEL"  # how graphs are compiled, one of JIT_LEVELS
JIT_LEVELS = ("O0", "O1")  # kernel by kernel; with fused operators
DETERMINISTIC = "MINDAAM_DETERMINISTIC"  # 1: kernels and communication that repeat a result bit for bit


def kernel_form(device, environment=os.environ):
    """The form of the operators of `mindaam.kernels`: $MINDAAM_KERNELS, or that of the device.

    "ascend" on a CPU is for tests: it computes the same to round-off, and is slow there; what a CPU has no kernel for
    stays in the form of a CPU. "cpu" on Ascend is for a comparison there.
    Raises ConfigError for an unknown form.
    """
    form = environment.get(KERNELS, "").strip() or ("cpu" if device == "CPU" else "ascend")
    if form not in FORMS:
        raise unknown(f"value of {KERNELS}", form, FORMS)
    return form


def jit_level(device, environment=os.environ):
    """The level at which graphs are compiled (`mindaam.compilation`): $MINDAAM_JIT_LEVEL, or O0 on Ascend, and None,
    MindSpore's own choice, on a CPU. Raises ConfigError for an unknown level."""
    level = environment.get(JIT_LEVEL, "").strip() or (None if device == "CPU" else "O0")
    if level not in (None, *JIT_LEVELS):
        raise unknown(f"value of {JIT_LEVEL}", level, JIT_LEVELS)
    return level


def deterministic(environment=os.environ):
    """Whether $MINDAAM_DETERMINISTIC asks for kernels that repeat a result bit for bit. Raises ConfigError unless it is
    0 or 1."""
    value = environment.get(DETERMINISTIC, "").strip() or "0"
    if value not in ("0", "1"):
        raise unknown(f"value of {DETERMINISTIC}", value, ("0", "1"))
    return value == "1"


def remove_invalid(environment=os.environ):
    """Removes variables with invalid values from `environment`; returns a message for each of them."""
    faults = [(name, fault) for name, value in sorted(environment.items()) if (fault := _fault(name, value.strip()))]
    to_file = environment.get("GLOG_logtostderr", "").strip() == "0"
    if to_file and not _can_hold_logs(environment.get("GLOG_log_dir", "").strip()):
        faults.append(("GLOG_logtostderr", "requests log files, but GLOG_log_dir is not a writable folder"))
    messages = [f"the variable {name}={environment[name]} {fault}; it is ignored" for name, fault in faults]
    for name, _ in faults:
        del environment[name]
    return messages


def _fault(name, value):
    if not value:
        return None
    if name in ("GLOG_v", "GLOG_stderrthreshold") and value not in LEVELS:
        return "is not a log level from 0 to 4"
    if name == "GLOG_logtostderr" and value not in ("0", "1"):
        return "is neither 0 nor 1"
    if name in ("logger_maxBytes", "logger_backupCount") and not _is_number(value):
        return "is not an integer"
    if name == "OMP_NUM_THREADS" and not all(_is_number(each.strip(), 1, MOST_THREADS) for each in value.split(",")):
        return f"is not a number of threads from 1 to {MOST_THREADS}"
    if name == "MINDAAM_RANKS_HERE" and not _is_number(value, 1):
        return "is not a number of ranks"
    return None


def _is_number(text, least=0, most=10**12):
    return text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most


def _can_hold_logs(folder):
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:  # also for an empty name
        return False
    return os.access(folder, os.W_OK)
