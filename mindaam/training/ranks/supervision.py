"""Supervises the processes that msrun started: which live, which died and why, and that all of them end together."""

import contextlib
import os
import re
import signal
import sys
import time
from typing import NamedTuple

import psutil

from mindaam.streams import plain, print_message

SCHEDULER = "scheduler"
DEATH = re.compile(rb"Worker process (\d+) exit with exception\. Error code: (-?\d+)")  # in the log of msrun
CHATTER = re.compile(rb"^\[(?:INFO|WARNING)\] DISTRIBUTED.*\n?", re.MULTILINE)  # of MindSpore when ranks meet and part
AFTERWARDS = 0  # code of a rank that died when all had done their work: MindSpore 2.9's receiving thread sometimes does
STOPPED = 130  # exit code after a signal that killed the job before it could leave by itself
PATIENCE = {SCHEDULER: 25.0}  # seconds after which one that ended without the others counts as a death,
RANKS_PATIENCE = 45.0  # and the same for a rank
DONE = "all work is done"  # how the last line ends that a rank logs before it meets the others to leave
SHOWN = 20  # lines of a dead rank's log
TAIL_BYTES = 1 << 16  # of a log, in which those lines are looked for


class Failure(NamedTuple):
    """member: a rank, or SCHEDULER; what: a sentence on why it died; code: the job's exit code."""

    member: int | str
    what: str
    code: int = 1


def last_lines(path, count=SHOWN):
    """The last lines of a log, without MindSpore's notes and warnings; one line on that if there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
            lines = re.split(r"[\r\n]+", file.read().decode("utf-8", "replace").strip())
    except OSError as error:
        return [f"(no log: {error.strerror})"]
    return [line for line in lines if line and not re.match(r"\[(INFO|WARNING)\] ", line)][-count:] or ["(empty)"]


class Supervision:
    """The processes of one Job (training.launch) under the msrun of process number `pid`.

    The job runs while `look` returns True. `interrupt` is the handler of SIGTERM and SIGINT. `end` prints what happened
    and returns the exit code; `kill` leaves no process of the job.
    """

    INTERVAL = 0.1  # seconds between two looks

    def __init__(self, job, pid):
        self.job, self.msrun = job, psutil.Process(pid)
        self.processes = {}  # rank, or SCHEDULER -> psutil.Process
        self.ended = {}  # the same -> when it was first seen to have ended
        self.interrupts, self.notified = 0, set()
        self.failure = None
        self.started = time.monotonic()
        self.shown = 0  # bytes of the first rank's log that were shown

    def interrupt(self, *_):
        """Makes the ranks save and end; a second call ends the job at once."""
        self.interrupts += 1

    def look(self):
        """Checks once: passes on interrupts and the first rank's log; False when the job is to be ended."""
        self._find()
        self._show()
        if self.interrupts > 1:
            return False
        if self.interrupts:
            self._pass_on()
        self.failure = self.failure or self._death() or self._left_behind()
        return self.failure is None

    def end(self, code):
        """Kills what is left, prints what happened, and returns the job's exit code.

        code: msrun's, None while it runs.
        """
        self.failure = self.failure or self._death()
        if code != 0:
            self.kill()
        self._show()
        if self.failure and self.failure.code == AFTERWARDS:
            print_message(f"{self.failure.what} when all ranks had done their work")
            return 0
        obeyed = self.failure is None or self.failure.code == STOPPED
        if self.interrupts > 1 or (self.interrupts and code != 0 and obeyed):
            print_message("stopped before all ranks had exited; the run can continue from its last checkpoint")
            return STOPPED
        if self.failure is None and code == 0:
            return 0
        failure = self.failure or Failure(SCHEDULER, f"msrun ended with exit code {code}")
        log = self._scheduler_log() if failure.member == SCHEDULER else self.job.log(failure.member)
        after = f"{time.monotonic() - self.started:.0f} s after the start"
        print_message(f"{failure.what}, {after}; the job was ended. The last lines of {log}:")
        for line in last_lines(log):
            print(f"    {plain(line)}", file=sys.stderr)
        return failure.code

    def kill(self):
        """Kills every process of the job: the ranks with theirs, the scheduler, msrun."""
        for member, process in self.processes.items():
            if member != SCHEDULER:  # msrun gives each rank a process group of its own, and its readers are in it
                _kill_group(process.pid)
        _kill_group(self.msrun.pid)

    def _find(self):
        """Looks for the ranks and the scheduler among msrun's children until all are known."""
        if len(self.processes) > len(self.job.ranks):
            return
        with contextlib.suppress(psutil.Error):
            for child in self.msrun.children():
                with contextlib.suppress(psutil.Error):
                    environment = child.environ()
                    role = environment.get("MS_ROLE")
                    if role == "MS_SCHED":
                        self.processes.setdefault(SCHEDULER, child)
                    elif role == "MS_WORKER" and environment.get("MS_NODE_ID", "").isdigit():
                        self.processes.setdefault(int(environment["MS_NODE_ID"]), child)

    def _death(self):
        """The Failure that msrun saw, or None."""
        found = DEATH.search(_content(self.job.log_dir / "msrun.log"))
        if not found:
            return None
        pid, code = int(found[1]), int(found[2])
        known = {process.pid: member for member, process in self.processes.items()}
        # one that failed before it was seen is one of those that never were
        rank = known.get(pid, next((each for each in self.job.ranks if each not in self.processes), self.job.ranks[0]))
        if code >= 0:
            return Failure(rank, f"rank {rank} ended with exit code {code}", code)
        name = signal.Signals(-code).name
        if self.interrupts and name == "SIGTERM":  # it had not yet come to where it would save
            return Failure(rank, f"rank {rank} was stopped", STOPPED)
        if all(_is_done(self.job.log(each)) for each in self.job.ranks):
            return Failure(rank, f"rank {rank} was killed by {name}", AFTERWARDS)
        memory = ", as the system does when memory is short" if name == "SIGKILL" else ""
        return Failure(rank, f"rank {rank} was killed by {name}{memory}")

    def _left_behind(self):
        """A Failure when some ended long ago and msrun still waits for others, or None."""
        now = time.monotonic()
        for member, process in self.processes.items():
            if not _lives(process):
                self.ended.setdefault(member, now)
        for member, when in self.ended.items():
            if now - when > PATIENCE.get(member, RANKS_PATIENCE):
                name = "the scheduler" if member == SCHEDULER else f"rank {member}"
                return Failure(member, f"{name} ended {now - when:.0f} s before others of this job, which continue")
        return None

    def _pass_on(self):
        for member, process in self.processes.items():
            if member != SCHEDULER and member not in self.notified:
                self.notified.add(member)
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGTERM)

    def _show(self):
        """Writes what the first rank's log has gained to standard output."""
        gained = _content(self.job.log(self.job.ranks[0]), self.shown)
        self.shown += len(gained)
        sys.stdout.write(CHATTER.sub(b"", gained).decode(errors="backslashreplace"))
        sys.stdout.flush()

    def _scheduler_log(self):
        """The scheduler's log, which only the first machine has; msrun's on the others."""
        own = self.job.log_dir / "scheduler.log"
        return own if own.exists() else self.job.log_dir / "msrun.log"


def _content(path, start=0):
    """A log's bytes from `start` on; none where it is not there: a job outlives its logs' removal."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""


def _is_done(log):
    return any(line.endswith(DONE) for line in last_lines(log))


def _lives(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _kill_group(pid):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
