"""Several processes, or threads, read ahead while the model computes; results come in the order of the requests.

Processes are spawned: one that has run MindSpore has threads, and a fork of it can deadlock.
Spawning imports the caller's main script again, so a script must keep its work under `if __name__ == "__main__":`.
Nothing here imports MindSpore, and the functions given to a Loader should live in modules that do not either.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from mindaam.errors import MindAAMError

GRACE = 5.0  # seconds for a worker to return its item when it is asked to end
_worker = None  # in a worker process only: (sources, function)
_ending = threading.Event()  # in a worker process only: it was asked to end


class Loader:
    """Calls `function(sources[key], *arguments)` in worker processes for a sequence of items (key, *arguments).

    sources: a mapping or list of anything that can be pickled (gaze folders, lists of paths), sent once to each worker.
    function: a module-level function; keep its result small (uint8 images rather than float32), for it is pickled.
    workers: number of processes; with 0 the work is done in the calling process, one item at a time.
    threads: use threads of this process instead: quicker where little Python is run and results are large, as with
    packs, whose images cost less to decode than to pass between processes.
    ahead: how many items may be asked for before they are needed, which bounds the memory; by default two per worker.

    The processes are kept from one call to the next, so that an epoch does not start them again: use it in a
    `with` statement or call `close`.
    """

    def __init__(self, sources, function, *, workers=2, ahead=None, threads=False):
        self._sources, self._function, self._workers, self._threads = sources, function, workers, threads
        self._ahead = max(1, 2 * workers if ahead is None else ahead)
        self._pool = None

    def __call__(self, items):
        """Yields the result of each item, in order.

        An exception of `function` (an InputError about a damaged image, say) is raised here at that item and ends the
        iteration. MindAAMError when a worker process dies.
        """
        if self._workers == 0:
            for key, *arguments in items:
                yield self._function(self._sources[key], *arguments)
            return
        pending, items = deque(), iter(items)
        try:
            self._ask(pending, items)
            while pending:
                result = pending.popleft().result()
                self._ask(pending, items)
                yield result
        except BrokenProcessPool as error:
            self.close()
            raise MindAAMError(
                "a process that reads ahead has died: use fewer workers if memory was short, and keep the work of a "
                'script of your own under `if __name__ == "__main__":`'
            ) from error
        finally:
            # Reached at the end, on an error, on Ctrl-C, and when the caller stops iterating early.
            for future in pending:
                future.cancel()

    def _ask(self, pending, items):
        """Submits items until `ahead` of them are under way."""
        while len(pending) < self._ahead:
            item = next(items, None)
            if item is None:
                return
            pending.append(self._submitted(item))

    def _submitted(self, item):
        if self._threads:
            key, *arguments = item
            return self._started().submit(self._function, self._sources[key], *arguments)
        return self._started().submit(_run, item)

    def _started(self):
        if self._pool is None and self._threads:
            self._pool = ThreadPoolExecutor(self._workers)
        elif self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._sources, self._function),
            )
        return self._pool

    def close(self):
        """Ends the processes, after the items that they are at; a later call starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _start(sources, function):
    """Prepares a worker process."""
    global _worker
    _worker = (sources, function)
    # Ctrl-C reaches the whole process group; only the caller acts on it, and ends the workers by closing the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_soon)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # As many threads as cores in each of several processes would only get in each other's way.
    import cv2

    cv2.setNumThreads(1)


def _leave_with_parent():
    """Ends the worker when its parent is killed, which would otherwise leave it waiting for work forever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _leave_soon(*_):
    """Ends the worker at its next item: one that dies while it returns a result would leave the caller waiting for the
    rest of it, as when a scheduler ends a whole group of processes."""
    _ending.set()
    leave = threading.Timer(GRACE, os._exit, (1,))
    leave.daemon = True
    leave.start()


def _run(item):
    if _ending.is_set():
        os._exit(1)
    sources, function = _worker
    key, *arguments = item
    return function(sources[key], *arguments)
