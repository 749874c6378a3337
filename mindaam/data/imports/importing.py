"""Imports recordings as a gaze folder: images or videos, and a table of fixations, are checked and written again.

The source folders are never modified. `import_stimuli` finds the images or videos, `fixation_csv` reads the table;
`docs/your-own-data.md` describes what is written.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from mindaam.data import media
from mindaam.data.datasets.readers.gaze_videos import SOUNDS
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.imports.fixation_csv import read_table
from mindaam.data.imports.import_placing import ORIGINS, TOP_LEFT, place
from mindaam.data.imports.import_remarks import remarks
from mindaam.data.imports.import_stimuli import audio_of, find_stimuli, key_of, keys_of, measured
from mindaam.data.imports.import_writer import write_folder
from mindaam.data.imports.movements import fixations_of, require_pymovements
from mindaam.data.imports.trackers import surface_of
from mindaam.data.listed import fault_of_label, fault_of_text, shown
from mindaam.errors import ConfigError, InputError, OutputError, nearest, unknown
from mindaam.files import lies_in

SHOWN = 5  # remarks on images


class Wanted(NamedTuple):
    """How a table is read and a folder written.

    columns: {role: column} where names do not say. condition: of all rows, None: the table's column, else free viewing.
    sentences: as `prompts_of` takes them. px_per_degree: pixels of the images that a degree has, None: unknown.
    val: share of the images that go into the split val. fractions: x and y are parts of the width and height. link:
    links to the images instead of copies. origin: the corner of the image that x and y count from, of ORIGINS; None:
    that of the tracker that the table is of, else the top left. samples: the rows are samples of a tracker, in which
    fixations are found (`movements`).
    """

    columns: dict = {}
    condition: str | None = None
    sentences: tuple = ()
    px_per_degree: float | None = None
    val: float = 0.2
    fractions: bool = False
    link: bool = False
    origin: str | None = None
    samples: bool = False


class Gathered(NamedTuple):
    """What is written, and what is reported about it.

    name: of the folder; kind: `images` or `films`; stimuli, sounds: {name: Stimulus} and {name: Path of its audio} of
    those with gaze data; fixations; sentences: {condition: prompts of its own}; conditions: {condition: the prompt it
    is scored with}; splits: {split: names}.

    columns: {role: column of the table}; outside: number of fixations outside their image or video; beyond: number of
    the others before the first frame of their video or after its last; without: names without any fixation; missing:
    number of rows without x or y; unnamed: without a stimulus; again: that repeat the row before them; untimed: of
    videos without a start; remarks: lines on what may be wrong; passed_over: a line that counts other files of the
    folder by kind, or nothing. others: {kind: number} of rows that are not fixations; tracker: name of the tracker that
    the table is of, or ""; samples: number of samples that the fixations were found in, 0 for a table of fixations;
    origin: the corner that x and y count from.
    """

    name: str
    kind: str
    stimuli: dict
    sounds: dict
    fixations: list
    sentences: dict
    conditions: dict
    splits: dict
    columns: dict
    outside: int
    beyond: int
    without: list
    missing: int
    unnamed: int
    again: int
    untimed: int
    remarks: list
    passed_over: str
    others: dict
    tracker: str
    samples: int
    origin: str


def import_gaze(folder, table, out, wanted=Wanted()):  # noqa: B008 - an immutable tuple
    """Writes the gaze folder `out` from a folder of images or of videos and a CSV table; returns what was Gathered.

    It is written whole or not at all. Raises InputError for images, videos or a table that cannot be used, ConfigError
    for options that do not fit, OutputError when `out` already exists or cannot be written.
    """
    folder, table, out = Path(folder), Path(table), Path(os.path.abspath(out))
    if os.path.lexists(out):
        raise OutputError(f"{out} already exists; choose a new folder, or remove it first")
    if lies_in(out, folder):
        raise OutputError(f"{out} is in the folder {folder}, which is never modified; choose another folder")
    fault = fault_of_label(out.name)
    if fault:
        raise OutputError(
            f'"{shown(out.name)}" {fault}, and a gaze folder is identified by its name; choose another folder'
        )
    _check(wanted)
    gathered = gather(folder, table, out.name, wanted)
    write_folder(out, gathered, table.name, wanted)
    return gathered


def gather(folder, table, name, wanted):
    """The content of a gaze folder called `name`, as Gathered; errors as of `import_gaze`. Nothing is written."""
    paths, kind = find_stimuli(folder)
    known = keys_of(paths)
    read = read_table(table, wanted.columns, _only_image(table, paths, known), samples=wanted.samples)
    wanted = _as_written(wanted, read.tracker)
    named = [_named(folder, table, row, known) for row in read.rows]
    stimuli = measured(folder, {each: paths[each] for each in sorted(set(named))}, kind)
    samples = len(read.rows) if wanted.samples else 0
    if wanted.samples:
        sizes = {each: stimulus.size for each, stimulus in stimuli.items()}
        read, named = fixations_of(table, read, named, sizes, wanted.px_per_degree, fractions=wanted.fractions)
    fixations, outside, beyond, untimed = place(table, read, named, stimuli, wanted)
    conditions = _conditions(table, fixations)
    own = prompts_of(conditions, wanted.sentences)
    scored = {condition: _scored(name, own, condition) for condition in conditions}
    seen = sorted({each.name for each in fixations})
    return Gathered(
        name=name,
        kind=kind,
        stimuli={each: stimuli[each] for each in seen},
        sounds={each: sound for each in seen if kind == "films" and (sound := audio_of(paths[each]))},
        fixations=fixations,
        sentences=own,
        conditions=scored,
        splits=split_by_hash(seen, wanted.val),
        columns=read.columns,
        outside=outside,
        beyond=beyond,
        without=sorted(set(paths) - set(seen)),
        missing=read.missing,
        unnamed=read.unnamed,
        again=read.again,
        untimed=untimed,
        remarks=remarks(read, kind) + (_of_images(stimuli.values()) if kind == "images" else []),
        passed_over=media.skipped(folder, _used(folder, paths, table)),
        others=read.others,
        tracker=read.tracker.name if read.tracker else "",
        samples=samples,
        origin=wanted.origin,
    )


def _only_image(table, paths, known):
    """The image of all rows of a table that does not name any: that of the surface in the table's name, or the only one
    of the folder; else None."""
    surface = known.get(key_of(surface_of(table.stem)))
    return surface or (next(iter(paths)) if len(paths) == 1 else None)


def _as_written(wanted, tracker):
    """Wanted with the units and the origin of the tracker, where the user gave none."""
    if tracker is None:
        return wanted._replace(origin=wanted.origin or TOP_LEFT)
    return wanted._replace(
        fractions=wanted.fractions or tracker.fractions, origin=wanted.origin or tracker.origin
    )


def _of_images(stimuli):
    """Lines on images that were changed on reading, of many the first ones."""
    found = [line for each in stimuli for line in media.image_remarks(each.path)]
    return found[:SHOWN] + ([f"{len(found) - SHOWN} more images are like these"] if len(found) > SHOWN else [])


def _used(folder, paths, table):
    """The files and folders that an import uses: stimuli {name: Path}, their audio files, the table."""
    sounds = [sound for path in paths.values() if (sound := audio_of(path))]
    return [*paths.values(), *sounds, folder / SOUNDS, table]


def prompts_of(conditions, given):
    """{condition: its prompts} as the user gave them: "CONDITION=prompt", or the prompt alone for one condition.

    Raises ConfigError for a prompt that is empty or whose condition is ambiguous.
    """
    own = {}
    for text in given:
        condition, equals, rest = text.partition("=")
        if equals and condition.strip() in conditions:
            condition, sentence = condition.strip(), rest.strip()
        elif len(conditions) == 1:
            condition, sentence = conditions[0], text.strip()
        else:
            raise ConfigError(
                f'the prompt "{text}" names no condition, and the table has {", ".join(conditions)}; give '
                f'--sentence "{conditions[0]}=..."'
            )
        if not sentence or fault_of_text(" ".join(sentence.split())):
            fault = "has characters that cannot be read" if sentence else "is empty"
            raise ConfigError(f'the prompt of the condition "{condition}" {fault}; describe the viewer and the task')
        own.setdefault(condition, []).append(sentence)
    return own


def split_by_hash(names, val):
    """{"train": names, "val": names}, `val` of them (0..1) in val, by a hash of their stems; empty splits skipped.

    Of two names or more each split gets at least one, unless val is 0 or 1.
    """
    ranked = sorted(names, key=lambda name: hashlib.sha256(key_of(Path(name).stem).encode()).digest())
    count = round(val * len(names))
    if 0 < val < 1 and len(names) > 1:
        count = min(max(count, 1), len(names) - 1)
    splits = {"train": sorted(ranked[count:]), "val": sorted(ranked[:count])}
    return {split: each for split, each in splits.items() if each}


def _check(wanted):
    if not 0 <= wanted.val <= 1:
        raise ConfigError(f"{wanted.val:g} cannot be a share of the images; give --val between 0 and 1")
    if wanted.px_per_degree is not None and not 0 < wanted.px_per_degree < 1e6:
        raise ConfigError(f"a degree cannot be {wanted.px_per_degree:g} pixels wide; give --px-per-degree more than 0")
    if wanted.samples:
        require_pymovements()
    if wanted.origin not in (None, *ORIGINS):
        raise unknown("corner that x and y count from", wanted.origin, ORIGINS)
    if wanted.condition is not None and (not wanted.condition.strip() or fault_of_text(wanted.condition.strip())):
        raise ConfigError("a condition needs a readable name; give --condition NAME")


def _conditions(table, fixations):
    """The conditions of the fixations in their order; InputError for one that is not readable text."""
    first = {}
    for each in fixations:
        first.setdefault(each.condition, each.row.line)
    for condition, line in first.items():
        fault = fault_of_text(condition)
        if fault:
            where = f'{table}, line {line}: the condition "{shown(condition)}"'
            raise InputError(f"{where} {fault}; correct it in all rows")
    return list(first)


def _named(folder, table, row, known):
    """The name of the stimulus of a row."""
    name = known.get(key_of(re.split(r"[\\/]", row.stimulus)[-1]))
    if name is None:
        hint = nearest(row.stimulus, list(known.values()))
        what = shown(row.stimulus)
        raise InputError(f"{table}, line {row.line}: {folder} does not contain {what}{hint}; add it or remove its rows")
    return name


def _scored(name, own, condition):
    """The prompt that a condition is scored with, its own or the project's."""
    try:
        return SetPrompts(name, own).of(condition)[0]
    except ConfigError:
        raise InputError(
            f'the condition "{condition}" has no prompt; give --sentence "{condition}=A viewer '
            '..." once, or several times in different words'
        ) from None
