"""Tries a row's numbers in worker processes that are watched: one that dies or hangs is a fall, a new one goes on."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from tests.reliability.row import FELL, ROOT

PATIENCE = 6  # times a row's seconds on the clock until a worker is taken to hang; other work may slow it down
START = 120  # seconds in which a worker is ready
LOOK = 0.2  # seconds between two looks at a worker's memory


def run(row, seed, numbers, processes=2, report=None):
    """The tries of those numbers, in their order, as `worker.tried` gives them. report: called with each as it ends."""
    waiting, tries, mistakes = SimpleQueue(), [], []
    for number in numbers:
        waiting.put(number)

    def note(one):
        if "mistake" in one:
            mistakes.append(one)
            return
        tries.append(one)
        if report:
            report(one)

    threads = [Thread(target=_work, args=(row, seed, waiting, note), daemon=True) for _ in range(processes)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if mistakes:
        raise RuntimeError(f"{row.name} {mistakes[0]['number']} could not be made:\n{mistakes[0]['mistake']}")
    return sorted(tries, key=lambda one: one["number"])


def _work(row, seed, waiting, note):
    worker = None
    while True:
        try:
            number = waiting.get_nowait()
        except Empty:
            break
        worker = worker or _Worker(row, seed)
        start = time.monotonic()
        answer, end = worker.ask(number)
        if answer is None:
            worker = worker.close()
            answer = {"number": number, "verdict": FELL, "why": end, "seconds": round(time.monotonic() - start, 1),
                      "megabytes": 0}  # fmt: skip
        note(answer)
    if worker:
        worker.close()


class _Worker:
    """One worker process, its folder and what it says on stderr."""

    def __init__(self, row, seed):
        self._row, self._folder = row, tempfile.TemporaryDirectory(prefix="reliability-")
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        self._pending = b""
        place = Path(self._folder.name) / "files"
        place.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MINDAAM_CACHE": f"{self._folder.name}/cache"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.worker", row.name, str(seed), str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, cwd=ROOT, env=environment,
        )  # fmt: skip
        line, end = self._line(START, 1 << 40)
        if line != "ready":
            raise RuntimeError(f"a worker of the row {row.name} did not start ({end}):\n{self._said(2000)}")

    def ask(self, number):
        """(answer, None), or (None, how the worker ended)."""
        try:
            self._process.stdin.write(f"{number}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return None, self._death()
        line, end = self._line(PATIENCE * self._row.seconds, 2 * self._row.megabytes)
        return (json.loads(line), None) if line else (None, end)

    def close(self):
        """Ends the process and removes its folder."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._words.close()
        self._folder.cleanup()

    def _line(self, seconds, megabytes):
        """(line, None), or (None, what happened instead)."""
        until = time.monotonic() + seconds
        while b"\n" not in self._pending:
            if time.monotonic() > until:
                return None, f"hangs: no answer in {seconds:g} s"
            if select.select([self._process.stdout], [], [], LOOK)[0]:
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    return None, self._death()
                self._pending += piece
            elif (now := self._megabytes()) > megabytes:
                return None, f"took {now} MB before it was ended"
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(), None

    def _death(self):
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process died ({how}): {self._said(600)}"

    def _said(self, most):
        self._words.seek(0)
        return " ".join(self._words.read().decode(errors="replace").split())[-most:]

    def _megabytes(self):
        try:
            with open(f"/proc/{self._process.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20
        except (OSError, IndexError):
            return 0
