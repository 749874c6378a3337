"""A folder of videos with gaze data, read as a dataset of videos.

Layout: as a gaze folder of images, with videos in `stimuli/`; `films` in meta.json gives the size, number of frames and
rate of each; `fixations.csv.gz` gives the start (t_ms) and duration (duration_ms) of each fixation; `sounds/<stem of
the video>.wav`, or with another of `media.AUDIO_SUFFIXES`, replaces the audio of the video. `docs/your-own-data.md`
documents it in full.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from mindaam.data import media
from mindaam.data.datasets.catalogue import Record
from mindaam.data.datasets.forms.video_forms import VideoFacts
from mindaam.data.datasets.readers import gaze_files
from mindaam.data.datasets.readers.video_index import Video
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.datasets.set_prompts import read_set_prompts
from mindaam.data.datasets.tree import Tree
from mindaam.errors import InputError

SOUNDS = "sounds"  # the folder of audio files


def open_gaze_videos(root, split="train", truth=None):
    """The VideoSet of one split of a gaze folder of videos: a video under each condition in which it was viewed.

    truth: GroundTruth, whose source is always fixations. Every video is opened and compared with meta.json. Raises
    InputError for a missing, damaged or incomplete folder, an unknown split, and videos other than those on which the
    gaze was recorded.
    """
    from mindaam.data.videos.timeline_cache import find_timelines

    root = Path(root)
    meta = gaze_files.read_meta(root, "films")
    name = meta.get("name", root.name)
    prompts = read_set_prompts(root, name, meta)
    names = gaze_files.split_names(root, split)
    for each in names:
        if PurePosixPath(each).suffix.lower() not in media.VIDEO_SUFFIXES:
            known = ", ".join(media.VIDEO_SUFFIXES)
            raise InputError(f"{root}: {each} does not have the suffix of a video; use one of {known}")
    timelines = find_timelines(root, [f"{gaze_files.STIMULI}/{each}" for each in names])
    facts = {each: _checked(root, meta["films"], each, timelines) for each in names}
    seen = gaze_files.read_timed(root / gaze_files.FIXATIONS)
    videos = [
        _video(root, each, split, condition, facts[each], seen[each, condition])
        for condition in meta["conditions"]
        for each in names
        if (each, condition) in seen
    ]
    gaze_files.require_gaze(root, split, names, [(video.name, None) for video in videos])
    with_audio = any(info.has_audio for _, _, info in facts.values()) or any(video.audio for video in videos)
    record = _record(root, name, meta, len(names), with_audio)
    return VideoSet(Tree(root), record, record.layouts[0], videos, split, truth, prompts)


def _checked(root, listed, name, known):
    """(Timeline, rate, VideoInfo) of a video; InputError unless it agrees with meta.json. known: {path: Timeline}."""
    from mindaam.data.videos.reading import frame_count, video_info
    from mindaam.data.videos.timeline import timeline

    path, size = root / gaze_files.STIMULI / name, gaze_files.stored_size(root, listed, name)
    try:
        frames, rate = int(listed[name]["frames"]), float(listed[name]["rate"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{root}: meta.json gives no frames or no rate for {name}; restore the file") from None
    info = video_info(path)
    found = known.get(f"{gaze_files.STIMULI}/{name}") or timeline(path)
    given, actual = [(len(found.times), found.rate), (len(found.times), found.nominal)], found.rate
    if frames != len(found.times):  # the header may have been written to meta.json
        given.append(frame_count(path))
    if (info.height, info.width) != size or not any(_alike((frames, rate), each) for each in given):
        raise InputError(
            f"{path}: the video has {len(found.times)} frames of {info.width}x{info.height} at {actual:.4g} per "
            f"second, but meta.json and its gaze data are for {frames} of {size[1]}x{size[0]} at {rate:.4g}; restore "
            "the original video"
        )
    return found, rate, info


def _alike(given, found):
    """Whether two (frames, frames per second) are of one video, whose rate may be rounded."""
    return given[0] == found[0] and abs(given[1] - found[1]) <= 0.01 * found[1]


def _video(root, name, split, condition, facts, fixations):
    known, rate, info = facts
    numbers, stem = np.arange(len(known.times)), PurePosixPath(name).stem
    audio = media.audio_file([root / SOUNDS], stem)
    whole = VideoFacts(name, numbers, rate, (info.height, info.width), timeline=known)
    return Video(
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
        audio=None if audio is None else f"{SOUNDS}/{audio.name}",
        fields={"video": stem, "ext": PurePosixPath(name).suffix[1:], "condition": condition},
        timeline=known,
        beyond=gaze_files.beyond(fixations, whole),
    )


def _record(root, name, meta, count, with_audio):
    """The Record of a gaze folder of videos, like those of published datasets in the catalogue."""
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
        modality="audio_video" if with_audio else "video",
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
