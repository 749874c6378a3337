"""Variables of the environment that libraries read while they are imported, and end in a traceback for.

They are nobody's input to MindAAM: one that cannot be obeyed is taken out, with a sentence that says so, before
MindSpore and OpenMP see it.
"""

import os

LEVELS = ("0", "1", "2", "3", "4")  # of MindSpore's log, from debug to critical
MOST_THREADS = 1024


def mended(environment=os.environ):
    """Takes what cannot be obeyed out of `environment`; returns a sentence for each such variable."""
    faults = [(name, fault) for name, value in sorted(environment.items()) if (fault := _fault(name, value.strip()))]
    to_file = environment.get("GLOG_logtostderr", "").strip() == "0"
    if to_file and not _can_hold_logs(environment.get("GLOG_log_dir", "").strip()):
        faults.append(("GLOG_logtostderr", "asks for logs in files, and GLOG_log_dir names no folder to write them to"))
    reported = [f"the variable {name}={environment[name]} {fault}; it is ignored" for name, fault in faults]
    for name, _ in faults:
        del environment[name]
    return reported


def _fault(name, value):
    if not value:
        return None
    if name in ("GLOG_v", "GLOG_stderrthreshold") and value not in LEVELS:
        return "is no level of logging from 0 to 4"
    if name == "GLOG_logtostderr" and value not in ("0", "1"):
        return "is neither 0 nor 1"
    if name in ("logger_maxBytes", "logger_backupCount") and not _is_number(value):
        return "is no whole number"
    if name == "OMP_NUM_THREADS" and not all(_is_number(each.strip(), 1, MOST_THREADS) for each in value.split(",")):
        return f"is no number of threads from 1 to {MOST_THREADS}"
    if name == "MINDAAM_RANKS_HERE" and not _is_number(value, 1):
        return "is no number of ranks"
    return None


def _is_number(text, least=0, most=10**12):
    return text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most


def _can_hold_logs(folder):
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:  # for no name at all, too
        return False
    return os.access(folder, os.W_OK)
