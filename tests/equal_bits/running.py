"""Runs of one tree through its command line, each in a fresh process, and copies of them that end halfway."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

from tests.equal_bits.data import environment
from tests.equal_bits.reading import checkpoints

POINTER = "latest"
LONGEST = 3600  # seconds that a run may take beside other work
GLANCE = 0.005  # seconds between two looks at a run's checkpoint, which the next one replaces


class Tree(NamedTuple):
    """A checkout: its folder, and the folder of the data that its runs read."""

    folder: Path
    data: Path


class Refused(Exception):
    """A run that ended with exit code 2 and one sentence, which is the message."""


def require_own_package(tree):
    """RuntimeError unless a process with the tree's environment takes the package from it."""
    command = [sys.executable, "-c", "import mindaam; print(mindaam.__file__)"]
    ours = environment(tree.data, tree.folder)
    found = subprocess.run(command, env=ours, cwd=tree.data, capture_output=True, text=True)
    if found.returncode or Path(found.stdout.strip()).parents[1] != tree.folder:
        raise RuntimeError(f"{tree.folder} is not what is imported: {found.stdout}{found.stderr}")


def train(tree, run, place, first_half=None):
    """Carries out a Run in the folder `place`, which gets config.yaml, output.txt, run/ and, where the run was begun
    here, half/: a copy of run/ as a kill after the step run.half leaves it.

    first_half: a half/ to continue. Raises Refused, or RuntimeError with the end of the output of a run that fails.
    """
    place.mkdir(parents=True)
    out, half = place / "run", None if first_half else place / "half"
    (place / "config.yaml").write_text(yaml.safe_dump(run.configuration, sort_keys=False))
    if first_half:
        shutil.copytree(first_half, out)
    arguments = ["train", str(place / "config.yaml"), "--resume", "-o", str(out)]
    with open(place / "output.txt", "wb") as output:
        job = subprocess.Popen(
            [sys.executable, "-m", *_module(tree, run, place), *arguments], cwd=place, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, env=_environment(tree),
        )  # fmt: skip
        try:
            _wait(job, out, half, run.half)
        finally:
            _kill(job)
    output = (place / "output.txt").read_text(errors="replace")
    if job.returncode == 2 and output.strip().rpartition("\n")[2].startswith("mindaam: "):
        raise Refused(output.strip().rpartition("\n")[2])
    if job.returncode:
        raise RuntimeError(f"exit code {job.returncode}: {output[-2000:]}")
    if half and not half.exists():
        _cut(out, half, run.half)


def _module(tree, run, place):
    if run.ranks == 1:
        return ["mindaam.cli.main"]
    launcher = next((tree.folder / "mindaam").rglob("launch.py")).relative_to(tree.folder)
    name = ".".join(launcher.with_suffix("").parts)
    return [name, "--workers", str(run.ranks), "--log-dir", str(place / "logs"), "--"]


def _environment(tree):
    """With this Python first on PATH, which msrun takes."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    return {**environment(tree.data, tree.folder), "PATH": path}


def _wait(job, out, half, step):
    """Waits for a job. In the layout that has one checkpoint at a time, the job is halted when that is of `step`, and
    its folder copied."""
    until, last, seen = time.monotonic() + LONGEST, out / "last.safetensors", None
    while job.poll() is None:
        if time.monotonic() > until:
            raise RuntimeError(f"no end after {LONGEST} s")
        if half and not half.exists() and last.exists() and (stamp := last.stat().st_ino) != seen:
            job.send_signal(signal.SIGSTOP)
            if step in checkpoints(out):
                shutil.copytree(out, half)
            seen = stamp
            job.send_signal(signal.SIGCONT)
        time.sleep(GLANCE)


def _cut(out, half, step):
    """Copies a finished run's folder without what came after the checkpoint of `step`."""
    kept = checkpoints(out)
    if step not in kept or not (out / POINTER).exists():
        raise RuntimeError(f"{out} has no checkpoint of step {step}, or it was replaced before it was seen: run again")
    later = {path.name for number, path in kept.items() if number > step}
    shutil.copytree(out, half, ignore=lambda folder, names: later & set(names))
    (half / POINTER).write_text(f"{kept[step].name}\n")


def _kill(job):
    if job.poll() is not None:
        return
    everything = psutil.Process(job.pid).children(recursive=True)
    for process in (*everything, job):
        process.kill()
    job.wait()
