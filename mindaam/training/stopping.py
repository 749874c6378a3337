"""Requests to stop: SIGTERM, which schedulers of clusters send, and SIGHUP, which a closed terminal sends, end a run
after its step, with a checkpoint."""

import signal
import threading


class StopRequest:
    """While this context lasts, SIGTERM and SIGHUP set `to_stop` instead of ending the process; under nohup SIGHUP does
    nothing."""

    def __init__(self):
        self.to_stop = False
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_):
        for number, before in self._before.items():
            signal.signal(number, before)

    def _ask(self, *_):
        self.to_stop = True
