"""Writes packs, the folders that `pack.Pack` reads: a whole one, or nothing."""

import hashlib
import io
import json
import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile

from mindaam.data.media import write_npz
from mindaam.data.packs.contents import VERSION, Contents, File
from mindaam.data.packs.pack import FULL_SCALE
from mindaam.data.packs.pack_index import IMAGE, PLACE
from mindaam.data.packs.shard_codec import encode_record
from mindaam.data.packs.shards import shard_name
from mindaam.errors import InputError, OutputError
from mindaam.files import beside_name, cannot_write, file_sha256, take_place, write_text

SHARD_BYTES = 256 << 20
SUFFIXES = ("jpg", "png", "xy")  # of a record's parts
NOWHERE = (-1, 0, -1, 0)  # the place of fixations that were not published, and of audio without samples
FLAC_EXACT = 65_535  # samples per second; higher rates are stored in FLAC rounded to tens


class PackWriter:
    """Writes a pack; a context manager that leaves a complete pack, or nothing after an error or Ctrl-C.

    folder: a new or empty one; header: contents.Header; shard_bytes: largest size of a shard, unless a single record or
    audio track is larger. A shard gets its name when it is complete, pack.json when all are. Equal records give equal
    bytes. Raises OutputError when the folder is not empty, or cannot be written to.
    """

    def __init__(self, folder, header, shard_bytes=SHARD_BYTES):
        self.folder, self.header, self._shard_bytes = Path(folder), header, shard_bytes
        self._made = not os.path.lexists(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            occupied = any(self.folder.iterdir())
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        if occupied:
            raise OutputError(f"the folder {folder} is not empty; choose a new one for the pack, or empty it")
        self._names, self._conditions = {}, {}  # each with its number
        self._images = {}  # {(name, SHA-256 of the JPEG): its place}
        self._rows, self._places, self._sounds = [], bytearray(), {}
        self._written, self._shard = [], None

    def add(self, name, condition, image, density, fixations, *, frame=None, time=None):
        """Adds a record; the first has index 0.

        image: uint8 RGB [H,W,3] of the header's size; density: float32 [h,w] >= 0 of a positive sum, of that size or
        another; fixations: float32 [n,2] (x, y) in pixels of `image`, or None; frame, time: number and second of a
        video's frame, None for an image.
        An image that occurs again under another condition is stored once. InputError for an invalid density.
        """
        if image.shape[:2] != self.header.size or image.dtype != np.uint8:
            raise ValueError(f"{name}: an image {image.dtype} {image.shape[:2]} in a pack of {self.header.size}")
        try:
            parts = encode_record(image, density, fixations, self.header.quality)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        self.add_encoded(name, condition, parts, frame=frame, time=time)

    def add_encoded(self, name, condition, parts, *, frame=None, time=None):
        """`add` for the parts that `shard_codec.encode_record` returned, in another process, say."""
        jpeg = parts[IMAGE]
        self._reserve(sum(len(part) for part in parts if part))
        # only images: frames rarely occur again, and a table of them all takes memory
        known = (name, hashlib.sha256(jpeg).digest()) if frame is None else None
        places, stem = [], f"{len(self._rows):08}"
        for suffix, part in zip(SUFFIXES, parts, strict=True):
            again = self._images.get(known) if part is jpeg else None
            places.append(NOWHERE if part is None else again or self._store(f"{stem}.{suffix}", part))
        if known:
            self._images[known] = places[IMAGE]
        video = (-1, np.nan) if frame is None else (frame, time)
        self._rows.append((_number(self._names, name), _number(self._conditions, condition), *video))
        self._places += np.array(places, PLACE).tobytes()
        self._shard.records += 1

    def add_audio(self, name, samples, rate):
        """Adds the audio of a video, mono: float32 [n] in -1..1 (values beyond are clipped), whose first sample is at
        the video's second 0, as `AudioTrack.rest` gives it; rate: samples per second. Stored as FLAC of 16 bits."""
        levels = np.clip(np.rint(np.asarray(samples) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        number = _number(self._names, name)
        if number in self._sounds:
            raise ValueError(f"the video {name} already has audio")
        place = NOWHERE
        if len(levels):  # libsndfile cannot open a FLAC file without samples
            data = _as_flac(levels, rate)
            self._reserve(len(data))
            place = self._store(f"sound-{number:05}.flac", data)
        self._sounds[number] = rate, len(levels), place

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        whole = False
        try:
            if kind is None:
                self._finish()
                whole = True
        finally:
            if not whole:
                self._discard()

    def _reserve(self, size):
        """Ends a shard that `size` more bytes would make too large, and starts the next."""
        if self._shard and self._shard.bytes and self._shard.bytes + size > self._shard_bytes:
            self._end_shard()
        if self._shard is None:
            self._shard = _ShardFile(self.folder / shard_name(len(self._written)))

    def _store(self, member, data):
        """Writes the member of an archive; returns its place."""
        return (len(self._written), self._shard.store(member, data), len(data), zlib.crc32(data))

    def _end_shard(self):
        self._written.append(self._shard.finish())
        self._shard = None

    def _finish(self):
        """The last shard, the index and pack.json."""
        if not self._rows:
            raise InputError(f"nothing was found to pack into {self.folder}; choose a split with gaze data")
        self._end_shard()
        columns = zip(*self._rows, strict=True)
        kinds = {"name": np.int32, "condition": np.int32, "frame": np.int32, "time": np.float64}
        write_npz(
            self.folder / "index.npz",
            names=np.array(list(self._names)),
            conditions=np.array(list(self._conditions)),
            places=np.frombuffer(self._places, PLACE).reshape(-1, len(SUFFIXES)),
            sound_film=np.array(list(self._sounds), np.int32),
            sound_rate=np.array([rate for rate, _, _ in self._sounds.values()], np.int32),
            sound_samples=np.array([count for _, count, _ in self._sounds.values()], np.int64),
            sounds=np.array([place for _, _, place in self._sounds.values()], PLACE),
            **{name: np.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)},
        )
        index = _described(self.folder / "index.npz", len(self._rows))
        contents = Contents(version=VERSION, header=self.header, index=index, shards=self._written)
        write_text(self.folder / "pack.json", json.dumps(contents.model_dump(), ensure_ascii=False, indent=1))

    def _discard(self):
        """Removes everything that was written; the folder was empty before."""
        if self._shard:
            self._shard.abandon()
        shards = [shard_name(number) for number in range(len(self._written))]
        for name in ("pack.json", "index.npz", *shards):
            (self.folder / name).unlink(missing_ok=True)
        if self._made:
            with suppress(OSError):  # it contains a file of someone else
                self.folder.rmdir()


class _ShardFile:
    """A shard under a temporary name while it is written. bytes: its size so far; records: their number. Raises
    OutputError on all errors."""

    def __init__(self, path):
        self._path, self._beside, self.bytes, self.records = path, beside_name(path), 0, 0
        try:
            self._stream = open(self._beside, "wb")  # noqa: SIM115 - closed in `finish` or `abandon`
        except OSError as error:
            raise cannot_write(path, error) from error
        self._archive = zipfile.ZipFile(self._stream, "w")

    def store(self, member, data):
        """Writes a member; returns the offset of its bytes in the file."""
        info = zipfile.ZipInfo(member)  # stored, and dated 1980, so that equal records give equal files
        info.external_attr = 0o644 << 16
        try:
            self._archive.writestr(info, data)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self.bytes = self._stream.tell()
        return self.bytes - len(data)

    def finish(self):
        """Ends the archive and gives it its name; returns the File."""
        try:
            self._archive.close()
            self._stream.close()
            file = _described(self._beside, self.records)
            take_place(self._beside, self._path)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        return file

    def abandon(self):
        """Removes the file."""
        with suppress(OSError, ValueError):  # the disk may be full
            self._archive.close()
        with suppress(OSError):
            self._stream.close()
        self._beside.unlink(missing_ok=True)


def _as_flac(levels, rate):
    """A FLAC file of int16 [n]. The index has the exact rate; that of the file differs by 5 in 65,536 at most."""
    buffer = io.BytesIO()
    stored = rate if rate <= FLAC_EXACT else round(rate, -1)
    with soundfile.SoundFile(buffer, "w", stored, 1, "PCM_16", format="FLAC") as file:
        file.write(levels)
    return buffer.getvalue()


def _number(known, key):
    """The number of `key` in order of appearance."""
    return known.setdefault(key, len(known))


def _described(path, records):
    return File(bytes=os.path.getsize(path), sha256=file_sha256(path), records=records)
