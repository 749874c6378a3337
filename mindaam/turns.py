"""MindSpore serves one thread of a process at a time, and no process that was forked from one that it has served.

Two threads that compute at once crash the process, even with a model each. So whatever computes takes its turn, here;
it costs nothing, since a single computation uses all cores. A fork takes MindSpore's memory along but not its threads,
and a computation in it would wait for them for ever.
"""

import os
from contextlib import contextmanager
from threading import RLock

from mindaam.errors import ConfigError

_lock = RLock()  # one for all: two of them could be waited for crosswise
_has_run = _is_lost = False  # whether MindSpore has computed in this process, or in one that this is a fork of


@contextmanager
def turn():
    """Inside it, no other thread computes. It may be taken again inside, and decorates functions too: `@turn()`.

    A generator must not hold it where it yields. Raises ConfigError in a process that MindSpore cannot serve.
    """
    if _is_lost:
        raise ConfigError(
            "MindSpore computed before this process was forked and cannot in a fork: start worker processes by "
            'multiprocessing.get_context("spawn"), or before the first prediction, and make a Predictor in each'
        )
    with _lock:
        yield


def began():
    """Notes that MindSpore computes in this process, and has its threads from now on."""
    global _has_run
    _has_run = True


def _forked():
    """In a fork: another thread may have held the lock, which nobody would give back here."""
    global _lock, _is_lost
    _lock, _is_lost = RLock(), _has_run


os.register_at_fork(after_in_child=_forked)
