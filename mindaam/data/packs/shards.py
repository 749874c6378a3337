"""Packs: the pictures, densities and fixations of a split at one size, in a few large files that are read by index.

A pack is a folder of three kinds of files:
`shard-00000.zip`, ...: ZIP archives of stored (uncompressed) members, which any unzip opens. Record 7 is
    `00000007.jpg`, the picture, `00000007.png`, its density, and `00000007.xy`, its fixations in pixels of that
    picture, as `shard_codec` says. `sound-00002.flac` is the audio of video 2: mono, 16 bits.
`index.npz`: whose each record is, and in which bytes of which shard its three parts lie, each with its CRC-32.
`pack.json`: what was packed, and the size and SHA-256 of the other files. It is written last: without it, no pack.

Reading needs neither MindSpore nor the archives' own directories: worker processes stay small, and every part is one
`pread` and one CRC. `benchmarks/data.py --formats` compares this with MindRecord, LMDB and plain ZIP.
"""

import os
import zlib
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from mindaam.data.listed import CONTROL, read_object, shown
from mindaam.data.media import MAX_PIXELS
from mindaam.data.packs.pack_audio import flac_samples, raw_samples
from mindaam.data.packs.pack_index import DENSITY, FIXATIONS, IMAGE, read_index
from mindaam.data.packs.shard_codec import Undecodable, decode_density, decode_fixations, decode_image
from mindaam.errors import ConfigError, InputError
from mindaam.files import file_sha256
from mindaam.schema import Schema, validate

VERSION = 2
READ = (1, 2)  # versions; in the first one audio was WAV
OPEN_SHARDS = 32  # files that a Pack holds open; to open one again takes some microseconds
FULL_SCALE = 32768.0  # of 16-bit sound


class Header(Schema):
    """What a pack holds. dataset, layout, split: where it comes from; size: (height, width) of its pictures and
    densities; resize: how pictures were brought to it, as `transforms.as_seen` names it; source: what densities are
    made of, with the blur's sigma in degrees of visual angle (None of published maps); ground_truth: that in words;
    quality: of the JPEGs, 1..100. rates: frames a second of films with sound, as their files say, by name; packs of
    earlier versions have none. sentences, held_out: a data set's own, as `sentences.Sentences` has them.
    """

    dataset: str
    layout: str
    split: str
    size: tuple[Annotated[int, Field(ge=1, le=MAX_PIXELS)], Annotated[int, Field(ge=1, le=MAX_PIXELS)]]
    source: Literal["fixations", "maps"]
    sigma_degrees: float | None = Field(default=None, gt=0, le=10)
    ground_truth: str = ""
    resize: str = "area"
    quality: int = Field(default=92, ge=1, le=100)
    rates: dict[str, Annotated[float, Field(gt=0, lt=1e6)]] = {}
    sentences: dict[str, list[str]] = {}
    held_out: dict[str, str] = {}

    @field_validator("size")
    @classmethod
    def _fits_memory(cls, size):
        if size[0] * size[1] > MAX_PIXELS:
            raise ValueError(f"no picture has more than {MAX_PIXELS // 1_000_000} million pixels")
        return size

    @field_validator("dataset", "layout", "split")
    @classmethod
    def _can_be_shown(cls, name):
        if CONTROL.search(name):
            raise ValueError("a name has no control characters")
        return name


class File(Schema):
    """A file of a pack: its length, its SHA-256 in hexadecimal, and how many records it holds or lists."""

    bytes: int
    sha256: str
    records: int


class Contents(Schema):
    """pack.json."""

    version: int
    header: Header
    index: File
    shards: list[File]


class Entry(NamedTuple):
    """Whose a record is: the picture's or film's name, the condition; of a film the frame's number and second."""

    name: str
    condition: str
    frame: int | None
    time: float | None


class Pack:
    """The records of a pack, by index. It can be handed to other processes, and used by several threads at once.

    header: Header; names: of pictures and films; conditions; entries: list of (name, condition), one a record; name and
    split: those of the header. Only the index is held in memory, about 100 bytes a record.
    """

    def __init__(self, folder):
        """Reads the index and compares the shards' sizes; InputError for a folder that is no pack, was packed by
        another version, or lacks some of its bytes. `verify` compares the bytes themselves."""
        self.folder = Path(folder)
        self.contents = _contents(self.folder / "pack.json")
        self.header = self.contents.header
        self.name, self.split = self.header.dataset, self.header.split
        for name, file in self._files().items():
            _require_length(self.folder / name, file)
        self._index = read_index(self.folder / "index.npz", self.contents)
        self.names, self.conditions = self._index["names"].tolist(), self._index["conditions"].tolist()
        self._sounds = {self.names[film]: number for number, film in enumerate(self._index["sound_film"])}
        folder = self.folder  # without `self`, the files are closed as soon as nobody holds the Pack
        self._shard = lru_cache(OPEN_SHARDS)(lambda number: _Shard(folder / shard_name(number)))

    def __reduce__(self):
        # another process opens the files anew
        return Pack, (self.folder,)

    def __len__(self):
        """Number of records."""
        return len(self._index["places"])

    @cached_property
    def entries(self):
        """[(name, condition)] of all records."""
        names, conditions = self._index["name"].tolist(), self._index["condition"].tolist()
        return [(self.names[n], self.conditions[c]) for n, c in zip(names, conditions, strict=True)]

    def entry(self, index):
        """The Entry of a record."""
        name, condition, frame, time = (self._index[key][index] for key in ("name", "condition", "frame", "time"))
        shown = (None, None) if frame < 0 else (int(frame), float(time))
        return Entry(self.names[name], self.conditions[condition], *shown)

    def frames(self, name, condition=None):
        """The indices of a film's records by their frames' numbers, int64 [T]; of one condition, or of all."""
        index = self._index
        chosen = index["name"] == self.names.index(name)
        if condition is not None:
            chosen &= index["condition"] == self.conditions.index(condition)
        found = np.flatnonzero(chosen)
        return found[np.argsort(index["frame"][found], kind="stable")]

    def size(self, index):
        """(height, width) of a record's picture, the same for all."""
        return self.header.size

    def encoded(self, index):
        """The parts of a record as `shard_codec.encode_record` made them: (JPEG, PNG, pairs or None).

        This and all that follow raise InputError where the shard is damaged.
        """
        return tuple(self._part(index, part) for part in (IMAGE, DENSITY, FIXATIONS))

    def image_bytes(self, index):
        """The picture as JPEG."""
        return self._part(index, IMAGE)

    def image(self, index):
        """The picture, uint8 RGB [H,W,3]."""
        return self._decoded(index, IMAGE, decode_image, self.header.size)

    def density(self, index, size=None):
        """Where people looked, float32 [H,W] that sums to 1; size: (height, width), None for the pack's."""
        return self._decoded(index, DENSITY, decode_density, tuple(size or self.header.size))

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the packed picture, or None where only maps were published."""
        data = self._part(index, FIXATIONS)
        return None if data is None else decode_fixations(data)

    def sound_rate(self, name):
        """Samples a second of a film's sound, or None for a film without."""
        return int(self._index["sound_rate"][self._sounds[name]]) if name in self._sounds else None

    def sound_length(self, name):
        """Samples of a film's sound. InputError for a film without."""
        number = self._sound(name)
        if self.contents.version == 1:
            return int(self._index["sounds"][number]["length"]) // 2
        return int(self._index["sound_samples"][number])

    def sound(self, name, first, count):
        """Samples first..first + count - 1 of a film's sound, float32 [count] in -1..1; silence before and after it.

        Of a film's second t it is sample t * sound_rate(name). InputError for a film without sound.
        """
        place, raw = self._index["sounds"][self._sound(name)], self.contents.version == 1
        out, begin, end = np.zeros(count, np.float32), max(first, 0), min(first + count, self.sound_length(name))
        if begin < end:
            read = partial(self._read, place)
            levels = (raw_samples if raw else flac_samples)(read, int(place["length"]), begin, end - begin)
            if levels is None:
                raise self._damaged(place)
            out[begin - first : end - first] = levels / np.float32(FULL_SCALE)
        return out

    def verify(self):
        """Compares every file with its SHA-256; InputError that names those that differ."""
        damaged = []
        for name, file in self._files().items():
            try:
                whole = file_sha256(self.folder / name) == file.sha256
            except InputError:  # it cannot be read
                whole = False
            damaged += [] if whole else [name]
        if damaged:
            raise InputError(
                f"{self.folder}: {len(damaged)} of {len(self._files())} files are damaged ({', '.join(damaged)}); copy "
                "them again, or pack the data set again"
            )

    def _files(self):
        shards = {shard_name(number): file for number, file in enumerate(self.contents.shards)}
        return {"index.npz": self.contents.index, **shards}

    def _sound(self, name):
        """The number of a film's sound; InputError for a film without."""
        if name not in self._sounds:
            raise InputError(f"{self.folder} has no sound of {name}; pack the films again with their sound")
        return self._sounds[name]

    def _part(self, index, part):
        """The bytes of a part, or None where the record lacks it."""
        place = self._index["places"][index, part]
        if place["length"] < 0:
            return None
        data = self._read(place, 0, int(place["length"]))
        if zlib.crc32(data) != place["crc"]:
            raise self._damaged(place)
        return data

    def _decoded(self, index, part, decode, size):
        """What `decode` makes of a part at a size; what is none is damage of the shard."""
        try:
            return decode(self._part(index, part), size)
        except Undecodable:
            raise self._damaged(self._index["places"][index, part]) from None

    def _read(self, place, first, count):
        try:
            shard = self._shard(int(place["shard"]))  # held, or another thread could have it closed meanwhile
            data = os.pread(shard.number, count, int(place["offset"]) + first)
        except OSError as error:
            raise self._damaged(place, f" ({error.strerror})") from error
        if len(data) != count:
            raise self._damaged(place)
        return data

    def _damaged(self, place, reason=""):
        path = self.folder / shard_name(place["shard"])
        return InputError(f"{path} is damaged or truncated{reason}; copy it again, or pack the data set again")


class _Shard:
    """A shard that stays open as long as somebody holds this; number: its file descriptor."""

    def __init__(self, path):
        self.number = -1
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self):
        if self.number >= 0:
            os.close(self.number)


def shard_name(number):
    """The file name of a shard, counted from 0."""
    return f"shard-{number:05}.zip"


def _contents(path):
    """pack.json as Contents; InputError when there is none of this version."""
    try:
        data = read_object(path)
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} is no pack: it has no pack.json; check the path, and pack again if packing was interrupted"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); copy it again, or pack the data set again") from error
    version = data.get("version")
    if version not in READ:
        raise InputError(
            f"{path} has version {shown(version)} and this MindAAM reads {READ[0]} to {READ[-1]}; pack the data set "
            "again"
        )
    try:
        return validate(Contents, data, path)
    except ConfigError as error:
        raise InputError(f"{CONTROL.sub('?', str(error))}; copy it again, or pack the data set again") from error


def _require_length(path, file):
    """InputError unless there is a file of as many bytes."""
    found = os.path.getsize(path) if os.path.isfile(path) else None
    if found != file.bytes:
        what = "is missing" if found is None else f"has {found} bytes and not {file.bytes}"
        raise InputError(f"{path} {what}; copy it again, or pack the data set again")
