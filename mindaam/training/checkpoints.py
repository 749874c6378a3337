"""Checkpoints of a run: the newest and the best files, a pointer to one that is whole, and the run that each is of.

A run's folder holds `checkpoints/step-00000123.safetensors` and `latest`, a text file with the name of one of them.
Both are written beside, forced to the disk and renamed, the pointer last: whenever the process is killed, `latest`
names a whole file. They are found, verified and read by `zoo.run_checkpoints`, as everything that takes a model does.
Nothing here needs MindSpore.
"""

import json
import math
import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata as packages
from pathlib import Path

import numpy as np

import mindaam
from mindaam.errors import CheckpointError, OutputError, TrainingError
from mindaam.files import listed, prepare_folder, remove_leftovers, write_text
from mindaam.zoo.checkpoints import glance, write_safetensors
from mindaam.zoo.checksums import CHECKSUM
from mindaam.zoo.run_checkpoints import FOLDER, POINTER, Found, latest, load, stored

__all__ = [
    "CHECKSUM", "FOLDER", "POINTER", "Found", "latest", "load",
    "differences", "environment", "refuse", "save",
]  # fmt: skip

SCORE = "score"  # entry of a file's metadata that is written here, beside the checksum
SHOWN, LONGEST = 5, 60  # differences that a refusal shows; characters of a value that are shown
ABSENT = "not there"
_NO_SCORE = -math.inf
_GIT_SECONDS = 5


def save(folder, step, tensors, metadata, *, keep_last=3, keep_best=1, score=None):
    """Writes a checkpoint into a run's folder, moves `latest` to it and removes older ones; returns its Path.

    step: steps done, >= 0; a file of the same step is replaced. tensors: {name: ndarray}, which nothing may change
    meanwhile; metadata: {str: str}. score: the higher the better, or None where nothing was validated. The last
    `keep_last` up to this step stay, at least this one, and so do the `keep_best` of the highest scores, of equal ones
    the newest; files of later steps, left by a run that went back, stay until it has passed them. Only one process
    may write to a folder.
    Raises TrainingError when a value is not finite, and OutputError when the place cannot be written to; `latest`
    then names a whole file as before, and no half file is left.
    """
    strange = [key for key, text in metadata.items() if not isinstance(text, str) or key in (CHECKSUM, SCORE)]
    if strange:  # safetensors would refuse to read the file again
        raise TypeError(f"a checkpoint's metadata are texts under other names than score and checksum, not {strange}")
    _require_finite(tensors, step)
    folder = prepare_folder(folder)
    remove_leftovers(prepare_folder(folder / FOLDER))
    path = folder / FOLDER / f"step-{step:08d}.safetensors"
    if score is not None and math.isfinite(score):
        metadata = {**metadata, SCORE: repr(float(score))}
    write_safetensors(path, tensors, metadata)
    _point(folder, path.name)
    _prune(stored(folder), step, keep_last, keep_best)
    return path


def differences(theirs, ours, free=()):
    """What differs between two configurations, nested plain dictionaries: a list of "key: theirs -> ours".

    Keys of sections are joined by dots; lists are compared whole; tuples and lists are the same, as are 1 and 1.0.
    Values are shown as JSON, long ones about where they part. free: keys that may differ, with all below them.
    """
    found, plain = [], [json.loads(json.dumps(each, default=str)) for each in (theirs, ours)]
    _compare(*plain, "", set(free), found)
    return found


def refuse(path, differences):
    """The CheckpointError for a checkpoint of another configuration, whose `differences` it shows."""
    return CheckpointError(
        f"{path} was made with another configuration ({listed(differences, SHOWN, '; ')}): use that one, start "
        "in another folder, or take the new one with --allow-changes"
    )


def environment():
    """What a run was made with: versions, platform, command line and the checkout's git revision; plain values.

    A value is None where it cannot be known: the revision of an installed package, or a library that is absent. A
    revision that ends in "-dirty" had changes that were not committed.
    """
    return {
        "mindaam": mindaam.__version__,
        "mindspore": _version("mindspore"),
        "numpy": _version("numpy"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git": _revision(Path(mindaam.__file__).resolve().parents[1]),
        "command": shlex.join(sys.orig_argv),
    }


# ---- writing ---------------------------------------------------------------------------------------------------------


def _require_finite(tensors, step):
    """TrainingError that names the first array with NaN or infinity: gradients can overflow under a finite loss.

    It is first by name, so that ranks and runs name the same one.
    """
    for name in sorted(tensors):
        if not np.isfinite(tensors[name]).all():
            raise TrainingError(
                f"{name} is no longer finite after step {step}; the run stopped: start again in another folder with a "
                "smaller learning rate"
            )


def _point(folder, name):
    """Moves the pointer, so that it outlasts a power cut."""
    # the unfinished pointer of a killed process lies among the checkpoints, where the next save removes it
    write_text(folder / POINTER, f"{name}\n", durable=True, aside=folder / FOLDER)


def _prune(stored, step, keep_last, keep_best):
    """Removes the files {step: Path} that are neither among the last up to `step` nor among the best.

    A damaged file counts as neither, and goes once it is older than the last ones.
    """
    scores = {each: score for each, path in stored.items() if (score := _score(path)) is not None}
    last = sorted({step, *(each for each in scores if each <= step)})[-max(keep_last, 1) :]
    scored = [each for each in scores if scores[each] > _NO_SCORE]
    best = sorted(scored, key=lambda each: (scores[each], each), reverse=True)[: max(keep_best, 0)]
    for each, path in stored.items():
        if each < last[0] and each not in best:
            _remove(path)


def _score(path):
    """The score in a file's metadata, -inf when it has none; None for a damaged file, as far as its header shows."""
    try:
        score = float(glance(path).metadata.get(SCORE, _NO_SCORE))
    except (CheckpointError, OSError, ValueError):
        return None
    return _NO_SCORE if math.isnan(score) else score


def _remove(path):
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {path} ({error.strerror}); check the permissions of its folder") from error


# ---- comparing and describing ----------------------------------------------------------------------------------------


def _compare(theirs, ours, prefix, free, found):
    for key in {**theirs, **ours}:
        name = f"{prefix}{key}"
        before, after = ([each[key]] if key in each else [] for each in (theirs, ours))
        if name in free or before == after:  # NaN, too: what JSON reads as NaN is one object
            continue
        if all(values and isinstance(values[0], dict) for values in (before, after)):
            _compare(before[0], after[0], f"{name}.", free, found)
            continue
        texts = [json.dumps(*values, ensure_ascii=False) if values else ABSENT for values in (before, after)]
        found.append(f"{name}: {' -> '.join(_shortened(texts))}")


def _shortened(texts):
    """Two texts that differ, long ones cut to about where they begin to."""
    same = len(os.path.commonprefix(texts))
    start = 0 if same < LONGEST - 10 else same - LONGEST // 2
    for text in texts:
        begin = start if len(text) > LONGEST else 0
        end = begin + LONGEST
        yield f"{'...' if begin else ''}{text[begin:end]}{'...' if len(text) > end else ''}"


def _version(package):
    try:
        return packages.version(package)
    except packages.PackageNotFoundError:
        return None


def _revision(root):
    """The revision of the git checkout right at `root`, None elsewhere; git writes nothing."""
    if not (root / ".git").exists():  # the folder that a package is installed in may lie in another project's checkout
        return None
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}  # as hooks set them
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], env={**variables, "GIT_OPTIONAL_LOCKS": "0"}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=_GIT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
