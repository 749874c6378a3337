"""Where a result file comes from: the prompt, the model and the input, in the file's own metadata.

It is a JSON text: the comment of a JPEG, of an mp4 and of an .npz (a zip archive), the text `mindaam` of a PNG, and a
file NAME.npy.json beside an .npy, whose format has no place for one. A result is replaced only by one of the same
origin.
"""

import hashlib
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

from mindaam.errors import OutputError
from mindaam.files import file_sha256, first_of, read_small, real, start_of

KEY = "mindaam"  # of the text in a PNG, and of the version in the JSON
MOST = 60_000  # bytes of an origin; a JPEG's comment has at most 65,533
HEAD = 1 << 17  # bytes of a JPEG or PNG before which its texts are found
SIDECAR = ".json"


class Origin(NamedTuple):
    """What a result is of. model: name. weights: SHA-256 of the model's file. source: name of the input. place: digits
    of the SHA-256 of the input's path, which distinguishes inputs of one name."""

    prompt: str
    model: str
    weights: str | None
    source: str
    place: str

    def text(self):
        """The JSON, with the version of MindAAM, at most MOST bytes in UTF-8."""
        from mindaam import __version__

        return json.dumps({KEY: __version__, **self._asdict()}, ensure_ascii=False)


def origin(source, prompt, model, weights):
    """The Origin of the results of the input at the path `source`; model, weights: as of `identity`."""
    place = hashlib.sha256(os.fsencode(real(source))).hexdigest()[:16]
    return Origin(_valid(prompt), model, weights, _valid(Path(source).name), place)


def identity(model):
    """(name, SHA-256 or None) of a model: a name of the zoo, or what `zoo.model_files.checkpoint_of` takes."""
    from mindaam.zoo.index import records
    from mindaam.zoo.model_files import checkpoint_of

    path = checkpoint_of(model)
    if path is None:
        entry = records().get(os.fspath(model))
        return os.fspath(model), entry and entry.sha256
    return _valid(Path(path).name), file_sha256(path)


def files_of(target):
    """The files that a result consists of: it, and of an .npy the one with its origin."""
    return [target, sidecar(target)] if target.suffix == ".npy" else [target]


def sidecar(target):
    """The path of the file with the origin of an .npy."""
    return target.with_name(target.name + SIDECAR)


def stored(target):
    """The Origin in a result file, None for a file without one: of another program, of an older version, or damaged."""
    try:
        content = json.loads(_READERS[target.suffix](target))
        return Origin(**{field: content[field] for field in Origin._fields}) if KEY in content else None
    except Exception:  # the file is of anybody: whatever is wrong with it, it has no origin
        return None


def require_own(origins):
    """Raises OutputError if a file exists where a result will be written and is not of the same prompt, model and
    input.

    origins: {path of a result: its Origin}.
    """
    foreign = []
    for target, new in origins.items():
        there = [path for path in files_of(target) if os.path.isfile(path)]
        old = stored(target) if there else new
        if old is None or (old.prompt, old.weights, old.place) != (new.prompt, new.weights, new.place):
            foreign.append(f"{there[0]} already exists and is {_difference(old, new)}")
    if foreign:
        raise OutputError(f"{first_of(foreign, ' such files')}; choose another output folder, or remove the file")


def _difference(old, new):
    if old is None:
        return "not a result of this version of MindAAM"
    if old.place != new.place:
        return f"the result of another {old.source}"
    if old.prompt != new.prompt:
        return f'the result of another prompt, "{old.prompt}"'
    return f"the result of another model, {old.model}"


def _valid(text):
    """The text as UTF-8 holds it, with "?" for half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _of_jpeg(path):
    content, at = start_of(path, HEAD), 2
    while content[at] == 0xFF and content[at + 1] != 0xDA:  # up to the start of the pixels
        kind, length = struct.unpack(">BH", content[at + 1 : at + 4])
        if kind == 0xFE:
            return content[at + 4 : at + 2 + length]
        at += 2 + length
    return b""


def _of_png(path):
    content, at, found = start_of(path, HEAD), 8, b""
    while content[at + 4 : at + 8] != b"IDAT":
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        text = content[at + 8 : at + 8 + length]
        if kind == b"iTXt" and text.startswith(KEY.encode() + b"\0\0\0\0\0"):  # not compressed, no language
            found = text[len(KEY) + 5 :]
        at += 12 + length
    return found


def _of_npz(path):
    with zipfile.ZipFile(path) as archive:
        return archive.comment


def _of_npy(path):
    return read_small(sidecar(path), MOST)


def _of_video(path):
    import av

    with av.open(f"file:{os.path.abspath(path)}", metadata_errors="replace") as container:
        return container.metadata["comment"][:MOST]


_READERS = {".jpg": _of_jpeg, ".png": _of_png, ".npz": _of_npz, ".npy": _of_npy, ".mp4": _of_video}
