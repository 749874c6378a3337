"""Decoding, predicting and encoding side by side: threads with short queues between them, so that memory stays bounded.

Only work outside Python's lock gains by it (decoders, encoders, OpenCV, MindSpore's kernels), which is nearly all.
MindSpore itself stays in the caller's thread.
"""

from queue import Empty, Full, Queue
from threading import Event, Thread, current_thread

PATIENCE = 0.1  # seconds between two checks that the other side is alive
_END = object()


def ahead(items, depth):
    """Yields the items of the iterable, which a thread reads up to `depth` items in advance.

    An exception of the iterable is raised here, after the items before it. Closing this generator ends the thread and
    closes the iterable, if it has a `close`.
    """
    queue, stop = Queue(depth), Event()
    thread = Thread(target=_fill, args=(items, queue, stop), daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        while thread.is_alive() and thread is not current_thread():  # a dropped generator may end in any thread
            thread.join(PATIENCE)


def _fill(items, queue, stop):
    try:
        for item in items:
            if not _put(queue, (item, None), stop):
                break
        else:
            _put(queue, (_END, None), stop)
    except BaseException as error:  # the other thread raises it
        _put(queue, (_END, error), stop)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _put(queue, item, stop):
    """Puts the item as soon as the queue has space; False when the consumer has ended."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=PATIENCE)
            return True
        except Full:
            continue
    return False


class Behind:
    """A thread that does `work(*item)` for each item put, in order, at most `depth` items behind.

    As a context manager it waits at the end until all is done. An exception in the work is raised by the next `put`, or
    at the end; later items are dropped. When the block itself fails by anything but Ctrl-C, waiting items are
    dropped too; after Ctrl-C they are still done, because their frames are finished, unless Ctrl-C comes a second
    time. The thread never outlives the block.
    """

    def __init__(self, work, depth):
        self._work, self._queue, self._stop, self._error = work, Queue(depth), Event(), None
        self._thread = Thread(target=self._run, daemon=True)

    def put(self, *item):
        """Puts the item, waiting for space in the queue. Raises an exception of the work."""
        if not _put(self._queue, item, self._stop):
            raise self._error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            self._stop.set()
        interrupted, ended = None, False
        while self._thread.is_alive():
            try:
                ended = ended or _put(self._queue, None, self._stop)
                self._thread.join(PATIENCE)
            except KeyboardInterrupt as again:
                if interrupted or kind is not None:
                    self._stop.set()
                interrupted = again
        if kind is None and (interrupted or self._error):
            raise interrupted or self._error

    def _run(self):
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=PATIENCE)
            except Empty:
                continue
            if item is None:
                return
            try:
                self._work(*item)
            except BaseException as error:  # raised by `put` or at the end, in the caller's thread
                self._error = error
                self._stop.set()
