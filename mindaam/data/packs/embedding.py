"""Embeds the audio of a pack's videos once, into the files that `embeddings` reads."""

import json
import zlib
from contextlib import contextmanager

import numpy as np

from mindaam.data.audio.cutting import Cut, cut_window, shared_windows, track_rate
from mindaam.data.media import write_npz
from mindaam.data.packs.contents import File
from mindaam.data.packs.embeddings import HEADER, VALUES, VERSION, WINDOWS, Stored
from mindaam.errors import InputError
from mindaam.files import file_sha256, replacing, write_text

AT_ONCE = 64  # windows that are encoded in one call


def embed(reader, encoded_by, encode, report=None):
    """Writes the embeddings of all windows that the frames of a pack's videos have; returns their number.

    reader: PackedVideos of at least one video with audio; encoded_by: the EncodedBy that `encode` is, a function of
    windows float32 [n,32000] at 16 kHz that returns float32 [n,A], each of its window alone; report: called with the
    name of each video that is done. Earlier embeddings are replaced. Raises InputError for damaged audio, OutputError
    for a folder that cannot be written.
    """
    cut, folder = Cut(**encoded_by.model_dump(exclude={"encoder", "sha256"})), reader.root
    wanted = windows_of(reader, cut)
    if not wanted:
        raise InputError(f"{folder} has no video with audio to embed")
    (folder / HEADER).unlink(missing_ok=True)  # what is there is no longer whole
    rows, count = [], sum(len(positions) for _, positions in wanted.values())
    with _array_file(folder / VALUES, count) as write:
        for name, (entry, positions) in wanted.items():
            with reader.audio_track(entry, track_rate(cut)) as track:
                windows = (cut_window(track, cut, each, reader.file_rate(entry)) for each in positions)
                for values in _encoded(windows, encode):
                    write(values)
                    rows += [zlib.crc32(value) for value in values]
            if report:
                report(name)
    numbers = {name: number for number, name in enumerate(reader.pack.names)}
    write_npz(
        folder / WINDOWS,
        video=np.concatenate([np.full(len(at), numbers[name], np.int32) for name, (_, at) in wanted.items()]),
        position=np.concatenate([np.array(at, np.int32) for _, at in wanted.values()]),
        crc=np.array(rows, np.uint32),
    )
    windows, values = (_file(folder / name, count) for name in (WINDOWS, VALUES))
    index = reader.pack.contents.index.sha256
    stored = Stored(version=VERSION, encoded_by=encoded_by, index=index, windows=windows, values=values)
    write_text(folder / HEADER, json.dumps(stored.model_dump(), indent=1))
    return count


def windows_of(reader, cut):
    """{video: (its entry, the positions of all its frames' windows, ascending)} of a reader's videos with audio, in the
    order of the pack's names."""
    entries = {}
    for entry, (name, _) in enumerate(reader.entries):
        if reader.has_audio(entry):
            entries.setdefault(name, []).append(entry)
    found = {}
    for name in (name for name in reader.pack.names if name in entries):
        several = [shared_windows(cut, reader.times(each), reader.file_rate(each))[0] for each in entries[name]]
        found[name] = entries[name][0], sorted(set().union(*several))
    return found


def _encoded(windows, encode):
    """Yields float32 [n,A] of at most AT_ONCE windows."""
    held = []
    for window in windows:
        held.append(window)
        if len(held) == AT_ONCE:
            yield np.ascontiguousarray(encode(np.stack(held)), np.float32)
            held = []
    if held:
        yield np.ascontiguousarray(encode(np.stack(held)), np.float32)


@contextmanager
def _array_file(path, count):
    """A function that appends rows float32 [n,A] to a new .npy file of `count` rows."""
    with replacing(path) as stream:
        begun = []

        def write(values):
            if not begun:
                shape = (count, values.shape[1])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                begun.append(shape)
            stream.write(values.astype("<f4").tobytes())

        yield write


def _file(path, records):
    return File(bytes=path.stat().st_size, sha256=file_sha256(path), records=records)
