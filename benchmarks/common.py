"""What the benchmarks share: figures of fresh processes and of processes in turn, and the line about the machine."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
CLIP = EXAMPLES / "bunny.mp4"


def in_fresh_process(script, *arguments):
    """The last line that a script prints, as JSON, from a process of its own; the program ends where that fails.

    script: path of a benchmark, called with `arguments`, which it answers with `json.dumps` of its figures.
    """
    command = [sys.executable, str(Path(script).resolve()), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def environment(tree=ROOT):
    """The environment of a process that imports `mindaam` and `tests` from a checkout, by default this one."""
    return {**os.environ, "PYTHONPATH": str(tree)}


class Worker:
    """A benchmark in a process of its own that measures one thing when asked; a context that ends the process.

    Between questions the process is stopped: the threads of MindSpore and PyTorch wait by spinning, which would take
    cores from the other side of a comparison. script, arguments: the benchmark, which calls `answer`; tree: the
    checkout of `mindaam`; changes: of the environment. The program ends where the process fails.
    """

    def __init__(self, script, *arguments, tree=ROOT, python=sys.executable, **changes):
        command = [str(python), str(Path(script).resolve()), *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes, env={**environment(tree), **changes})
        self.first = self._answer()

    def ask(self, question=None):
        """The answer to a question; both are JSON values."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit(self._process.wait() or 1)
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.communicate()


def answers(first, answer):
    """The other end of a Worker: reports `first()`, then `answer(question)` until the questions end.

    Standard output is kept for the answers; what libraries print goes to standard error.
    """
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        print(json.dumps(first()), file=out, flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=out, flush=True)


def command_seconds(tree, cache, *arguments):
    """Wall seconds of one `mindaam` command of a checkout in a process of its own; the program ends where that fails.

    cache: the user's cache folder of that process; an empty one makes it the first.
    """
    command = [sys.executable, "-c", "from mindaam.cli.main import main; main()", *map(str, arguments)]
    started = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**environment(tree), "MINDAAM_CACHE": str(cache)},
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - started


def peak_mb(process="self"):
    """Peak resident memory of a process, MB; 0 where the system has no /proc."""
    status = Path(f"/proc/{process}/status")  # getrusage would count what the parent had when it forked
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def machine():
    """MindSpore's version, the processor, its cores and the present load, on one line."""
    cores = f"{os.cpu_count()} cores"
    return f"mindspore {version('mindspore')}, {platform.machine()}, {cores}, load average {load()}"


def load():
    """The load average of the last 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


class ConstantEmbedding:
    """A text encoder in place of CLIP, whose weights are not bundled: the values of an embedding cost nothing."""

    def encode(self, texts):
        """float32 [n,768]."""
        import numpy as np

        return np.full((len(texts), 768), 0.03, np.float32)
