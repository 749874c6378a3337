"""Packing a split of a dataset: every image or frame is decoded, resized and written once, with its truth."""

import os
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mindaam.data import transforms
from mindaam.data.audio.audio_track import AudioTrack
from mindaam.data.loader import Loader
from mindaam.data.packs.contents import Header
from mindaam.data.packs.pack_writer import PackWriter
from mindaam.errors import ConfigError, InputError, OutputError, unforeseen

CLIP = 32  # frames that are decoded together


class Packed(NamedTuple):
    """What a pack got. records: images, or frames; left_out: [(name, why)] of what was damaged."""

    records: int
    left_out: list


def target_of(reader, folder):
    """Where the pack of a reader's split goes: folder/NAME.SPLIT. OutputError when something already exists."""
    target = Path(folder) / f"{reader.name}.{reader.split}"
    if os.path.lexists(target):
        raise OutputError(f"{target} already exists; choose another folder for the packs, or remove it")
    return target


def header_of(reader, size, quality=92, resize="area"):
    """The Header of a pack of a reader's split. reader: ImageSet, VideoSet or GazeFolder; size: (height, width);
    resize: as in `pack`. ConfigError for an unknown resizing method."""
    if resize not in transforms.RESIZING:
        raise ConfigError(f"images cannot be resized by {resize!r}; use one of {', '.join(transforms.RESIZING)}")
    return Header(
        dataset=reader.name,
        layout=reader.layout_name,
        split=reader.split,
        size=size,
        source=reader.source,
        sigma_degrees=reader.truth.sigma_degrees if reader.source == "fixations" else None,
        ground_truth=reader.ground_truth,
        resize=resize,
        quality=quality,
        sentences=reader.prompts.own,
        held_out=reader.prompts.apart,
    )


def pack(
    reader, folder, size, *, resize="area", quality=92, every=1, sound=True, skip_damaged=False, workers=2, report=None
):
    """Writes the pack of a reader's split into a new folder, all of it or nothing; returns what it got, Packed.

    reader: ImageSet, VideoSet or GazeFolder; size: (height, width) of the packed images; resize: how they are
    brought to it, as `transforms.as_seen` names it; every: of videos only each Nth frame; sound: whether videos' sound
    goes with them; skip_damaged: leave out what cannot be read, rather than refuse; workers: processes that decode;
    report: called as report(entries done, entries in all, name). Raises InputError for damaged data, ConfigError for
    what cannot be asked for, OutputError for a folder that cannot be written.
    """
    if every < 1:
        raise ConfigError(f"--every must be 1 or more, not {every}")
    is_video = reader.is_video
    left_out, count = [], 0
    with PackWriter(folder, header_of(reader, size, quality, resize)) as writer:
        add = _add_films if is_video else _add_pictures
        for entry, added, problem in add(writer, reader, size, every, sound, skip_damaged, workers):
            count += added
            left_out += [(reader.entries[entry][0], problem)] if problem else []
            if report:
                report(entry + 1, len(reader), reader.entries[entry][0])
        if not count:
            raise InputError(f"{reader.root}: nothing of the split {reader.split} can be packed")
    return Packed(count, left_out)


def read_picture(reader, index, size, resize="area"):
    """One image, resized, with its density and fixations at that size: (image, density, fixations or None), or the
    InputError that it met. A module's function, for processes."""
    try:
        image = transforms.as_levels(transforms.as_seen(reader.image(index), size, resize))
        density = reader.density(index, size)
        fixations = reader.fixations(index)
        if fixations is not None:
            fixations = transforms.scale_fixations(fixations, reader.size(index), size)
        return image, density, fixations
    except InputError as error:
        return error
    except Exception as error:  # whatever it is, the others can be packed without it
        return unforeseen(reader.entries[index][0], error)


def read_clip(reader, index, positions, size, resize="area"):
    """The Sample of some frames at a size, in uint8, or the InputError that it met. A module's function, for
    processes."""
    try:
        sample = reader.clip(index, positions, size, resize=resize)
        return replace(sample, image=transforms.as_levels(sample.image))
    except InputError as error:
        return error
    except Exception as error:  # as above
        return unforeseen(reader.entries[index][0], error)


def read_audio(reader, index):
    """A video's sound, float32 [samples], and its samples a second; None without any, or the InputError that it met."""
    try:
        if not reader.has_audio(index):
            return None
        with AudioTrack(reader.audio_path(index), rate=None) as track:
            return track.rest(), track.rate
    except InputError as error:
        return error
    except Exception as error:  # as above
        return unforeseen(reader.entries[index][0], error)


def _add_pictures(writer, reader, size, _every, _sound, skip_damaged, workers):
    """Yields (entry, records added, problem or None) for each image."""
    with Loader({"": reader}, read_picture, workers=workers) as load:
        how = writer.header.resize
        for index, read in enumerate(load(("", index, size, how) for index in range(len(reader)))):
            if isinstance(read, InputError):
                if not skip_damaged:
                    raise read
                yield index, 0, str(read)
                continue
            writer.add(*reader.entries[index], *read)
            yield index, 1, None


def _add_films(writer, reader, size, every, sound, skip_damaged, workers):
    """Yields (entry, records added, problem or None) for each video; one that is damaged anywhere is skipped whole."""
    rates, how = {}, writer.header.resize
    with Loader({"": reader}, read_clip, workers=workers) as load:
        for index, entry in enumerate(reader.entries):
            positions = range(0, reader.frames(index), every)
            clips = [positions[first : first + CLIP] for first in range(0, len(positions), CLIP)]
            wave = read_audio(reader, index) if sound and entry[0] not in rates else None
            if isinstance(wave, InputError) and not skip_damaged:
                raise wave
            items = [("", index, part, size, how) for part in clips]
            problem = _first_problem(load, items, wave) if skip_damaged else None
            if problem:
                yield index, 0, problem
                continue
            for part, read in zip(clips, load(items), strict=True):
                if isinstance(read, InputError):
                    raise read
                _add_clip(writer, entry, part, read)
            if wave is not None:
                writer.add_audio(entry[0], *wave)
                rates[entry[0]] = reader.file_rate(index)
            yield index, len(positions), None
    writer.header = writer.header.model_copy(update={"rates": rates})  # pack.json is written at the end


def _first_problem(load, items, wave):
    """What is wrong with a video, read from beginning to end, or with its sound, or None."""
    reads = [wave], load(items)
    return next((str(read) for read in chain(*reads) if isinstance(read, InputError)), None)


def _add_clip(writer, entry, positions, sample):
    fixations = [None] * len(positions) if sample.fixations is None else sample.fixations
    for place, position in enumerate(positions):
        writer.add(
            *entry, sample.image[place], sample.density[place], fixations[place],
            frame=position, time=float(sample.times[place]),
        )  # fmt: skip
