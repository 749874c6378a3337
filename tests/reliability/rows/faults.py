"""A row that is not on the page: every way in which a try can end, for the test of the harness itself."""

import os
import signal
import time

from mindaam.errors import InputError
from tests.reliability.row import FELL, READ, REFUSED, Row, require

ENDS = (
    ("right", READ, ""),
    ("a good refusal", REFUSED, "is damaged"),
    ("an exception", FELL, "ZeroDivisionError: division by zero at tests/reliability/rows/faults.py"),
    ("a crash", FELL, "the process died (signal 11)"),
    ("an end", FELL, "the process died (exit code 3)"),
    ("a hang", FELL, "hangs"),
    ("work without end", FELL, ""),  # a busy machine has it hang
    ("much memory", FELL, "MB, more than 400"),
    ("two lines", FELL, "a refusal of several lines"),
    ("no name", FELL, "a refusal that does not name the file"),
    ("a long refusal", FELL, " characters: "),
    ("a wrong result", FELL, "Fallen: what was read is wrong"),
    ("right again", READ, ""),
)


def make(dice, number, folder):
    """A file with the number of an end."""
    path = folder / "fault.txt"
    path.write_text(str(number))
    return path


def attempt(path):
    """Ends as the file says."""
    end = ENDS[int(path.read_text())][0]
    if end == "a good refusal":
        raise InputError(f"{path} is damaged; copy it again")
    if end == "an exception":
        print(1 / 0)
    if end == "a crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if end == "an end":
        os._exit(3)
    if end == "a hang":
        time.sleep(60)
    if end == "work without end":
        until = time.process_time() + 2.6
        while time.process_time() < until:
            pass
    if end == "much memory":
        print(len(bytearray(500 << 20)), flush=True)
    if end == "two lines":
        raise InputError(f"{path} is\ndamaged")
    if end == "no name":
        raise InputError("something is damaged")
    if end == "a long refusal":
        raise InputError(f"{path} is {'damaged ' * 60}")
    require(end != "a wrong result", "what was read is wrong")


ROW = Row(
    "faults",
    "every way in which a try can end",
    "",
    "",
    len(ENDS),
    make,
    attempt,
    seconds=2.0,  # a machine with ten other jobs took 6 s over the memory
    megabytes=400,
)
