"""The cost of converting the largest checkpoint: seconds and peak memory, against a plain copy of the same file.

    python benchmarks/convert.py [--model aam_dinov3_vitl16] [--folder DIR] [--rounds 3]

The checkpoint is synthetic: random numbers under every name and shape of the authors' file, in PyTorch's zip format,
with the prefix of data-parallel training and each adapted layer under both of its names. The real command converts it
in a fresh process. The baseline is `cp`, then fsync, of the same file in the same folder: a lower bound.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from common import ROOT, environment, machine

sys.path.insert(0, str(ROOT))

from tests.zoo.official_names import alias_of, official_aam  # noqa: E402
from tests.zoo.torch_archive import write_torch  # noqa: E402

LIMITS = {"seconds": 60.0, "peak_ratio": 2.0}


def main():
    """Makes the file, copies it, converts it, and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="aam_dinov3_vitl16", help="the size of the checkpoint")
    options.add_argument("--folder", default=None, help="for the files; a temporary folder by default")
    options.add_argument("--rounds", type=int, default=3, help="copies and conversions of the file")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        source = Path(folder) / "aam.pth"
        make_checkpoint(source, asked.model)
        runs, copies = [], []
        for number in range(asked.rounds):
            copies.append(copied(source, Path(folder) / "copy"))
            runs.append(converted(source, Path(folder) / f"{number}.safetensors"))
            check(source, Path(folder) / f"{number}.safetensors", asked.model)
            (Path(folder) / f"{number}.safetensors").unlink()
        print(table(source.stat().st_size, runs, copies))


def make_checkpoint(path, name):
    """Writes a random checkpoint array by array, in the memory of one array."""
    state = {}
    for number, (each, shape) in enumerate(official_aam(name).items()):
        if not alias_of(each):
            state[each] = Drawn(shape, number)
    state |= {each: state[alias_of(each)] for each in official_aam(name) if alias_of(each)}
    write_torch(path, {f"module.{each}": array for each, array in state.items()}, ("state_dict",))


class Drawn:
    """Random numbers of a shape, drawn when they are called for."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape, seed):
        self.shape, self.seed = shape, seed

    def __call__(self):
        """The array, float32."""
        return np.random.default_rng(self.seed).standard_normal(self.shape, np.float32)


def converted(source, target):
    """Seconds and peak resident bytes of `mindaam convert` in a fresh process."""
    command = [sys.executable, "-m", "mindaam.cli.main", "convert", "--kind", "aam", str(source), str(target)]
    start, own = time.perf_counter(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as worker:
        watch = threading.Thread(target=watch_own_memory, args=(worker, own))
        watch.start()
        report = worker.stdout.read()
        _, status, usage = os.wait4(worker.pid, 0)
        worker.returncode = os.waitstatus_to_exitcode(status)
        watch.join()
    seconds = time.perf_counter() - start
    if worker.returncode:
        sys.exit(f"the conversion failed with exit code {worker.returncode}")
    # Linux counts KiB
    return SimpleNamespace(seconds=seconds, peak=usage.ru_maxrss * 1024, own=max(own, default=0), report=report)


def watch_own_memory(worker, seen, pause=0.02):
    """Collects the bytes that the process holds by itself, without pages of mapped files, until it ends."""
    status = Path(f"/proc/{worker.pid}/status")
    while worker.returncode is None:
        try:
            lines = status.read_text().splitlines()
        except OSError:  # no /proc, or the process has ended
            return
        seen += [int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")]
        time.sleep(pause)


def copied(source, target):
    """Seconds of a plain copy and fsync."""
    start = time.perf_counter()
    shutil.copyfile(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    target.unlink()
    return seconds


def check(source, target, name):
    """Ends the program unless the result has the random numbers of the source, checked in one array of each part."""
    from mindaam.zoo.checkpoints import map_safetensors, read_metadata

    state, names = map_safetensors(target), list(official_aam(name))
    for theirs, ours in (
        ("backbone.blocks.0.mlp.fc1.weight", "backbone.blocks.0.mlp.fc1.weight"),
        ("backbone.blocks.1.attn.qkv.base.weight", "backbone.blocks.1.attn.qkv.base.weight"),
        ("head.visual_proj.weight", "head.hierarchy.visual_proj.weight"),
    ):
        drawn = Drawn(official_aam(name)[theirs], names.index(theirs))()
        if not np.array_equal(state[ours], drawn):
            sys.exit(f"{ours} does not have the values of {theirs}")
    if read_metadata(target)["name"] != name:
        sys.exit(f"{source} was interpreted as another model")


def table(size, runs, copies):
    """The Markdown that a report can take over as it is."""
    seconds, copy = statistics.median(run.seconds for run in runs), statistics.median(copies)
    peak, own = max(run.peak for run in runs), max(run.own for run in runs)
    rows = [
        ("checkpoint, MB", f"{size / 1e6:.0f}", ""),
        ("convert in a fresh process, s", f"{seconds:.1f}", f"{LIMITS['seconds']:.0f}"),
        ("the slowest of them, s", f"{max(run.seconds for run in runs):.1f}", ""),
        ("baseline: plain copy of the file and fsync, s", f"{copy:.1f}", ""),
        ("convert against the copy", f"{seconds / copy:.1f}x", ""),
        ("peak memory, MB", f"{peak / 1e6:.0f}", f"{LIMITS['peak_ratio'] * size / 1e6:.0f}"),
        ("peak memory against the file", f"{peak / size:.2f}x", f"{LIMITS['peak_ratio']:.0f}x"),
        ("of it without pages of the mapped input, MB", f"{own / 1e6:.0f}", ""),
    ]
    lines = ["| measure | value | limit |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(
        [
            f"{machine()}, median of {len(runs)} runs",
            "",
            *lines,
            "",
            "The last run's report:",
            "",
            runs[-1].report,
        ]
    )


if __name__ == "__main__":
    main()
