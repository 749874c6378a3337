"""What the benchmarks share: figures from a fresh process, peak memory, and the line about the machine."""

import json
import os
import platform
import subprocess
import sys
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


def environment():
    """The environment of a process that imports `mindaam` and `tests` from this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


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
