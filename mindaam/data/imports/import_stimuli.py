"""The images or videos of a folder that is imported: their names, sizes, frames and audio files."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

from mindaam.data import media
from mindaam.data.datasets.readers.gaze_videos import SOUNDS
from mindaam.errors import InputError


class Stimulus(NamedTuple):
    """An image or video: its path, (height, width), and of a video its Timeline."""

    path: Path
    size: tuple
    timeline: object = None


def find_stimuli(folder):
    """({name: Path} of the images or videos in a folder, `images` or `films`).

    Raises InputError for none or both of them, and for names that differ only in suffix or case.
    """
    found = media.list_files(folder, (*media.IMAGE_SUFFIXES, *media.VIDEO_SUFFIXES), "images and no videos")
    videos = [path for path in found if path.suffix.lower() in media.VIDEO_SUFFIXES]
    if videos and len(videos) < len(found):
        image = next(path for path in found if path not in videos)
        raise InputError(
            f"{folder} contains videos and images, such as {videos[0].name} and {image.name}; import one kind at a time"
        )
    stems = {}
    for path in found:
        other = stems.setdefault(key_of(path.stem), path)
        if other is not path:
            raise InputError(
                f"{folder} contains {other.name} and {path.name}, which differ only in suffix or case; rename one of "
                "them, also in the table"
            )
        if not path.name.isprintable():  # also bytes that are not UTF-8
            raise InputError(f"{folder}: the name {ascii(path.name)} is not readable text; rename the file")
    return {path.name: path for path in found}, "films" if videos else "images"


def key_of(name):
    """A name for comparison: without case, and with one encoding of accents."""
    return unicodedata.normalize("NFC", name).casefold()


def keys_of(paths):
    """{key of a name or stem: name} of the stimuli."""
    stems = {key_of(path.stem): name for name, path in paths.items()}
    return stems | {key_of(name): name for name in paths}


def measured(folder, paths, kind):
    """{name: Stimulus} of {name: Path}."""
    if kind == "images":
        return {name: Stimulus(path, media.picture_size(path)) for name, path in paths.items()}
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
    """InputError for a truncated video, as of an interrupted copy: the gaze after its end would be lost."""
    from mindaam.data.videos.numbered import numbered_frames
    from mindaam.data.videos.reading import VideoBroken

    try:
        for _ in numbered_frames(path, known, [len(known.times) - 1]):
            pass
    except VideoBroken as error:
        raise InputError(
            f"{path} is damaged or truncated at second {error.time:.1f}; copy or save the video again, or remove its "
            "rows from the table"
        ) from error


def audio_of(video):
    """The audio file of a video, beside it or in `sounds` there; None when it has none."""
    return media.audio_file([video.parent, video.parent / SOUNDS], video.stem)
