"""A folder of films with recorded gaze, read as the data sets of films are.

Layout: as a gaze folder of pictures, with films in `stimuli/`; `films` in meta.json gives each one's size, number of
frames and rate; `fixations.csv.gz` says when (t_ms) and how long (duration_ms) each fixation was; `sounds/<film's
stem>.wav`, or with another of `media.AUDIO_SUFFIXES`, takes the place of the film's own sound.
`docs/your-own-data.md` has it in full.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from mindaam.data import media
from mindaam.data.datasets.catalogue import Record
from mindaam.data.datasets.forms.video_forms import VideoFacts
from mindaam.data.datasets.readers import gaze_files
from mindaam.data.datasets.readers.video_index import Film
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.datasets.set_prompts import read_set_prompts
from mindaam.data.datasets.tree import Tree
from mindaam.errors import InputError

SOUNDS = "sounds"


def open_gaze_videos(root, split="train", truth=None):
    """The VideoSet of one split of a gaze folder of films: a film under each condition in which it was seen.

    truth: GroundTruth, of which the source is fixations in any case. Every film is opened and compared with meta.json.
    Raises InputError for a missing, damaged or incomplete folder, an unknown split, and films that are not the ones the
    gaze was recorded on.
    """
    from mindaam.data.videos.timeline_cache import find_timelines

    root = Path(root)
    meta = gaze_files.read_meta(root, "films")
    name = meta.get("name", root.name)
    texts = read_set_prompts(root, name, meta)
    names = gaze_files.split_names(root, split)
    for each in names:
        if PurePosixPath(each).suffix.lower() not in media.VIDEO_SUFFIXES:
            known = ", ".join(media.VIDEO_SUFFIXES)
            raise InputError(f"{root}: the name of {each} is not that of a film; use one of {known}")
    timelines = find_timelines(root, [f"{gaze_files.STIMULI}/{each}" for each in names])
    facts = {each: _checked(root, meta["films"], each, timelines) for each in names}
    seen = gaze_files.read_timed(root / gaze_files.FIXATIONS)
    films = [
        _film(root, each, split, condition, facts[each], seen[each, condition])
        for condition in meta["conditions"]
        for each in names
        if (each, condition) in seen
    ]
    gaze_files.require_gaze(root, split, names, [(film.name, None) for film in films])
    sounding = any(info.has_audio for _, _, info in facts.values()) or any(film.sound for film in films)
    record = _record(root, name, meta, len(names), sounding)
    return VideoSet(Tree(root), record, record.layouts[0], films, split, truth, texts)


def _checked(root, listed, name, known):
    """(Timeline, rate, VideoInfo) of a film; InputError unless it is as meta.json says. known: {path: Timeline}."""
    from mindaam.data.videos.reading import frame_count, video_info
    from mindaam.data.videos.timeline import timeline

    path, size = root / gaze_files.STIMULI / name, gaze_files.stored_size(root, listed, name)
    try:
        frames, rate = int(listed[name]["frames"]), float(listed[name]["rate"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{root}: meta.json gives no frames or no rate for {name}; restore the file") from None
    info = video_info(path)
    found = known.get(f"{gaze_files.STIMULI}/{name}") or timeline(path)
    told, actual = [(len(found.times), found.rate), (len(found.times), found.nominal)], found.rate
    if frames != len(found.times):  # written by one who believed the header
        told.append(frame_count(path))
    if (info.height, info.width) != size or not any(_alike((frames, rate), each) for each in told):
        raise InputError(
            f"{path}: the film has {len(found.times)} frames of {info.width}x{info.height} at {actual:.4g} a second, "
            f"but meta.json and its gaze are for {frames} of {size[1]}x{size[0]} at {rate:.4g}; restore the original "
            "film"
        )
    return found, rate, info


def _alike(told, found):
    """Whether two (frames, frames a second) are of one film, whose rate may be rounded."""
    return told[0] == found[0] and abs(told[1] - found[1]) <= 0.01 * found[1]


def _film(root, name, split, condition, facts, fixations):
    known, rate, info = facts
    numbers, stem = np.arange(len(known.times)), PurePosixPath(name).stem
    sound = media.audio_file([root / SOUNDS], stem)
    told = VideoFacts(name, numbers, rate, (info.height, info.width), timeline=known)
    return Film(
        name=name,
        split=split,
        path=f"{gaze_files.STIMULI}/{name}",
        numbers=numbers,
        start=0,
        labels=numbers,
        mapped=np.zeros(len(numbers), bool),
        gazed=np.ones(len(numbers), bool),
        gaze=(gaze_files.FIXATIONS,),
        rate=rate,
        sound=None if sound is None else f"{SOUNDS}/{sound.name}",
        fields={"video": stem, "ext": PurePosixPath(name).suffix[1:], "condition": condition},
        timeline=known,
        beyond=gaze_files.beyond(fixations, told),
    )


def _record(root, name, meta, count, sounding):
    """The Record of a gaze folder of films, as the catalogue has one of each published set."""
    degree = gaze_files.px_per_degree(root, meta)
    layout = {
        "name": "gaze folder",
        "documented": "docs/your-own-data.md",
        "films": [f"{gaze_files.STIMULI}/{{video}}.{{ext}}"],
        "fixations": {"form": "gaze_csv", "path": gaze_files.FIXATIONS},
        "sound": f"{SOUNDS}/{{video}}.*",
        "splits": {"by": "all", "official": False, "source": gaze_files.SPLITS},
    }
    return Record(
        key=name,
        title=str(meta.get("title", name)),
        paper="",
        home="",
        folders=[root.name],
        modality="audio_video" if sounding else "video",
        scene="",
        level="mid",
        task="",
        condition=next(iter(meta["conditions"])),
        published={"table": 0, "total": count},
        licence={"name": str(meta.get("licence", "")), "redistribution": "", "source": gaze_files.META},
        viewing={
            "px_per_degree": degree,
            "source": gaze_files.META if degree else f"{gaze_files.META} gives no px_per_degree_stored",
        },
        layouts=[layout],
    )
