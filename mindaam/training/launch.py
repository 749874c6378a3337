"""Starts a training job of several ranks with msrun, and ends it when one of them dies.

    python -m mindaam.training.launch --workers 8 --log-dir DIR -- train CONFIG [KEY=VALUE...]

Every start writes its logs to a new folder, DIR/start_001 and so on, and of several machines, which may share a file
system, each to DIR/node_R/start_001: ranks that outlive their launcher keep the files that they write to.

msrun starts the workers and kills those of its machine when one fails, but then waits for its scheduler: half a minute
when a rank died at work, ten minutes when it died before all had met. Here the last lines of the dead rank's log are
shown and the job ends at once. SIGTERM and Ctrl-C reach the ranks, which save and end; a second one kills. With several
machines, each supervises its own ranks, and MindSpore's scheduler reports the loss of another.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from mindaam.errors import ConfigError, MindAAMError, OutputError
from mindaam.places import recipe
from mindaam.runtime import RANKS_HERE
from mindaam.schema import read_yaml
from mindaam.streams import guard, print_message, settle
from mindaam.training.config import one_rank_only
from mindaam.training.ranks import rehearsal
from mindaam.training.ranks.supervision import Supervision
from mindaam.training.tasks.corpus_config import CorpusConfig

PORT = 8118  # msrun's own default, for several machines, which must agree on one
LATE = "3600"  # seconds that a rank may be waited for in a collective on a CPU; MindSpore's own limit is 30
# Seconds that ranks on Ascend wait for each other, unless the environment has other values. To connect, 120 to 7200:
# CANN's default is 120, MindSpore 2.9 sets 600 on import (`context.py`); ranks may load from slow storage. In a
# collective, 0 (without end) to 2147483647, CANN's default is 1836: rank 0 scores and writes while the others wait.
# Both from the pages on these variables in CANN 9.0's reference.
HCCL_SECONDS = {"HCCL_CONNECT_TIMEOUT": "1800", "HCCL_EXEC_TIMEOUT": "7200"}
STARTS = re.compile(r"start_(\d{1,9})")  # the folders of logs, one a start
MISUSE = 2  # exit code of what a user can mend, as everywhere in MindAAM


class Job(NamedTuple):
    """What is to run. workers: on this machine; log_dir: the folder of this start's logs; nodes: machines; command: a
    Python file or a `mindaam` command. bind_core: msrun keeps each rank to cores near its device; cluster_timeout:
    seconds that msrun waits for all ranks to start, None for its own 600."""

    workers: int
    log_dir: Path
    command: tuple
    nodes: int = 1
    node_rank: int = 0
    master: str = "127.0.0.1"
    port: int = PORT
    bind_core: bool = False
    cluster_timeout: int | None = None

    @property
    def ranks(self):
        """The ranks on this machine."""
        return range(self.node_rank * self.workers, (self.node_rank + 1) * self.workers)

    def log(self, rank):
        """The log of one rank."""
        return self.log_dir / f"worker_{rank}.log"

    @property
    def command_line(self):
        """What each rank runs, as a tuple of words; msrun puts `python` before a file."""
        return self.command if self.command[0].endswith(".py") else ("python", "-m", "mindaam.cli.main", *self.command)

    def arguments(self):
        """The msrun command that runs it, as a list."""
        total = self.workers * self.nodes
        options = ["--bind_core=True"] if self.bind_core else []
        options += [f"--cluster_time_out={self.cluster_timeout}"] if self.cluster_timeout else []
        return [
            "msrun", f"--worker_num={total}", f"--local_worker_num={self.workers}", f"--master_addr={self.master}",
            f"--master_port={self.port}", *([f"--node_rank={self.node_rank}"] if self.nodes > 1 else []),
            f"--log_dir={self.log_dir}", "--join=True", f"--tail_worker_log={total}", *options, *self.command_line,
        ]  # fmt: skip

    def additions(self):
        """The environment variables that it adds or changes, beside PATH."""
        given, ours = os.environ, {"PYTHONUNBUFFERED": "1"}  # a dead rank's last lines are in its log
        if not self.bind_core:
            ours[RANKS_HERE] = str(self.workers)  # on a CPU each takes its share of the cores
        if given.get("GLOG_v") not in ("0", "1", "2"):
            ours["GLOG_v"] = "3"  # msrun logs which worker failed at the level of errors
        limits = HCCL_SECONDS
        if given.get("DEVICE_TARGET", "CPU") == "CPU":
            # it is also how soon the scheduler misses a machine, which matters with several only
            limits = {"MS_NODE_TIMEOUT": LATE} if self.nodes == 1 else {}
        return ours | {name: seconds for name, seconds in limits.items() if name not in given}

    def environment(self):
        """The environment that it runs in: this Python first on PATH, since msrun starts a bare `python`."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**os.environ, **self.additions(), "PATH": path}


def free_port():
    """A free TCP port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def next_start(folder, taken=0):
    """The folder that the next start's logs get in `folder`: its number is above `taken` and those that are there.

    It is not made. Raises OutputError when `folder` cannot be read.
    """
    try:
        found = [int(name[1]) for each in Path(folder).iterdir() if (name := STARTS.fullmatch(each.name))]
    except (FileNotFoundError, NotADirectoryError):
        found = []
    except OSError as error:
        raise _no_logs(folder, error) from error
    return Path(folder) / f"start_{max(taken, *found, 0) + 1:03d}"


def prepare(folder):
    """Makes the folder of a start's logs in `folder` and returns its Path. Raises OutputError.

    It is always a new one, also when two launchers come at once: nothing that another start writes to is touched.
    """
    taken = 0
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        while True:
            place = next_start(folder, taken)
            try:
                place.mkdir()
                return place
            except FileExistsError:
                # another launcher was quicker; a shared file system may not list its folder yet
                taken = int(STARTS.fullmatch(place.name)[1])
    except OSError as error:
        raise _no_logs(folder, error) from error


def _no_logs(folder, error):
    return OutputError(f"cannot write logs to {folder} ({error.strerror}); choose another place with --log-dir")


def refuse_uneven(job):
    """Raises ConfigError, before any rank starts, if a Job's configuration is wrong or its ranks cannot share a step,
    as far as this is known without the data."""
    what, *words = job.command
    if what != "train" or not words or words[0].startswith("-") or "=" in words[0]:  # --from names no configuration
        return
    file = recipe(words[0])
    ranks = job.workers * job.nodes
    if "corpus" not in read_yaml(file):
        if ranks > 1:
            raise one_rank_only(file, ranks)
        return
    changes = [each for each in words if "=" in each and not each.startswith("-")]
    kinds = CorpusConfig.load(file, changes).expected_kinds()
    config = CorpusConfig.load(file, changes, tiny="--tiny" in job.command)
    problem = config.problem_with_ranks(ranks, images="images" in kinds, videos="videos" in kinds)
    if problem:
        raise ConfigError(problem)


def run(job):
    """Runs a Job until it ends, its first rank's log on standard output; returns its exit code.

    The job's log_dir is where the folder of this start is made.
    """
    environment = job.environment()
    if shutil.which("msrun", path=environment["PATH"]) is None:
        raise ConfigError("there is no command msrun beside this Python; install MindSpore 2.9, which brings it")
    job = job._replace(log_dir=prepare(job.log_dir))
    print_message(f"the logs are in {job.log_dir}")
    with open(job.log_dir / "msrun.log", "wb") as output:
        msrun = subprocess.Popen(
            job.arguments(), env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    supervision = Supervision(job, msrun.pid)
    previous = {number: signal.signal(number, supervision.interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while msrun.poll() is None and supervision.look():
            time.sleep(supervision.INTERVAL)
        return supervision.end(msrun.poll())
    finally:
        if msrun.poll() is None:
            supervision.kill()
            msrun.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def read_arguments(arguments):
    """The Job of a command line, and whether it is only to be shown. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="python -m mindaam.training.launch", description="Run a mindaam command, or a Python file, on many ranks."
    )
    parser.add_argument("--workers", type=int, required=True, metavar="N", help="ranks on this machine")
    parser.add_argument("--log-dir", type=Path, required=True, metavar="DIR", help="gets start_001/worker_RANK.log")
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines; this runs once on each")
    parser.add_argument("--node-rank", type=int, default=0, metavar="R", help="which of them this is, from 0")
    parser.add_argument("--master", default="127.0.0.1", metavar="ADDRESS", help="of machine 0")
    parser.add_argument("--port", type=int, metavar="PORT", help=f"of machine 0; a free one, or {PORT} for several")
    parser.add_argument("--bind-core", action="store_true", help="keep each rank to cores near its device")
    parser.add_argument("--cluster-timeout", type=int, metavar="S", help="seconds to wait for all ranks to start (600)")
    parser.add_argument("--dry-run", action="store_true", help="print what would run and be written, and leave")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="train CONFIG..., or FILE.py")
    options = parser.parse_args(arguments)
    command = tuple(options.command[1:] if options.command[:1] == ["--"] else options.command)
    if not command:
        raise ConfigError("nothing to run: give a mindaam command after --, such as `-- train CONFIG`")
    if options.workers < 1 or not 0 <= options.node_rank < options.nodes:
        raise ConfigError("--workers must be at least 1, and --node-rank from 0 to below --nodes")
    if options.cluster_timeout is not None and options.cluster_timeout < 1:
        raise ConfigError("--cluster-timeout must be at least 1 second")
    if options.nodes > 1 and options.master in ("127.0.0.1", "localhost"):
        raise ConfigError("several machines need the address of machine 0, by which all reach it: give --master")
    port = options.port or (PORT if options.nodes > 1 else 0 if options.dry_run else free_port())
    # scheduler.log and msrun.log have the same names on every machine
    folder = options.log_dir / f"node_{options.node_rank}" if options.nodes > 1 else options.log_dir
    job = Job(
        options.workers, folder, command, options.nodes, options.node_rank, options.master, port, options.bind_core,
        options.cluster_timeout,
    )  # fmt: skip
    return job, options.dry_run


def main(arguments=None):
    """The command; returns its exit code."""
    try:
        job, only_show = read_arguments(arguments)
        refuse_uneven(job)
        if only_show:
            for line in rehearsal.lines(job._replace(log_dir=next_start(job.log_dir))):
                print(f"# {line}")
            return 0
        return run(job)
    except MindAAMError as error:
        print_message(error)
        return MISUSE


if __name__ == "__main__":
    guard()
    sys.exit(settle(main()))
