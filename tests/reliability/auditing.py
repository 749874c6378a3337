"""What Python tells its auditors while something is read: which events there are, and which files are opened."""

import sys
from contextlib import contextmanager

_events = None


def _listen(event, arguments):
    if _events is not None:
        _events.append((event, arguments))


sys.addaudithook(_listen)  # one that is never taken away again


@contextmanager
def listening():
    """Gives a list that holds all (event, arguments) that happened inside, once it is left."""
    global _events
    _events, heard = [], []
    try:
        yield heard
    finally:
        found, _events = _events, None
        heard += found


def opened(heard):
    """Names of the files that were opened, as far as they were opened by name."""
    return [str(arguments[0]) for event, arguments in heard if event == "open" and not isinstance(arguments[0], int)]
