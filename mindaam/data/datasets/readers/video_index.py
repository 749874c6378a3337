"""The videos of a dataset, as folders of frames or video files, with their maps, fixations and audio."""

from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS
from mindaam.data.datasets.readers.video_problems import (
    frame_files,
    frames_and_rate,
    map_fault,
    maps_in,
    problems_of,
    without_video,
)
from mindaam.data.datasets.splits import assign, names_in
from mindaam.data.datasets.tree import Problem, prefix
from mindaam.data.tables import number
from mindaam.errors import InputError

MAX_RATE = 1e6  # frames per second


class Video(NamedTuple):
    """A video of a dataset.

    name: its path below the folder of all videos of its pattern. split: None where the rule of the split excludes it.
    path: its file, or the folder of its frames, under the dataset's folder. numbers: int [n], the frames' numbers as in
    their file names, of a video file 0..n-1; start: that of its very first frame, which may be skipped. labels: int
    [n], the numbers of the frames' maps and fixation files. mapped, gazed: bool [n], whether a frame has a map, a
    fixation file; of fixations for the whole video, all or none. gaze: paths of those. rate: frames per second. audio:
    path of the audio file, or None; a video file may have its own track. fields: those of its pattern, and `subset`,
    the part of the split that it belongs to, if a split has parts. timeline: Timeline of a video file, None before it
    is decoded, when only the number of frames in its header is available. beyond: known number of fixations before its
    first frame or after its last, which are skipped. maps: path of the video of its maps, or None; map_timeline: its
    Timeline."""

    name: str
    split: str | None
    path: str
    numbers: np.ndarray
    start: int
    labels: np.ndarray
    mapped: np.ndarray
    gazed: np.ndarray
    gaze: tuple
    rate: float
    audio: str | None
    fields: dict
    timeline: object = None
    beyond: int = 0
    maps: str | None = None
    map_timeline: object = None


def whole_video(layout):
    """Whether a layout's fixations are in files for whole videos, rather than for frames."""
    return layout.fixations is not None and layout.fixations.form in VIDEO_FORMS


def map_videos(layout):
    """Whether the maps of a layout of videos are videos, rather than an image for each frame."""
    return any("{frame" not in pattern for pattern in layout.maps)


def index(tree, layout, source):
    """All videos of a layout, of every split, as (Videos sorted by name, Problems).

    tree: Tree; layout: Layout; source: "fixations" or "maps", what densities are made of. A video of a labeled split
    without it is damaged, a video without the other one is a note.
    """
    places = _folders(tree, layout) if layout.frames else _files(tree, layout)
    parts = assign(tree, layout.splits, [fields for _, _, fields in places])
    rates, videos, refused = _rates(tree, layout), [], {}
    known = {} if layout.frames else _known(tree, layout, places)
    for (path, name, fields), part in zip(places, parts, strict=True):
        split = layout.splits.whole(part)
        fields = fields if part == split else {**fields, "subset": part}
        try:
            videos.append(_video(tree, layout, name, split, path, fields, rates, known))
        except InputError as error:
            videos.append(_unreadable(layout, name, split, path, fields))
            refused[path] = str(error).removeprefix(str(tree.path(path))).lstrip(": ")
    doubtful = [video for video in videos if video.path not in refused and _is_doubtful(tree, layout, video)]
    mended = {video.path: video for video in with_timelines(tree, layout, doubtful)}
    videos, problems = [mended.get(video.path, video) for video in videos], []
    for video in videos:
        if video.path in refused:
            problems.append(Problem(video.path, refused[video.path], stimulus=video.name))
        else:
            problems += problems_of(tree, layout, video, source)
    problems += without_video(tree, layout, [fields for _, _, fields in places])
    return videos, [*tree.problems, *problems]


def with_timelines(tree, layout, videos):
    """The Videos with the frames that can be decoded, rather than the number in their headers, and videos of maps
    alike; unchanged where no frame can be decoded, and for folders of frames."""
    if layout.frames:
        return list(videos)
    from mindaam.data.videos.timeline_cache import find_timelines

    lacking = [video.path for video in videos if video.timeline is None]
    lacking += [video.maps for video in videos if video.maps is not None and video.map_timeline is None]
    found = find_timelines(tree.root, lacking)
    return [
        video._replace(map_timeline=found.get(video.maps, video.map_timeline))
        if video.path not in found
        else _video(tree, layout, video.name, video.split, video.path, video.fields, {}, found)
        for video in videos
    ]


def _folders(tree, layout):
    """[(folder of frames, name, fields)] of videos that are folders of images."""
    folder, shared = layout.frames.rpartition("/")[0], prefix(layout.frames)
    places = [(path, fields) for path, fields in tree.folders(folder) if frame_files(tree, layout.frames, fields)]
    return [(path, path.removeprefix(shared), fields) for path, fields in places]


def _files(tree, layout):
    """[(path, name, fields)] of video files sorted by path; of two with one name that of the earlier pattern."""
    found = {}
    for pattern in layout.films:
        for match in tree.find(pattern):
            name = match.path.removeprefix(prefix(pattern))
            found.setdefault(name, (match.path, name, match.fields))
    return sorted(found.values(), key=lambda place: place[0])


def _video(tree, layout, name, split, path, fields, rates, known):
    """known: {path: Timeline} of video files that were decoded, among them videos of maps."""
    timeline = known.get(path)
    if layout.frames:
        every = np.array(sorted(frame_files(tree, layout.frames, fields)), np.int64)
        start, numbers = int(every[0]), every[layout.skip_frames :]
        labels, rate = numbers, rates.get(fields.get("video", name), layout.rate)
    else:
        count, rate = (len(timeline.times), timeline.rate) if timeline else frames_and_rate(tree.path(path))
        start, numbers = 0, np.arange(layout.skip_frames, count)
        labels = numbers + layout.first_frame
    maps, mapped = None, np.zeros(len(numbers), bool)
    if map_videos(layout):
        maps = tree.first(layout.maps, fields)
        mapped[:] = maps is not None
    else:
        labelled = sorted({number for pattern in layout.maps for number in frame_files(tree, pattern, fields)})
        mapped = np.isin(labels, labelled)
    gaze, gazed = (), np.zeros(len(numbers), bool)
    if whole_video(layout):
        patterns = [layout.fixations.path, *layout.fixations.also]
        places = (tuple(match.path for match in tree.find(pattern, fields)) for pattern in patterns)
        gaze = next(filter(None, places), ())
        gazed[:] = bool(gaze)
    elif layout.fixations:
        gazed = np.isin(labels, list(frame_files(tree, layout.fixations.path, fields)))
    audio = tree.first([layout.sound], fields) if layout.sound else None
    video = Video(name, split, path, numbers, start, labels, mapped, gazed, gaze, float(rate), audio, fields, timeline)
    return video if maps is None else video._replace(maps=maps, map_timeline=known.get(maps))


def _unreadable(layout, name, split, path, fields):
    """A video that exists but is damaged, without frames."""
    none, never = np.zeros(0, np.int64), np.zeros(0, bool)
    return Video(name, split, path, none, 0, none, never, never, (), layout.rate, None, fields)


def _known(tree, layout, places):
    """{path: Timeline} of the video files, and videos of maps, that were decoded before."""
    from mindaam.data.videos.timeline_cache import known_timelines

    maps = [tree.first(layout.maps, fields) for _, _, fields in places] if map_videos(layout) else []
    return known_timelines(tree.root, [path for path, _, _ in places] + [path for path in maps if path is not None])


def _is_doubtful(tree, layout, video):
    """Whether the number of maps and fixation files of a video file disagrees with the frames of its header."""
    if layout.frames or (video.timeline is not None and (video.maps is None or video.map_timeline is not None)):
        return False
    if video.maps is not None:
        try:
            return map_fault(video, maps_in(tree, video)) is not None
        except InputError:
            return False  # it is one of the Problems
    patterns = [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]
    for pattern in [each for each in patterns if "{frame" in each]:
        labelled = frame_files(tree, pattern, video.fields)
        if labelled and max(labelled) != layout.first_frame + layout.skip_frames + len(video.numbers) - 1:
            return True
    return False


def _rates(tree, layout):
    """{name of a video: frames per second} from the layout's lists: the last number of a row."""
    if layout.rates is None:
        return {}
    rates = {}
    for name, row in names_in(tree, layout.rates).items():
        try:
            rates[name] = number(row[-1])
        except ValueError:
            rates[name] = 0.0
        if rates[name] <= 0:
            raise InputError(f"{tree.root}: {layout.rates} gives no frame rate for {name}; restore the file")
    return rates
