"""Reading the bytes of records in the shards of a pack."""

import os
import zlib
from functools import lru_cache

from mindaam.data.packs.contents import AGAIN
from mindaam.errors import InputError

OPEN_SHARDS = 32  # files that stay open; to open one again takes some microseconds


class Shards:
    """The shards of a pack's folder, opened on demand. Several threads can read at once.

    A place is a row of `pack_index.PLACE`: shard, offset, length and CRC-32 of some bytes.
    """

    def __init__(self, folder):
        self.folder = folder
        # without `self`, the files are closed as soon as no one holds the Shards
        self._opened = lru_cache(OPEN_SHARDS)(lambda number: _Shard(folder / shard_name(number)))

    def part(self, place):
        """All bytes of a place; None for a place without any. InputError when they are damaged."""
        if place["length"] < 0:
            return None
        data = self.read(place, 0, int(place["length"]))
        if zlib.crc32(data) != place["crc"]:
            raise self.damaged(place)
        return data

    def read(self, place, first, count):
        """`count` bytes of a place from byte `first`, without their CRC; InputError when the file is too short."""
        try:
            shard = self._opened(int(place["shard"]))  # held, or another thread could close it during the read
            data = os.pread(shard.number, count, int(place["offset"]) + first)
        except OSError as error:
            raise self.damaged(place, f" ({error.strerror})") from error
        if len(data) != count:
            raise self.damaged(place)
        return data

    def damaged(self, place, reason=""):
        """The InputError for a damaged shard."""
        return InputError(f"{self.folder / shard_name(place['shard'])} is damaged or truncated{reason}; {AGAIN}")


class _Shard:
    """An open shard, closed with its last reference; number: its file descriptor."""

    def __init__(self, path):
        self.number = -1
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self):
        if self.number >= 0:
            os.close(self.number)


def shard_name(number):
    """The file name of a shard, counted from 0."""
    return f"shard-{number:05}.zip"
