"""Being asked to stop: SIGTERM, as schedulers of clusters send it, ends a run after its step, with a checkpoint."""

import signal
import threading


class Asked:
    """While this context lasts, SIGTERM sets `to_stop` instead of ending the process."""

    def __init__(self):
        self.to_stop = False
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _ask(self, *_):
        self.to_stop = True
