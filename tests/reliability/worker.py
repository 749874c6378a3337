"""A process that tries the numbers it is told on stdin, one a line, and answers each with one line of JSON.

`python -m tests.reliability.worker ROW SEED FOLDER`; the parent (`running`) starts a new one when it dies.
"""

import contextlib
import faulthandler
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path

from tests.reliability.listing import row_of
from tests.reliability.row import FELL, judged

SPARE = 4  # times a row's memory that may be reserved before the system says no, so that no try takes the machine down


def main(name, seed, folder):
    """Answers until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes where the parent looks for a crash's last words
    faulthandler.enable()
    row, folder = row_of(name), Path(folder)
    _bound(row.megabytes)
    answers.write("ready\n")
    for line in sys.stdin:
        answers.write(json.dumps(tried(row, int(seed), int(line), folder)) + "\n")


def tried(row, seed, number, folder):
    """One try as a dict: number, verdict, why, seconds, megabytes; processes that it starts count for both."""
    try:
        path = row.make(row.dice(seed, number), number, folder)
    except Exception:  # a mistake of the row's, which must not pass for a fall
        return {"number": number, "mistake": traceback.format_exc()}
    _forget_peak()
    start, used = time.monotonic(), _processor()
    verdict, why = judged(row, path)
    # a busy machine makes a clock go faster than the work, several threads make work faster than the clock
    seconds = min(time.monotonic() - start, _processor() - used)
    megabytes = max(_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
    if seconds > row.seconds:
        verdict, why = FELL, f"took {seconds:.1f} s, more than {row.seconds:g}"
    elif megabytes > row.megabytes:
        verdict, why = FELL, f"took {megabytes} MB, more than {row.megabytes}"
    return {"number": number, "verdict": verdict, "why": why, "seconds": round(seconds, 3), "megabytes": megabytes}


def _bound(megabytes):
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    limit = now + SPARE * megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _processor():
    """Processor seconds of this process, and of those that it started and that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _forget_peak():
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _peak():
    """MB that this process had at most since `_forget_peak`."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        found = [line.split()[1] for line in file if line.startswith("VmHWM")]
    return int(found[0]) // 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
