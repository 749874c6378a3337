"""The index of weights: one frozen record per file, verified before any use.

Bundled files are in `model_zoo/`, fetched and converted ones in the user's own folder (`fetching.cache`), under the
same names. A file without a hash in the index is used only after the user has pinned a trusted hash.

`python -m mindaam.zoo.index --update` writes the present files' sizes and hashes into the index, for example after the
bundled model is trained again. `python -m mindaam.zoo.index` only checks them.
"""

import os
import re
import sys
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mindaam import yaml_files
from mindaam.errors import CheckpointError, ConfigError, MindAAMError, unknown
from mindaam.file_kinds import START, TEXT, stand_in
from mindaam.files import start_of, write_text
from mindaam.places import model_zoo_dir
from mindaam.schema import Schema, mapping, read_yaml, validate
from mindaam.streams import plain, print_message
from mindaam.zoo.checkpoints import sha256_of
from mindaam.zoo.fetching.cache import cache_dir, is_sha256, pin, pins


def _shown_as_it_is(text):
    if plain(text) != text:
        raise ValueError("has a line break, or another character that a terminal interprets")
    return text


_PART = "[A-Za-z0-9][A-Za-z0-9_.-]*"
Key = Annotated[str, Field(pattern=f"^{_PART}$", max_length=100)]
Name = Annotated[str, Field(pattern=f"^{_PART}(/{_PART})*$", max_length=200)]  # always in its folder
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Field(strict=True, gt=0, le=10**13)]
Address = Annotated[str, Field(pattern="^https://[A-Za-z0-9.-]+(:[1-9][0-9]{0,4})?/[!-~]*$", max_length=2000)]
Text = Annotated[str, AfterValidator(_shown_as_it_is), Field(max_length=2000)]
Conditions = dict[Key, list[Key]]  # by dataset
Figure = Annotated[float, Field(allow_inf_nan=False)]

_RESTORE = 'restore it with "git checkout -- model_zoo" in a clone, or install the package again'


class Original(Schema):
    """The publisher's own file, from which `mindaam convert --kind KIND` makes the zoo's.

    file: its path in the user's folder, under the publisher's name where that is known. sha256, bytes: those published.
    url: its address, null where no public one is known.
    """

    file: Name
    kind: Literal["aam", "dinov2", "dinov3", "sam2", "clip", "wav2clip"]
    sha256: Hash | None
    bytes: Size | None
    url: Address | None


class Figures(Schema):
    """Published measurements {dataset: {metric: value}}, and their source."""

    source: Text
    values: dict[Text, dict[Text, Figure]]


class Record(Schema):
    """One file of the zoo: its path, the hash and size of its content, its license, and its source.

    sha256 and bytes are null for an announced file that is not bundled. page: the publisher's page about it. accept:
    a license that must be accepted first. obtain: how to get a file without an address. url: the address of the file.
    config: below `configs/`. trained: the conditions of its training by dataset; null: unknown. weakly_trained: those
    whose gaze was not recorded but derived, for example from boxes of objects.
    """

    file: Name
    kind: Literal["encoder", "tokenizer", "model"]
    sha256: Hash | None
    bytes: Size | None
    licence: Text
    source: Text
    page: Address | None = None
    accept: Text | None = None
    obtain: Text | None = None
    url: Address | None = None
    original: Original | None = None
    config: Name | None = None
    figures: Figures | None = None
    trained: Conditions | None = None
    weakly_trained: Conditions | None = None


class Index(Schema):
    """All records by name."""

    files: dict[Key, Record]


def index_path():
    """The path of `index.yaml`."""
    return model_zoo_dir() / "index.yaml"


def announced():
    """All records {name: Record} as the index has them. Raises ConfigError when it is missing or malformed."""
    path = index_path()
    try:
        found = path.stat()
    except OSError:
        return _read(path)
    return dict(_read_once(path, found.st_ino, found.st_mtime_ns, found.st_size))


def records():
    """All records {name: Record}, with the user's own pins where the index has no hash.

    Raises ConfigError when the index is missing or malformed, CheckpointError when the pins are.
    """
    own = pins()
    return {name: _pinned(entry, own) for name, entry in announced().items()}


def record(name):
    """The Record of that name, as in `records()`. Raises ConfigError for an unknown one, naming the nearest."""
    known = records()
    if name not in known:
        raise unknown("file of the model zoo", name, known)
    return known[name]


def path_of(entry):
    """The path of the file of a Record or an Original; the file need not exist."""
    bundled, own = model_zoo_dir() / entry.file, cache_dir() / entry.file
    for path in (bundled, own):
        if os.path.isfile(path):  # Path.is_file would raise where a folder cannot be read
            return path
    return own if isinstance(entry, Original) or entry.original or entry.url else bundled


def verified(name):
    """Path of the file of that name, after its size and SHA-256 have been checked.

    Raises ConfigError for an unknown name; CheckpointError for a file that is announced only, missing, changed, or
    without a trusted hash.
    """
    entry = record(name)
    path = path_of(entry)
    if os.path.isfile(path) and entry.sha256:
        return check(path, entry, cure(name, entry, path))
    if os.path.isfile(path):
        raise CheckpointError(
            f"{path} exists but has no trusted hash yet: compare its SHA-256 and pin it with "
            f'"mindaam zoo verify {name} --sha256 HASH", or accept it with "mindaam zoo verify {name} --accept"'
        )
    if entry.original or entry.url:
        raise CheckpointError(f'the weights of "{name}" are not installed; run "mindaam zoo fetch {name}"')
    if entry.sha256 is None:
        raise CheckpointError(f'the model zoo has no weights for "{name}" yet; train them, or give a checkpoint')
    raise CheckpointError(f"the weights file {path} is missing; {_RESTORE}")


def verified_if_here(name):
    """Verified paths of the existing files of the record `name`, its original included.

    Raises CheckpointError for a file that is changed, or without a trusted hash.
    """
    entry = record(name)
    original = entry.original
    travels = entry.sha256 and not entry.original and not entry.url  # its absence is damage
    found = [verified(name)] if travels or os.path.isfile(path_of(entry)) else []
    if original and os.path.isfile(path_of(original)) and original.sha256:
        found.append(check(path_of(original), original, cure(name, original, path_of(original))))
    return found


def check(path, entry, remedy):
    """`path`, whose size and SHA-256 are those of `entry`; otherwise CheckpointError, which ends in `remedy`."""
    size = path.stat().st_size
    if entry.bytes is not None and size != entry.bytes:
        refuse_stand_in(path)
        raise CheckpointError(f"{path} has {size} bytes instead of {entry.bytes}; {remedy}")
    got = sha256_of(path)
    if got != entry.sha256:
        refuse_stand_in(path)
        raise CheckpointError(f"{path} was changed or damaged: its SHA-256 is {got}, expected {entry.sha256}; {remedy}")
    return path


def refuse_stand_in(path):
    """Raises CheckpointError where a file of the zoo is a Git LFS pointer, a web page or similar."""
    named = stand_in(start_of(path, START))
    # a plain text may be the file itself, damaged: a tokenizer is a text
    if named and named != TEXT and not (path.suffix == ".json" and named.what.startswith("a JSON")):
        raise CheckpointError(f"{path} is {named}")


def cure(name, entry, path):
    """The remedy for a damaged file of the record `name`, for the end of a message."""
    known = announced()[name]
    by_user = (known.original if isinstance(entry, Original) else known).sha256 is None
    if by_user:
        return f'restore it, or, if the change is your own, accept it with "mindaam zoo verify {name} --accept"'
    return _RESTORE if path.is_relative_to(model_zoo_dir()) else f'delete it and run "mindaam zoo fetch {name}"'


def trust(name, sha256=None):
    """Pins the existing files of the record `name` that have no hash in the index; returns {path: SHA-256}.

    sha256: pins only the one that has this hash; None accepts them as they are.
    Raises ConfigError for an unknown name and a malformed hash; CheckpointError when none exists, none has that
    hash, or one differs from the index.
    """
    wanted, known = sha256 and hash_of(sha256), announced()
    if name not in known:
        raise unknown("file of the model zoo", name, known)
    there = [(entry, path_of(entry)) for entry in (known[name], known[name].original) if entry]
    there = [(entry, path, sha256_of(path)) for entry, path in there if os.path.isfile(path)]
    if not there:
        raise CheckpointError(f"{path_of(known[name])} does not exist; put the file there first")
    if wanted and wanted not in [got for _, _, got in there]:
        found = ", ".join(f"{path} has {got}" for _, path, got in there)
        raise CheckpointError(f"no file of {name} has the SHA-256 {wanted}: {found}; download it again")
    chosen = [(entry, path, got) for entry, path, got in there if wanted in (None, got)]
    for entry, path, got in chosen:
        if entry.sha256 is None:
            refuse_stand_in(path)
            pin(entry.file, got, path.stat().st_size)
        else:
            check(path, entry, cure(name, entry, path))
    return {path: got for _, path, got in chosen}


def hash_of(text):
    """A SHA-256 as given by a user, in lower case. Raises ConfigError for anything else."""
    found = text.strip().lower().removeprefix("sha256:")
    if not is_sha256(found):
        raise ConfigError(f'"{text}" is not a SHA-256; give its 64 hexadecimal digits')
    return found


def update():
    """Writes sizes and hashes of the files in `model_zoo/` into the index; returns the new or changed names.

    All else in the index stays as it is, comments too. Raises CheckpointError, and writes nothing, when a file that
    had a hash no longer exists; ConfigError when a record does not have `sha256` and `bytes` on lines of their own.
    """
    path, before, after = index_path(), announced(), {}
    text = path.read_text(encoding="utf-8")
    for name, entry in before.items():
        file = model_zoo_dir() / entry.file
        if os.path.isfile(file):
            entry = entry.model_copy(update={"sha256": sha256_of(file), "bytes": file.stat().st_size})
        elif entry.sha256 and not entry.url:
            raise CheckpointError(f"{file} no longer exists; restore it, or remove {name} from {path}")
        after[name] = entry
        if entry != before[name]:
            text = _rewritten(text, name, {"sha256": entry.sha256, "bytes": entry.bytes})
    if validate(Index, mapping(yaml_files.parse(text, str(path)), path), str(path)).files != after:
        raise ConfigError(f"{path}: give each record lines of its own for sha256 and bytes")
    write_text(path, text)
    return [name for name in after if after[name] != before[name]]


def _read(path):
    return validate(Index, read_yaml(path), str(path)).files


@lru_cache(maxsize=1)
def _read_once(path, node, changed, size):
    """The records; cached, since reading takes some 15 ms and one model needs them several times."""
    return _read(path)


def _pinned(entry, own):
    """A Record with the user's hash, for itself and for its original, wherever the index has none."""
    parts = {"original": _pinned(entry.original, own)} if getattr(entry, "original", None) else {}
    if entry.sha256 is None and entry.file in own:
        parts |= own[entry.file]
    return entry.model_copy(update=parts) if parts else entry


def _rewritten(text, name, values):
    """The index's text with other values in the record `name`, which is found by its indentation."""
    block = re.compile(rf"^  {re.escape(name)}:\n(?:    .*\n|\n)+", re.MULTILINE)

    def change(found):
        lines = found.group()
        for key, value in values.items():
            lines = re.sub(rf"^    {key}:.*$", f"    {key}: {value}", lines, count=1, flags=re.MULTILINE)
        return lines

    return block.sub(change, text if text.endswith("\n") else text + "\n", count=1)


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
        print_message(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
