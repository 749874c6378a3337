"""Packs: the images, densities and fixations of a split at one size, in a few large files that are read by index.

A pack is a folder of three kinds of files:
`shard-00000.zip`, ...: ZIP archives of stored (uncompressed) members, which every unzip opens. Record 7 is
    `00000007.jpg`, the image, `00000007.png`, its density, and `00000007.xy`, its fixations in pixels of that image, in
    the encoding of `shard_codec`. `sound-00002.flac` is the audio of video 2: mono, 16 bits.
`index.npz`: name and condition of each record, and shard, offset, length and CRC-32 of its three parts.
`pack.json`: the content (`contents.Header`), and the size and SHA-256 of the other files. It is written last: a folder
    without it is not a pack. Embeddings of the audio may lie beside them (`embeddings`).

Reading uses neither MindSpore nor the directories of the archives: worker processes stay small, and every part is one
`pread` and one CRC. `benchmarks/data.py --formats` compares this with MindRecord, LMDB and plain ZIP.
"""

import os
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data.packs.contents import AGAIN, read_contents
from mindaam.data.packs.embeddings import find_embeddings
from mindaam.data.packs.pack_audio import flac_samples, raw_samples
from mindaam.data.packs.pack_index import DENSITY, FIXATIONS, IMAGE, read_index
from mindaam.data.packs.shard_codec import Undecodable, decode_density, decode_fixations, decode_image
from mindaam.data.packs.shards import Shards, shard_name
from mindaam.errors import InputError
from mindaam.files import file_sha256

FULL_SCALE = 32768.0  # of 16-bit audio


class Entry(NamedTuple):
    """The name of a record's image or video, its condition, and the number and second of a video's frame."""

    name: str
    condition: str
    frame: int | None
    time: float | None


class Pack:
    """The records of a pack, by index. It can be sent to other processes, and used by several threads at once.

    header: Header; names: of images and videos; conditions; entries: list of (name, condition), one for each record;
    name and split: those of the header. Memory holds only the index, about 100 bytes per record. All methods that read
    parts of records raise InputError for a damaged shard.
    """

    def __init__(self, folder):
        """Reads the index and compares the sizes of the shards; InputError for a folder that is not a pack, is of an
        unknown version or incomplete. `verify` compares the bytes themselves."""
        self.folder = Path(folder)
        self.contents = read_contents(self.folder / "pack.json")
        self.header = self.contents.header
        self.name, self.split = self.header.dataset, self.header.split
        for name, file in _files(self.contents).items():
            _require_length(self.folder / name, file)
        self._index = read_index(self.folder / "index.npz", self.contents)
        self.names, self.conditions = self._index["names"].tolist(), self._index["conditions"].tolist()
        self._audio = {self.names[video]: number for number, video in enumerate(self._index["sound_film"])}
        self._shards = Shards(self.folder)

    def __reduce__(self):
        # another process opens the files again
        return Pack, (self.folder,)

    def __len__(self):
        """Number of records."""
        return len(self._index["places"])

    @cached_property
    def entries(self):
        """[(name, condition)] of all records."""
        names, conditions = self._index["name"].tolist(), self._index["condition"].tolist()
        return [(self.names[n], self.conditions[c]) for n, c in zip(names, conditions, strict=True)]

    @cached_property
    def embeddings(self):
        """The AudioEmbeddings stored beside the pack, None without any; InputError for damaged ones."""
        return find_embeddings(self)

    def entry(self, index):
        """The Entry of a record."""
        name, condition, frame, time = (self._index[key][index] for key in ("name", "condition", "frame", "time"))
        shown = (None, None) if frame < 0 else (int(frame), float(time))
        return Entry(self.names[name], self.conditions[condition], *shown)

    def size(self, index):
        """(height, width) of a record's image, the same for all."""
        return self.header.size

    def part(self, index, part):
        """The bytes of one part of a record, IMAGE, DENSITY or FIXATIONS of `pack_index`; None where it lacks it."""
        return self._shards.part(self._index["places"][index, part])

    def image(self, index):
        """The image, uint8 RGB [H,W,3]."""
        return self._decoded(index, IMAGE, decode_image, self.header.size)

    def density(self, index, size=None):
        """The ground truth, float32 [H,W] that sums to 1; size: (height, width), None for that of the pack."""
        return self._decoded(index, DENSITY, decode_density, tuple(size or self.header.size))

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the packed image, or None where only maps were published."""
        data = self.part(index, FIXATIONS)
        return None if data is None else decode_fixations(data)

    def audio_rate(self, name):
        """Samples per second of a video's audio, or None for a video without audio."""
        return int(self._index["sound_rate"][self._audio[name]]) if name in self._audio else None

    def audio_length(self, name):
        """Number of samples of a video's audio. InputError for a video without audio."""
        number = self._audio_number(name)
        if self.contents.version == 1:
            return int(self._index["sounds"][number]["length"]) // 2
        return int(self._index["sound_samples"][number])

    def audio(self, name, first, count):
        """Samples first..first + count - 1 of a video's audio, float32 [count] in -1..1; zeros before and after it.

        Second t of the video is sample t * audio_rate(name). InputError for a video without audio.
        """
        place, raw = self._index["sounds"][self._audio_number(name)], self.contents.version == 1
        out, begin, end = np.zeros(count, np.float32), max(first, 0), min(first + count, self.audio_length(name))
        if begin < end:
            read = partial(self._shards.read, place)
            levels = (raw_samples if raw else flac_samples)(read, int(place["length"]), begin, end - begin)
            if levels is None:
                raise self._shards.damaged(place)
            out[begin - first : end - first] = levels / np.float32(FULL_SCALE)
        return out

    def verify(self):
        """Compares every file with its SHA-256; InputError that names those that differ."""
        files, damaged = _files(self.contents), []
        files |= self.embeddings.files if self.embeddings else {}
        for name, file in files.items():
            try:
                whole = file_sha256(self.folder / name) == file.sha256
            except InputError:  # it cannot be read
                whole = False
            damaged += [] if whole else [name]
        if damaged:
            raise InputError(
                f"{self.folder}: {len(damaged)} of {len(files)} files are damaged ({', '.join(damaged)}); copy them "
                "again, or pack the dataset again"
            )

    def _audio_number(self, name):
        """The number of a video's audio; InputError for a video without audio."""
        if name not in self._audio:
            raise InputError(f"{self.folder} has no audio of {name}; pack the videos again with their audio")
        return self._audio[name]

    def _decoded(self, index, part, decode, size):
        """What `decode` makes of a part at a size; what cannot be decoded is damage of the shard."""
        try:
            return decode(self.part(index, part), size)
        except Undecodable:
            raise self._shards.damaged(self._index["places"][index, part]) from None


def _files(contents):
    """{name: File} of all files of a pack but pack.json."""
    return {"index.npz": contents.index, **{shard_name(number): file for number, file in enumerate(contents.shards)}}


def _require_length(path, file):
    """InputError unless a file has the expected number of bytes."""
    found = os.path.getsize(path) if os.path.isfile(path) else None
    if found != file.bytes:
        what = "is missing" if found is None else f"has {found} bytes and not {file.bytes}"
        raise InputError(f"{path} {what}; {AGAIN}")
