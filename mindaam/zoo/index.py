"""The index of the weights that travel with the package: one frozen record a file, verified before any use.

`python -m mindaam.zoo.index --update` writes the present files' sizes and hashes into the index: after training the
bundled model anew, say. `python -m mindaam.zoo.index` only checks them.
"""

import sys
from typing import Literal

import yaml
from pydantic import Field

from mindaam.errors import CheckpointError, MindAAMError, unknown
from mindaam.models.config import Schema, read_yaml, validate
from mindaam.places import model_zoo_dir
from mindaam.zoo.checkpoints import sha256_of


class Record(Schema):
    """One file of the zoo: its place below `model_zoo/`, its content's hash and size, and where it comes from.

    sha256 and bytes are null for a file that is announced but not there yet.
    """

    file: str
    kind: Literal["encoder", "tokenizer", "model"]
    sha256: str | None = Field(pattern="^[0-9a-f]{64}$")
    bytes: int | None = Field(gt=0)
    licence: str
    source: str


class Index(Schema):
    """All records by name."""

    files: dict[str, Record]


def index_path():
    """Where `index.yaml` lies."""
    return model_zoo_dir() / "index.yaml"


def records():
    """All records {name: Record}. Raises ConfigError when the index is missing or malformed."""
    path = index_path()
    return validate(Index, read_yaml(path), str(path)).files


def record(name):
    """The Record of that name. Raises ConfigError for an unknown one, naming the nearest."""
    known = records()
    if name not in known:
        raise unknown("file of the model zoo", name, known)
    return known[name]


def verified(name):
    """Path of the file of that name, after its size and SHA-256 have been checked.

    Raises ConfigError for an unknown name, CheckpointError for a file that is announced only, missing or changed.
    """
    entry = record(name)
    path = model_zoo_dir() / entry.file
    if entry.sha256 is None:
        raise CheckpointError(f'the model zoo has no weights for "{name}" yet; train them, or name a checkpoint')
    cure = 'restore it with "git checkout -- model_zoo" in a clone, or install the package again'
    if not path.is_file():
        raise CheckpointError(f"the weights file {path} is missing; {cure}")
    size = path.stat().st_size
    if size != entry.bytes:
        raise CheckpointError(f"{path} has {size} bytes, the index says {entry.bytes}; {cure}")
    got = sha256_of(path)
    if got != entry.sha256:
        raise CheckpointError(f"{path} was changed or damaged: its SHA-256 is {got}, expected {entry.sha256}; {cure}")
    return path


def update():
    """Writes sizes and hashes of the files that are there into the index; returns the names that were new or changed.

    The comment at the top of the index stays. Raises CheckpointError, and writes nothing, when a file that had a hash
    is gone.
    """
    path, before, after = index_path(), records(), {}
    for name, entry in before.items():
        file = model_zoo_dir() / entry.file
        if file.is_file():
            entry = entry.model_copy(update={"sha256": sha256_of(file), "bytes": file.stat().st_size})
        elif entry.sha256:
            raise CheckpointError(f"{file} is gone; restore it, or take {name} out of {path}")
        after[name] = entry
    top = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("#")]
    content = {"files": {name: entry.model_dump() for name, entry in after.items()}}
    text = "".join(top) + yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return [name for name in after if after[name] != before[name]]


def main(arguments):
    """The command line; returns the exit code."""
    if arguments not in ([], ["--update"]):
        print("usage: python -m mindaam.zoo.index [--update]", file=sys.stderr)
        return 2
    try:
        changed = update() if arguments else []
        for name, entry in records().items():
            state = "not there yet" if entry.sha256 is None else verified(name) and "verified"
            print(f"{name}: {'updated, ' if name in changed else ''}{state}")
    except MindAAMError as error:
        print(f"mindaam: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
