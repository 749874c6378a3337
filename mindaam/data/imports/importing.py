"""One's own recordings as a gaze folder: images or videos, and a table of fixations, checked and written again.

Nothing in the folders that are read is changed. `fixation_csv` reads the table, `docs/your-own-data.md` describes what
is written.
"""

import hashlib
import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from mindaam.data import media
from mindaam.data.datasets.readers.gaze_videos import SOUNDS
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.imports.fixation_csv import read_table
from mindaam.data.imports.import_placing import ORIGINS, TOP_LEFT, place
from mindaam.data.imports.import_remarks import remarks
from mindaam.data.imports.import_writer import write_folder
from mindaam.data.listed import fault_of_label, fault_of_text, shown
from mindaam.errors import ConfigError, InputError, OutputError, nearest, unknown
from mindaam.files import lies_in

SHOWN = 5  # remarks on images


class Wanted(NamedTuple):
    """How a table is to be read and a folder written.

    columns: {role: column} where names do not say. condition: of all rows, None: the table's column, else free viewing.
    sentences: as `prompts_of` takes them. px_per_degree: pixels of the images that a degree has, None: unknown.
    val: share of the images that go into the split val. fractions: x and y are parts of the width and height. link:
    links to the images instead of copies. origin: the corner of the image that x and y count from, of ORIGINS.
    """

    columns: dict = {}
    condition: str | None = None
    sentences: tuple = ()
    px_per_degree: float | None = None
    val: float = 0.2
    fractions: bool = False
    link: bool = False
    origin: str = TOP_LEFT


class Stimulus(NamedTuple):
    """An image or video: its path, (height, width), and of a video its Timeline."""

    path: Path
    size: tuple
    timeline: object = None


class Gathered(NamedTuple):
    """What is written: name of the folder; kind, "images" or "videos"; stimuli {name: Stimulus} and sounds {name: Path}
    of those with gaze; fixations; sentences {condition: its own}; conditions {condition: the sentence it is scored
    with}; splits {split: names}. And the remarks on it: columns {role: column of the table}, outside: how many
    fixations were beside their image or video, beyond: how many, of the others, were before their video's first frame
    or after its last, without: names of what has no fixation, missing: how many rows had no x or y, again: how many
    repeated the row before them, untimed: how many of videos had no start, remarks: sentences on what may be wrong,
    passed_over: what else lies in the folder, counted by kind in one line, or nothing."""

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


def import_gaze(folder, table, out, wanted=Wanted()):  # noqa: B008 - an immutable tuple
    """Writes the gaze folder `out` from a folder of images or of videos and a CSV table; returns what was Gathered.

    It is written whole or not at all. Raises InputError for images, videos or a table that cannot be used, ConfigError
    for options that do not fit, OutputError when `out` already exists or cannot be written.
    """
    folder, table, out = Path(folder), Path(table), Path(os.path.abspath(out))
    if os.path.lexists(out):
        raise OutputError(f"{out} exists already; name a new folder, or remove it first")
    if lies_in(out, folder):
        raise OutputError(f"{out} lies in the folder {folder}, in which nothing is changed; choose another folder")
    fault = fault_of_label(out.name)
    if fault:
        raise OutputError(f'"{shown(out.name)}" {fault}, and a gaze folder is known by its name; choose another folder')
    _check(wanted)
    gathered = gather(folder, table, out.name, wanted)
    write_folder(out, gathered, table.name, wanted)
    return gathered


def gather(folder, table, name, wanted):
    """What a gaze folder called `name` is made of, as Gathered; errors as `import_gaze`. Nothing is written."""
    paths, kind = find_stimuli(folder)
    read = read_table(table, wanted.columns)
    known = _keys(paths)
    named = [_named(folder, table, row, known) for row in read.rows]
    stimuli = _measured(folder, {each: paths[each] for each in sorted(set(named))}, kind)
    fixations, outside, beyond, untimed = place(table, read, named, stimuli, wanted)
    conditions = _conditions(table, fixations)
    own = prompts_of(conditions, wanted.sentences)
    scored = {condition: _scored(name, own, condition) for condition in conditions}
    seen = sorted({each.name for each in fixations})
    return Gathered(
        name=name,
        kind=kind,
        stimuli={each: stimuli[each] for each in seen},
        sounds={each: sound for each in seen if kind == "films" and (sound := _sound(paths[each]))},
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
    )


def _of_images(stimuli):
    """What one should know of images as they are read, a line each, of many the first ones."""
    found = [line for each in stimuli for line in media.image_remarks(each.path)]
    return found[:SHOWN] + ([f"{len(found) - SHOWN} more images are such"] if len(found) > SHOWN else [])


def _used(folder, paths, table):
    """The files and folders that an import looks at: stimuli {name: Path}, what may hold their audio, the table."""
    sounds = [sound for path in paths.values() if (sound := _sound(path))]
    return [*paths.values(), *sounds, folder / SOUNDS, table]


def find_stimuli(folder):
    """({name: Path} of the images or videos right in a folder, "images" or "videos").

    Raises InputError when there are none or both, and for names that differ in nothing but their suffix or case.
    """
    found = media.list_files(folder, (*media.IMAGE_SUFFIXES, *media.VIDEO_SUFFIXES), "images and no videos")
    films = [path for path in found if path.suffix.lower() in media.VIDEO_SUFFIXES]
    if films and len(films) < len(found):
        picture = next(path for path in found if path not in films)
        raise InputError(
            f"{folder} holds videos and images, such as {films[0].name} and {picture.name}; import each kind by itself"
        )
    stems = {}
    for path in found:
        other = stems.setdefault(_key(path.stem), path)
        if other is not path:
            raise InputError(
                f"{folder} holds {other.name} and {path.name}, which must differ in more than suffix and case; "
                "rename one of them, and in the table too"
            )
        if not path.name.isprintable():  # also bytes that are no UTF-8
            raise InputError(f"{folder}: the name {ascii(path.name)} is no readable text; rename the file")
    return {path.name: path for path in found}, "films" if films else "images"


def prompts_of(conditions, given):
    """{condition: its sentences} as the user gave them: "CONDITION=sentence", or plain where there is one condition.

    Raises ConfigError for a sentence that is empty or whose condition is not clear.
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
                f'of which condition is the sentence "{text}"? the table has {", ".join(conditions)}: give '
                f'--sentence "{conditions[0]}=..."'
            )
        if not sentence or fault_of_text(" ".join(sentence.split())):
            fault = "has characters that cannot be read" if sentence else "is empty"
            raise ConfigError(f'the sentence of the condition "{condition}" {fault}; describe the viewer and the task')
        own.setdefault(condition, []).append(sentence)
    return own


def split_by_hash(names, val):
    """{"train": names, "val": names}, `val` of them (0..1) in val, by a hash of their stems; empty splits skipped.

    Of two names or more each split gets one at least, unless val is 0 or 1.
    """
    ranked = sorted(names, key=lambda name: hashlib.sha256(_key(Path(name).stem).encode()).digest())
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
    if wanted.origin not in ORIGINS:
        raise unknown("corner that x and y count from", wanted.origin, ORIGINS)
    if wanted.condition is not None and (not wanted.condition.strip() or fault_of_text(wanted.condition.strip())):
        raise ConfigError("a condition must have a name, of letters that can be read; give --condition NAME")


def _conditions(table, fixations):
    """The conditions of the fixations in their order; InputError when one is no text that people can read."""
    first = {}
    for each in fixations:
        first.setdefault(each.condition, each.row.line)
    for condition, line in first.items():
        fault = fault_of_text(condition)
        if fault:
            where = f'{table}, line {line}: the condition "{shown(condition)}"'
            raise InputError(f"{where} {fault}; correct it in all rows")
    return list(first)


def _key(name):
    """A name as names are compared: without regard to case, and to how accents are encoded."""
    return unicodedata.normalize("NFC", name).casefold()


def _keys(paths):
    """{key of a name or stem: name} of the stimuli."""
    stems = {_key(path.stem): name for name, path in paths.items()}
    return stems | {_key(name): name for name in paths}


def _named(folder, table, row, known):
    """The name of the stimulus that a row means."""
    name = known.get(_key(re.split(r"[\\/]", row.stimulus)[-1]))
    if name is None:
        hint = nearest(row.stimulus, list(known.values()))
        what = shown(row.stimulus)
        raise InputError(f"{table}, line {row.line}: {folder} has no {what}{hint}; add it or take its rows out")
    return name


def _measured(folder, paths, kind):
    """{name: Stimulus} of {name: Path}."""
    if kind == "images":
        return {name: Stimulus(path, media.image_size(path)) for name, path in paths.items()}
    from mindaam.data.videos.reading import video_info
    from mindaam.data.videos.timeline import timeline
    from mindaam.data.videos.timeline_cache import find_timelines

    infos = {name: video_info(path) for name, path in paths.items()}
    known = find_timelines(folder, list(paths))
    known = {name: known.get(name) or timeline(path) for name, path in paths.items()}
    for name, path in paths.items():
        _require_end(path, known[name])
    return {name: Stimulus(path, (infos[name].height, infos[name].width), known[name]) for name, path in paths.items()}


def _require_end(path, known):
    """InputError for a video that was truncated, as an interrupted copy is: the gaze after it would be lost."""
    from mindaam.data.videos.numbered import numbered_frames
    from mindaam.data.videos.reading import VideoBroken

    try:
        for _ in numbered_frames(path, known, [len(known.times) - 1]):
            pass
    except VideoBroken as error:
        raise InputError(
            f"{path} is damaged or truncated at second {error.time:.1f}; copy or save it again, or take its rows "
            "out of the table"
        ) from error


def _sound(film):
    """The audio file of a video, beside it or in `sounds` there; None when it has none."""
    return media.audio_file([film.parent, film.parent / SOUNDS], film.stem)


def _scored(name, own, condition):
    """The sentence that a condition is scored with, its own or the project's."""
    try:
        return SetPrompts(name, own).of(condition)[0]
    except ConfigError:
        raise InputError(
            f'the condition "{condition}" has no prompt; give --sentence "{condition}=A viewer '
            '..." once, or several times in different words'
        ) from None
