"""What a row of the table is, and how one try of it is judged."""

import random
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mindaam.errors import MindAAMError

READ, REFUSED, FELL = "read", "refused", "fell"
LONGEST = 400  # characters of a refusal, its folder not counted
ROOT = Path(__file__).resolve().parents[2]


class Row(NamedTuple):
    """One row of the table.

    title, promise, tested: for the page; the last is how the promise is tested. count: how many are tried. make: called
    with (dice, number, folder), writes number's file or files into the folder and returns the Path to be tried.
    attempt: called with that Path; it returns when what it got is right or plausible, raises a MindAAMError when the
    file is refused, and Fallen when what it got is neither.
    seconds, megabytes: what one try may take; of memory it is the whole process's. names: called with the Path, gives
    texts of which a refusal must have one; None for the Path's own name.
    """

    name: str
    title: str
    promise: str
    tested: str
    count: int
    make: Callable
    attempt: Callable
    seconds: float = 10.0
    megabytes: int = 1000
    names: Callable = None

    def dice(self, seed, number):
        """All chance of one try; the same for the same seed and number, on any machine."""
        return random.Random(f"{self.name} {seed} {number}")


class Fallen(Exception):
    """What was read is neither right nor plausible, or what had to be refused was not."""


def require(held, what):
    """Fallen with `what` unless it held."""
    if not held:
        raise Fallen(what)


def judged(row, path):
    """(verdict, why) of a row's try: READ, REFUSED with the sentence, or FELL with the last line of a traceback."""
    try:
        row.attempt(path)
    except MindAAMError as error:
        fault = refusal_fault(str(error), path, row.names and row.names(path))
        return (FELL, f"{fault}: {str(error)[:200]!r}") if fault else (REFUSED, str(error)[:200])
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # a fall is whatever else comes
        return FELL, f"{_last_line(error)} at {_place(error)}"
    return READ, ""


def all_of(path, readers):
    """Calls each of the readers with the path, whatever the others found. A refusal of any must be a good one; that of
    the first is raised when all have been called."""
    refusals = []
    for reader in readers:
        try:
            reader(path)
        except MindAAMError as error:
            fault = refusal_fault(str(error), path)
            require(not fault, f"{fault}: {str(error)[:200]!r}")
            refusals.append((reader, error))
    if refusals and refusals[0][0] is readers[0]:
        raise refusals[0][1]


def refusal_fault(message, path, names=None):
    """What is wrong with a refusal, or None: it is one line, short, and names the file."""
    short = message.replace(f"{path.parent}/", "")
    if "\n" in short:
        return "a refusal of several lines"
    if "internal error" in short:  # what a batch says of an exception that fell out of one of its files
        return "a refusal that is a fault of ours"
    if len(short) > LONGEST:
        return f"a refusal of {len(short)} characters"
    if not any(name in message for name in names or (path.name,)):
        return "a refusal that does not name the file"
    return None


def _last_line(error):
    return traceback.format_exception_only(error)[-1].strip()[:200]


def _place(error):
    """Where in this project an error came up: file:line."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(f"{ROOT}/")]
    own = [each for each in frames if "/tests/reliability/" not in each.filename] or frames
    return f"{own[-1].filename.removeprefix(f'{ROOT}/')}:{own[-1].lineno}" if own else "?"
