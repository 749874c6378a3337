"""What a run left in its folder, in either layout, as plain values that can be compared.

Both layouts are read here, and by nothing of the package: one of checkpoints/step-00000004.safetensors beside `latest`,
metrics.csv and epochs.csv; and that of three trainers before, last.safetensors and steps.csv.
"""

import csv
import hashlib
import json
import re
from typing import NamedTuple

MOMENT = re.compile(r"(?:optimizer\.)?(?:\w+\.)?(first|second)_moment\.(.+)")
NUMBERED = re.compile(r"step-(\d+)\.safetensors")
TIMING = {"seconds", "waiting", "computing", "memory_mb"}  # columns that no two runs share
LOSSES = "metrics"  # the table of steps, whatever its file is called


class Tensors(NamedTuple):
    """A safetensors file: {name: SHA-256 of type, shape and bytes}, and its metadata."""

    hashes: dict
    metadata: dict


class Result(NamedTuple):
    """tables: {table: {step: {column: text}}}; weights, moments: {step: {name: hash}}; models: {file: Tensors}; scores:
    {file: {path within the JSON: value}}."""

    tables: dict
    weights: dict
    moments: dict
    models: dict
    scores: dict


def read(run, *folders):
    """The Result of the folders of a Run, of which the first is the finished one."""
    done, weights, moments = folders[0], {}, {}
    for folder in reversed(folders):
        for step, path in checkpoints(folder).items():
            hashes = tensors(path).hashes
            weights[step] = {name: each for name, each in hashes.items() if not moment(name)}
            # a phase's optimizer, phase_1 say, holds a parameter that those of earlier phases may hold as well
            moments[step] = {moment(name): hashes[name] for name in sorted(hashes) if moment(name)}
    return Result(
        {LOSSES if path.stem == "steps" else path.stem: table(path) for path in sorted(done.glob("*.csv"))},
        weights,
        {step: hashes for step, hashes in moments.items() if hashes},
        {name: tensors(done / name) for name in run.models if (done / name).exists()},
        {name: flat(json.loads((done / name).read_text())) for name in run.scores if (done / name).exists()},
    )


def checkpoints(folder):
    """{step: Path} of a run's checkpoints."""
    last = folder / "last.safetensors"
    found = {last_step(last): last} if last.exists() else {}
    for path in (folder / "checkpoints").glob("step-*.safetensors"):
        found[int(NUMBERED.fullmatch(path.name)[1])] = path
    return found


def last_step(path):
    """The step of a checkpoint whose name does not have it."""
    with open(path, "rb") as file:
        place = json.loads(_header(file)["__metadata__"]["place"])
    return place.get("total_step", place["step"])


def moment(name):
    """'first_moment.PARAMETER', or second, of a tensor's name in either layout; None for the name of no moment."""
    found = MOMENT.fullmatch(name)
    return found and f"{found[1]}_moment.{found[2]}"


def tensors(path):
    """The Tensors of a file."""
    with open(path, "rb") as file:
        header = _header(file)
        data = memoryview(file.read())
    metadata, hashes = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        kind = f"{entry['dtype']} {entry['shape']} ".encode()
        hashes[name] = hashlib.sha256(kind + data[first:end]).hexdigest()
    return Tensors(hashes, metadata)


def _header(file):
    return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def table(path):
    """{step: {column: text}} of a log, without the columns of time and memory."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["step"]): {key: text for key, text in row.items() if key not in TIMING} for row in rows}


def durations(folder):
    """{step: seconds as text} of a run's log."""
    path = next(folder / name for name in ("metrics.csv", "steps.csv") if (folder / name).exists())
    with open(path, newline="") as file:
        return {int(row["step"]): row["seconds"] for row in csv.DictReader(file)}


def flat(value, path=""):
    """{path: value} of all that is nested in JSON."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, each in items for name, leaf in flat(each, f"{path}/{key}").items()}
    return {path: value}
