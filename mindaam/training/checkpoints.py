"""Checkpoints of a run: the newest and the best files, a pointer to one that is whole, and what each says of its run.

A run's folder holds `checkpoints/step-00000123.safetensors` and `latest`, a text file with the name of one of them.
Both are written beside, forced to the disk and renamed, the pointer last: whenever the process is killed, `latest`
names a whole file. MindSpore and safetensors load a flipped byte without a word; a checksum over all of a file's
content is kept in it for that. Nothing here needs MindSpore.
"""

import hashlib
import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from importlib import metadata as packages
from pathlib import Path
from typing import NamedTuple

import numpy as np

import mindaam
from mindaam.data.media import cannot_write, prepare_folder
from mindaam.errors import CheckpointError, OutputError, TrainingError
from mindaam.zoo.checkpoints import map_safetensors, read_metadata, read_safetensors, write_safetensors

FOLDER, POINTER = "checkpoints", "latest"
CHECKSUM, SCORE = "checksum", "score"  # entries of a file's metadata that are written here
SHOWN, LONGEST = 5, 60  # differences that a refusal shows; characters of a value that are shown
ABSENT = "not there"
_NAME = re.compile(r"step-(\d{8,})\.safetensors")
_BESIDE = re.compile(r"\.(step-\d{8,}\.safetensors|latest)\.\d+\.part")  # what a killed process leaves behind
_NO_SCORE = -math.inf
_GIT_SECONDS = 5


class Found(NamedTuple):
    """A whole checkpoint, and a line for the user where it isn't simply the one that `latest` names, "" otherwise."""

    path: Path
    note: str = ""


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
    _sweep(prepare_folder(folder / FOLDER), folder)
    path = folder / FOLDER / f"step-{step:08d}.safetensors"
    if score is not None and math.isfinite(score):
        metadata = {**metadata, SCORE: repr(float(score))}
    write_safetensors(path, tensors, {**metadata, CHECKSUM: _checksum(tensors, metadata)})
    _point(folder, path.name)
    _prune(_stored(folder), step, keep_last, keep_best)
    return path


def latest(folder):
    """The checkpoint to continue a run from, as Found; None when the folder holds none yet.

    That is the one which `latest` names. If the pointer is missing or damaged, or its file is, it is the newest whole
    one, and the note says so. Files are read and verified completely. Raises CheckpointError when none is whole.
    """
    stored, (named, fault) = _stored(folder), _pointed(folder)
    if not stored and not os.path.lexists(Path(folder) / POINTER):
        return None
    faults = [fault] if fault else []
    others = [stored[step] for step in sorted(stored, reverse=True) if stored[step] != named]
    for path in [named, *others] if named else others:
        try:
            load(path)
        except CheckpointError:
            faults.append(f"{path.name} is {'damaged or unreadable' if path.exists() else 'missing'}")
        else:
            return Found(path, f"{_listed(faults)}; going on from {path.name}" if faults else "")
    raise CheckpointError(
        f"{folder} has no whole checkpoint to continue from ({_listed(faults)}); copy one back into its "
        f"{FOLDER} folder, or start in another folder"
    )


def load(path):
    """(tensors {name: ndarray}, metadata {str: str}) of a checkpoint, every byte of both verified.

    Arrays have the types that they were saved with and are read-only. Raises CheckpointError for a missing, foreign,
    damaged or truncated file, and for one that holds a model but no run.
    """
    try:
        tensors, metadata = read_safetensors(path, widen=False), read_metadata(path)
    except OSError as error:  # a disk that fails on the way
        raise CheckpointError(f"cannot read {path} ({error.strerror}); continue from another checkpoint") from error
    expected = metadata.pop(CHECKSUM, None)
    if expected is None:
        raise CheckpointError(
            f"{path} has no checksum, so that it is damaged or not a run's checkpoint; give a file of a run's "
            f"{FOLDER} folder"
        )
    if _checksum(tensors, metadata) != expected:
        raise CheckpointError(
            f"{path} is damaged: its content does not have the checksum that it was saved with; continue from another "
            "checkpoint of the run"
        )
    return tensors, metadata


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
    more = f"; and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    return CheckpointError(
        f"{path} was made with another configuration ({'; '.join(differences[:SHOWN])}{more}): go back to that one, "
        "start in another folder, or take the new one with --allow-changes"
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
    """TrainingError that names the first array with a value that is no number: gradients overflow under finite losses.

    It is first by name, so that ranks and runs name the same one.
    """
    for name in sorted(tensors):
        if not np.isfinite(tensors[name]).all():
            raise TrainingError(
                f"{name} is no longer finite after step {step}; the run stopped: start again in another folder with a "
                "smaller learning rate"
            )


def _sweep(*folders):
    """Removes what a killed process was writing; only names that are given here."""
    for folder in folders:
        for path in folder.iterdir():
            if _BESIDE.fullmatch(path.name):
                _remove(path)


def _point(folder, name):
    """Moves the pointer, so that it outlasts a power cut."""
    pointer = folder / POINTER
    beside = folder / f".{POINTER}.{os.getpid()}.part"
    try:
        with open(beside, "wb") as file:
            file.write(f"{name}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, pointer)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise cannot_write(pointer, error) from error
    finally:
        with suppress(OSError):  # it is gone once renamed
            beside.unlink()


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
    """The score in a file's metadata, -inf when it has none; None for a damaged file, as far as the header tells."""
    try:
        map_safetensors(path)
        score = float(read_metadata(path).get(SCORE, _NO_SCORE))
    except (CheckpointError, OSError, ValueError):
        return None
    return _NO_SCORE if math.isnan(score) else score


def _remove(path):
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {path} ({error.strerror}); check the permissions of its folder") from error


def _checksum(tensors, metadata):
    """The SHA-256 of everything that a checkpoint says: metadata, and names, types, shapes and values of its arrays."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        total.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        if array.size:  # an empty array has no bytes to view
            total.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8))
    return total.hexdigest()


# ---- finding ---------------------------------------------------------------------------------------------------------


def _stored(folder):
    """{step: Path} of a run's checkpoints, whole or not."""
    folder = Path(folder) / FOLDER
    try:
        named = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir() if path.is_file()]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CheckpointError(f"cannot read the folder {folder} ({error.strerror}); check its permissions") from error
    return {int(name[1]): path for name, path in named if name}


def _pointed(folder):
    """(Path that the pointer names, None), or (None, what is wrong with the pointer)."""
    try:
        with open(Path(folder) / POINTER, "rb") as file:
            name = file.read(100).decode("ascii").strip()
    except FileNotFoundError:
        return None, f'the pointer "{POINTER}" is missing'
    except (OSError, ValueError):
        return None, f'the pointer "{POINTER}" is unreadable'
    if not _NAME.fullmatch(name):
        return None, f'the pointer "{POINTER}" is damaged'
    return Path(folder) / FOLDER / name, None


def _listed(faults):
    more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return f"{', '.join(faults[:SHOWN])}{more}"


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
    """The revision of the git checkout right at `root`, None elsewhere; git is asked to write nothing."""
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
