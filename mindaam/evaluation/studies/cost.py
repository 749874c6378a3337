"""What a model costs on this device: parameters and arithmetic by part, and measured pace, memory and compilation.

Parameters and FLOP are counted from the model. Each Timing comes from a process of its own (`cost_process`), which
compiles without stored graphs. A call is `AAM.infer` on normalized images of the model's size: files are not read, and
the prompt's part of the head is computed in the first call only, as in `mindaam predict`. A clip has no audio. Weights
have random values where a model's are not installed: what a call takes does not depend on them.
"""

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import efficiency
from mindaam.files import file_sha256, read_small, write_text
from mindaam.models.backbone_flops import ADAPTERS
from mindaam.models.flops import PARTS, forward_flops
from mindaam.models.registry import build_model
from mindaam.training.checkpoints import environment
from mindaam.zoo.factory import is_installed
from mindaam.zoo.model_files import checkpoint_file, checkpoint_of
from mindaam.zoo.weights import checkpoint_config

STORED, LARGEST = "cost.json", 1 << 20  # the file of a study, and the most bytes of one
SAME = ("model", "preset", "sha256", "device", "hardware", "mindspore", "seconds")  # of a study that is continued


class Timing(NamedTuple):
    """Calls on `count` images, or on a clip of so many frames.

    calls: how many are timed. median, least: seconds of a call. compiling: seconds that the first call takes longer.
    peak_mb: most resident memory of the process on the host, None where unknown. load: the machine's load average at
    the end, 1 minute.
    """

    clip: bool
    count: int
    calls: int
    median: float
    least: float
    compiling: float
    peak_mb: float | None
    load: float


def checkpoint(model):
    """Path of the file of a model by name or path; None for a name whose weights are not installed."""
    path = checkpoint_of(model)
    return checkpoint_file(model) if path is not None or is_installed(model) else None


def built(model, preset=None):
    """The AAM of a name, a checkpoint or a run's folder, adapters apart, with random weights.

    preset: by default that of the checkpoint, else "paper". Raises ConfigError and CheckpointError as
    `zoo.create_model`.
    """
    path = checkpoint(model)
    name, config = (None, None) if path is None else checkpoint_config(path)
    name = name or (model if checkpoint_of(model) is None else None)
    if name is None:
        raise ConfigError(f"{path} does not state its model; give the name of a model")
    trained_as = (config or {}).get("preset")
    if trained_as and preset not in (None, trained_as):
        raise ConfigError(f'{path} was trained under the preset "{trained_as}", not "{preset}"; remove the preset')
    return build_model(name, trained_as or preset or "paper", changes=config)


def described(model, preset, device, seconds, command):
    """What the results of one study share: model and file, machine, versions; plain values."""
    path, made = checkpoint(model), environment()
    return {
        "format": 1,
        "command": command,
        "revision": made["git"],
        "version": made["mindaam"],
        "model": model,
        "preset": preset,
        "sha256": None if path is None else file_sha256(path),
        "device": device,
        "hardware": hardware(),
        "mindspore": made["mindspore"],
        "seed": 0,
        "seconds": seconds,
    }


def hardware():
    """The processor and the cores of it that this process may use, as in "Intel(R) Xeon(R) Processor, 2 cores"."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores} cores"


def counted(model, clips=()):
    """{part: {"parameters", "trained", "flops": {"image" or "clip of T": FLOP}}} of an AAM, with all of PARTS."""
    parts = {part: {"parameters": 0, "trained": 0, "flops": {}} for part in PARTS}
    for name, each in stored_parameters(model):
        own, *rest = name.split(".")
        part = parts["adapters" if rest[-1] in ADAPTERS else rest[0] if own == "head" else own]
        part["parameters"] += each.size
        part["trained"] += each.size * each.requires_grad
    for what, frames in {"image": None, **{f"clip of {frames}": frames for frames in clips}}.items():
        for part, flop in forward_flops(model, frames, audio=False).items():
            parts[part]["flops"][what] = flop
    return parts


def measured(head, wanted, folder=None, progress=lambda line: None):
    """[Timing] of each wanted (clip, count), in that order; those in `folder` are taken from there.

    head: `described`, with the counted parts. Each new one is stored before the next begins. Raises InputError for a
    folder of another study, ConfigError for a measurement whose process fails.
    """
    kept = {} if folder is None else {(each.clip, each.count): each for each in stored(folder, head)}
    for clip, count in wanted:
        if (clip, count) not in kept:
            progress(f"measuring a {_what(clip, count)}")
            kept[clip, count] = in_process(head, clip, count)
        if folder is not None:
            timings = [each._asdict() for each in kept.values()]
            write_text(Path(folder, STORED), json.dumps({**head, "timings": timings}, indent=1) + "\n")
    return [kept[each] for each in wanted]


def stored(folder, head):
    """The Timings in a folder, none without a file; InputError for damage, and for those of another study."""
    path = Path(folder, STORED)
    if not path.exists():
        return []
    try:
        found = json.loads(read_small(path, LARGEST))
        timings, other = [Timing(**each) for each in found["timings"]], [key for key in SAME if found[key] != head[key]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); choose another folder") from error
    if other:
        raise InputError(f"{path} was measured with another {other[0]}; choose another folder")
    return timings


def in_process(head, clip, count):
    """The Timing of one measurement, from a process of its own; ConfigError where that fails."""
    job = {key: head[key] for key in ("model", "preset", "device", "seconds")} | {"clip": clip, "count": count}
    command = [sys.executable, "-m", "mindaam.evaluation.studies.cost_process", json.dumps(job)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env={**os.environ, "MS_COMPILER_CACHE_ENABLE": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["no message"]
        if done.returncode == -signal.SIGKILL:
            why = ["it was killed, as for lack of memory: measure less at once"]
        raise ConfigError(
            f"the process that measured a {_what(clip, count)} ended with code {done.returncode}: {why[0]}"
        )
    return Timing(clip=clip, count=count, **json.loads(done.stdout.splitlines()[-1]))


def _what(clip, count):
    return f"{'clip' if clip else 'batch'} of {count}"


def tables(head, timings):
    """The Tables of a study: parts, measurements, and Table 4 of the paper with this model."""
    return [_parts(head), _timings(head, timings), efficiency([_row(head, timings)] if timings else None)]


def _parts(head):
    parts = head["parts"]
    sums = list(next(iter(parts.values()))["flops"])
    rows = [
        [part, f"{of['parameters']:,}", f"{of['trained']:,}", *(f"{of['flops'][each] / 1e9:,.2f}" for each in sums)]
        for part, of in parts.items()
    ]
    total, trained = _sum(parts, "parameters"), _sum(parts, "trained")
    flops = [sum(of["flops"][each] for of in parts.values()) for each in sums]
    rows.append(["all", f"{total:,}", f"{trained:,}", *(f"{each / 1e9:,.2f}" for each in flops)])
    notes = [
        "a multiply-add counts as two FLOP; those of matrix products and convolutions are counted, in one forward pass "
        "without audio",
        "the frozen encoders of prompts and audio are not part of the model",
    ]
    columns = ["part", "parameters", "trained", *(f"GFLOP, {each}" for each in sums)]
    return Table(f"{head['model']}: parameters and arithmetic", columns, rows, notes)


def _sum(parts, key):
    return sum(of[key] for of in parts.values())


def _timings(head, timings):
    rows = [
        [
            _what(each.clip, each.count),
            f"{each.count / each.median:.2f} {'frames/s' if each.clip else 'images/s'}",
            f"{each.count / each.least:.2f}",
            each.calls,
            "-" if each.peak_mb is None else f"{each.peak_mb:,.0f}",
            f"{each.compiling:.1f}",
            f"{each.load:.1f}",
        ]
        for each in timings
    ]
    columns = ["input", "pace, median call", "quickest call", "calls", "peak memory, MB", "compiling, s", "load"]
    notes = [
        f"{head['device']}: {head['hardware']}; mindspore {head['mindspore']}; preset {head['preset'] or 'its own'}",
        "each row is measured in a process of its own, which compiles without stored graphs; its memory is the most "
        "that it held on the host",
        "a call takes normalized images of the model's size under one prompt; files are neither read nor written",
        f"mindaam {head['version']}, {head['revision'] or 'an installed package'}: {head['command']}",
    ]
    return Table(f"{head['model']}: measured", columns, rows, notes)


def _row(head, timings):
    """(method, FPS, parameters) of Table 4: the best pace, of clips where there are any, and what is trained."""
    best = max(timings, key=lambda each: (each.clip, each.count / each.median))
    trained, total = _sum(head["parts"], "trained") / 1e6, _sum(head["parts"], "parameters") / 1e6
    what = f"{_what(best.clip, best.count)}, {head['device']}: {head['hardware']}"
    return head["model"], what, f"{best.count / best.median:.2f} img/s", f"{trained:.1f} M of {total:.1f} M"
