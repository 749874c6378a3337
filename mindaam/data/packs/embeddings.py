"""Embeddings of a pack's audio by a frozen encoder, stored beside the pack, so that training need not run the encoder.

Three files join those of a pack: `audio_embeddings.npy`, float32 [n,A], of which only what is asked for is read;
`audio_windows.npz`, for each of its rows the video (its number among the pack's names), the window's position
(`cutting.window_positions`) and the CRC-32, ascending by video and position; `audio_embeddings.json`, written last: how
they were made, for which index, and the other two files' sizes and SHA-256.
"""

import zlib

import numpy as np

from mindaam.data.listed import read_object
from mindaam.data.packs.contents import File
from mindaam.errors import ConfigError, InputError
from mindaam.files import file_sha256
from mindaam.schema import Schema, validate

HEADER, WINDOWS, VALUES = "audio_embeddings.json", "audio_windows.npz", "audio_embeddings.npy"
VERSION = 1
AGAIN = "embed the pack's audio again with `mindaam data embed`"


class EncodedBy(Schema):
    """What embeddings depend on. encoder, sha256: the frozen encoder and its weights; the rest: the `cutting.Cut` of
    its windows. Each window is encoded by itself: where one changes another's embedding, none are stored."""

    encoder: str
    sha256: str
    tokens: int
    spacing: float
    slicing: str
    resampling: str
    scale: float


class Stored(Schema):
    """audio_embeddings.json; index: the SHA-256 of the pack's index.npz."""

    version: int
    encoded_by: EncodedBy
    index: str
    windows: File
    values: File


class AudioEmbeddings:
    """The embeddings of a pack; encoded_by: their EncodedBy."""

    def __init__(self, pack):
        """InputError for files that are damaged, or of another pack."""
        self._folder, self._numbers = pack.folder, {name: number for number, name in enumerate(pack.names)}
        path = pack.folder / HEADER
        try:
            self._stored = validate(Stored, read_object(path), path)
        except (OSError, ConfigError) as error:
            raise InputError(f"{path} cannot be read ({error}); {AGAIN}") from error
        if self._stored.version != VERSION or self._stored.index != pack.contents.index.sha256:
            raise InputError(f"{path} is of another version or of another pack; {AGAIN}")
        self.encoded_by = self._stored.encoded_by
        self._keys, self._crc, self._values = self._read()

    def of(self, name, positions):
        """The embeddings of a video's windows at `positions`, a list: float32 [n,A]. InputError for a window that was
        not embedded, or is damaged."""
        wanted = _keys(self._numbers[name], np.asarray(positions, np.int64))
        rows = np.searchsorted(self._keys, wanted)
        rows = np.minimum(rows, len(self._keys) - 1)
        if (self._keys[rows] != wanted).any():
            raise InputError(f"{self._folder} has no embedding of all windows of {name}; {AGAIN}")
        found = np.ascontiguousarray(self._values[rows])
        if any(zlib.crc32(value) != crc for value, crc in zip(found, self._crc[rows].tolist(), strict=True)):
            raise InputError(f"{self._folder / VALUES} is damaged at {name}; {AGAIN}")
        return found

    @property
    def files(self):
        """{name: File} of the two that it reads."""
        return {WINDOWS: self._stored.windows, VALUES: self._stored.values}

    def _read(self):
        """(keys [n], CRC-32 [n], values [n,A] on disk)."""
        path = self._folder / WINDOWS
        try:
            if file_sha256(path) != self._stored.windows.sha256:
                raise ValueError("its SHA-256 is another")
            with np.load(path, allow_pickle=False) as arrays:
                keys, crc = _keys(arrays["video"].astype(np.int64), arrays["position"]), arrays["crc"]
            path = self._folder / VALUES
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} is damaged ({error}); {AGAIN}") from error
        count = self._stored.values.records
        fits = values.ndim == 2 and values.dtype == np.float32 and len(values) == len(keys) == len(crc) == count > 0
        if not fits or (np.diff(keys) <= 0).any():
            raise InputError(f"{path} does not fit {WINDOWS}; {AGAIN}")
        return keys, crc, values


def find_embeddings(pack):
    """The AudioEmbeddings of a pack, None without any. Raises InputError as AudioEmbeddings does."""
    return AudioEmbeddings(pack) if (pack.folder / HEADER).is_file() else None


def _keys(videos, positions):
    """One ascending number for each window: positions may be below 0."""
    return (videos << 32) + positions.astype(np.int64) + (1 << 31)
