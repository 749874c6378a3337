"""A lock for MindSpore, which supports one computing thread per process and no computation in a forked process.

Two threads that compute simultaneously crash the process, even with separate models. All computation is therefore
serialized here; this costs nothing, because a single computation uses all cores. A fork copies the memory of MindSpore
but not its threads, so a computation in it would block forever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from mindaam.errors import ConfigError

_lock = RLock()  # a single lock: two could deadlock
_has_run = _is_lost = False  # whether MindSpore has computed in this process, or in the one it was forked from


@contextmanager
def turn() -> Iterator[None]:
    """A context in which no other thread computes. It is reentrant, and decorates functions too: `@turn()`.

    A generator must not hold it while it yields. Raises ConfigError in a process in which MindSpore cannot compute.
    """
    if _is_lost:
        raise ConfigError(
            "MindSpore cannot compute in a process that was forked after its first computation; start workers with "
            'multiprocessing.get_context("spawn"), or before the first prediction, and create a Predictor in each'
        )
    with _lock:
        yield


def began():
    """Records that MindSpore computes in this process, and has started its threads."""
    global _has_run
    _has_run = True


def _forked():
    """After a fork: another thread may have held the lock, and would never release it here."""
    global _lock, _is_lost
    _lock, _is_lost = RLock(), _has_run


os.register_at_fork(after_in_child=_forked)
