"""index.npz of a pack: whose each record is, and in which bytes of which shard its parts lie. It is
untrusted: nothing in it is used before it is compared with the other files."""

import math
import zipfile
import zlib

import numpy as np

from mindaam.data.listed import CONTROL, shown
from mindaam.errors import InputError
from mindaam.files import file_sha256

IMAGE, DENSITY, FIXATIONS = range(3)  # the parts of a record, in the order in which the index has them
# Where a part lies; the length is -1 where there is none.
PLACE = np.dtype([("shard", "<i4"), ("offset", "<i8"), ("length", "<i8"), ("crc", "<u4")])
PAIR = 8  # bytes of a fixation
MAX_RATE = 768_000  # samples a second, which is the most that recorders have
MAX_SECOND = 1e9  # of a video's frame
# What zipfile and NumPy raise for archives and headers that are damaged or hostile.
_DAMAGE = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, RecursionError, NotImplementedError)
_DAMAGE += (zipfile.BadZipFile, zlib.error)


def read_index(path, contents):
    """{name: array} of index.npz; contents: `shards.Contents`.

    Raises InputError when it is damaged, or says what cannot be: numbers of names, conditions, videos or shards that
    there are not, bytes beyond a shard's end.
    """
    if file_sha256(path) != contents.index.sha256:
        raise InputError(f"{path} is damaged; copy it again, or pack the dataset again")
    try:
        _require_plain(path)
        with np.load(path, allow_pickle=False) as arrays:
            index = {name: arrays[name] for name in arrays}
    except _DAMAGE as error:
        raise InputError(f"{path} cannot be read ({error}); pack the dataset again") from error
    wrong = _wrong(index, contents)
    if wrong:
        raise InputError(f"{path} is damaged ({wrong}); copy it again, or pack the dataset again")
    return index


def _require_plain(path):
    """ValueError unless each array is stored as it is, and has as many bytes as its header says: so none of them takes
    more memory than the file has bytes."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            with archive.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read(stream)
                plain = info.compress_type == zipfile.ZIP_STORED and not kind.hasobject
                if not plain or math.prod(shape) * kind.itemsize != info.file_size - stream.tell():
                    raise ValueError(f"{shown(info.filename)} is not stored as a plain array of its size")


def _wrong(index, contents):
    """What an index says that cannot be, or None."""
    columns = {
        **dict.fromkeys(("names", "conditions"), (1, "U")),
        **dict.fromkeys(("name", "condition", "frame", "sound_film", "sound_rate"), (1, "i")),
        "time": (1, "f"),
        "places": (2, "V"),
        "sounds": (1, "V"),
        **({} if contents.version == 1 else {"sound_samples": (1, "i")}),
    }
    for column, (axes, kind) in columns.items():
        if column not in index:
            return f"there is no {column}"
        if index[column].ndim != axes or index[column].dtype.kind != kind:
            return f"{column} is no list of the right kind"
    return _wrong_records(index, contents) or _wrong_sounds(index, contents)


def _wrong_records(index, contents):
    places, names, conditions = index["places"], index["names"], index["conditions"]
    count = len(places)
    if places.dtype != PLACE or places.shape[1] != 3 or not count:
        return "the places of records are none"
    if any(len(index[column]) != count for column in ("name", "condition", "frame", "time")):
        return "its lists differ in length"
    if _beyond(index["name"], len(names)) or _beyond(index["condition"], len(conditions)):
        return "a record is of a name or condition that is not listed"
    for text in (*names.tolist(), *conditions.tolist()):
        if CONTROL.search(text):
            return f'the name "{shown(text)}" has control characters in it'
    framed = index["frame"] >= 0
    if framed.any() and not (framed.all() and (np.abs(index["time"]) < MAX_SECOND).all()):
        return "a frame of a video lacks its number or its time"
    if (places["length"][:, [IMAGE, DENSITY]] < 1).any():
        return "a record lacks its image or its density"
    if (places["length"][:, FIXATIONS] % PAIR)[places["length"][:, FIXATIONS] >= 0].any():
        return "the fixations of a record are cut"
    return _astray(places, contents)


def _wrong_sounds(index, contents):
    films, rates, sounds = index["sound_film"], index["sound_rate"], index["sounds"]
    samples = index.get("sound_samples", np.zeros(len(sounds), np.int64))
    if sounds.dtype != PLACE or not len(films) == len(rates) == len(sounds) == len(samples):
        return "the places of audio are none"
    if _beyond(films, len(index["names"])):
        return "audio is of a video that is not listed"
    if ((rates < 1) | (rates > MAX_RATE)).any() or (samples < 0).any():
        return "the rate or the length of audio cannot be"
    return _astray(sounds, contents)


def _astray(places, contents):
    """What is wrong when a part is beyond the end of its shard; parts of a negative length do not exist."""
    there = places[places["length"] >= 0]
    if _beyond(there["shard"], len(contents.shards)):
        return "a part lies in a shard that is not listed"
    room = np.array([file.bytes for file in contents.shards], np.int64)[there["shard"]]
    if (there["offset"] < 0).any() or (there["length"] > room - there["offset"]).any():
        return "a part lies beyond the end of its shard"
    return None


def _beyond(numbers, count):
    return ((numbers < 0) | (numbers >= count)).any()
