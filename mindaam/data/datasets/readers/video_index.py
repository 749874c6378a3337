"""The videos of a dataset, as folders of frames or video files, with their maps, fixations and audio."""

from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS
from mindaam.data.datasets.splits import assign, names_in
from mindaam.data.datasets.tree import DAMAGED, FOLDER, NOTE, Problem, compiled, fill, is_plain, prefix
from mindaam.data.tables import number
from mindaam.errors import InputError

MAX_RATE = 1e6  # frames per second


class Video(NamedTuple):
    """A video of a dataset.

    name: its path below the folder of all videos. split: None where the rule of the split excludes it. path: its file,
    or the folder of its frames, under the dataset's folder. numbers: int [n], the frames' numbers as in their file
    names, of a video file 0..n-1; start: that of its very first frame, which may be skipped. labels: int [n], the
    numbers of the frames' maps and fixation files. mapped, gazed: bool [n], whether a frame has a map, a fixation file;
    of fixations for the whole video, all or none. gaze: paths of those. rate: frames per second. audio: path of the
    audio file, or None; a video file may have its own track. fields: those of its pattern. timeline: Timeline of a
    video file, None before it is decoded, when only the number of frames in its header is available. beyond: known
    number of fixations before its first frame or after its last, which are skipped.
    """

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


def whole_video(layout):
    """Whether a layout's fixations are in files for whole videos, rather than for frames."""
    return layout.fixations is not None and layout.fixations.form in VIDEO_FORMS


def index(tree, layout, source):
    """All videos of a layout, of every split, as (Videos sorted by name, Problems).

    tree: Tree; layout: Layout; source: "fixations" or "maps", what densities are made of. A video of a labeled split
    without it is damaged, a video without the other one is a note.
    """
    places = _folders(tree, layout) if layout.frames else _files(tree, layout)
    splits = assign(tree, layout.splits, [fields for _, fields in places])
    shared = min((prefix(pattern) for pattern in (layout.films or [layout.frames])), key=len)
    rates, videos, refused = _rates(tree, layout), [], {}
    known = {} if layout.frames else _known(tree, [path for path, _ in places])
    for (path, fields), split in zip(places, splits, strict=True):
        name = path.removeprefix(shared)
        try:
            videos.append(_video(tree, layout, name, split, path, fields, rates, known.get(path)))
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
            problems += _problems(tree, layout, video, source)
    problems += _without_video(tree, layout, [fields for _, fields in places])
    return videos, [*tree.problems, *problems]


def with_timelines(tree, layout, videos):
    """The Videos with the frames that can be decoded, rather than the number in their headers; unchanged where no frame
    can be decoded, and for folders of frames."""
    if layout.frames:
        return list(videos)
    from mindaam.data.videos.timeline_cache import find_timelines

    found = find_timelines(tree.root, [video.path for video in videos if video.timeline is None])
    return [
        _video(tree, layout, video.name, video.split, video.path, video.fields, {}, found[video.path])
        if video.path in found
        else video
        for video in videos
    ]


def frame_files(tree, pattern, fields):
    """{frame number: size in bytes} of the files of one video that fit a pattern with `{frame}` in the file's name."""
    folder, _, name = pattern.rpartition("/")
    if not is_plain(folder, fields):
        return {}
    shape, found = compiled(name, fields), {}
    for file, size in tree.listing(fill(folder, fields)).items():
        match = shape.fullmatch(file) if size != FOLDER else None
        if match is not None:
            found[int(match.group("frame"))] = size
    return found


def _folders(tree, layout):
    """[(folder of frames, fields)] of videos that are folders of images."""
    folder, _, name = layout.frames.rpartition("/")
    return [(path, fields) for path, fields in tree.folders(folder) if frame_files(tree, layout.frames, fields)]


def _files(tree, layout):
    found = {match.path: match.fields for pattern in layout.films for match in tree.find(pattern)}
    return [(path, found[path]) for path in sorted(found)]


def _video(tree, layout, name, split, path, fields, rates, timeline=None):
    if layout.frames:
        every = np.array(sorted(frame_files(tree, layout.frames, fields)), np.int64)
        start, numbers = int(every[0]), every[layout.skip_frames :]
        labels, rate = numbers, rates.get(fields.get("video", name), layout.rate)
    else:
        count, rate = (len(timeline.times), timeline.rate) if timeline else _length(tree.path(path))
        start, numbers = 0, np.arange(layout.skip_frames, count)
        labels = numbers + layout.first_frame
    mapped = sorted({number for pattern in layout.maps for number in frame_files(tree, pattern, fields)})
    gaze, gazed = (), np.zeros(len(numbers), bool)
    if whole_video(layout):
        gaze = tuple(match.path for match in tree.find(layout.fixations.path, fields))
        gazed[:] = bool(gaze)
    elif layout.fixations:
        gazed = np.isin(labels, list(frame_files(tree, layout.fixations.path, fields)))
    audio = tree.first([layout.sound], fields) if layout.sound else None
    mapped = np.isin(labels, mapped)
    return Video(name, split, path, numbers, start, labels, mapped, gazed, gaze, float(rate), audio, fields, timeline)


def _unreadable(layout, name, split, path, fields):
    """A video that exists but is damaged, without frames."""
    none, never = np.zeros(0, np.int64), np.zeros(0, bool)
    return Video(name, split, path, none, 0, none, never, never, (), layout.rate, None, fields)


def _known(tree, paths):
    """{path: Timeline} of the video files that were decoded before."""
    from mindaam.data.videos.timeline_cache import known_timelines

    return known_timelines(tree.root, paths)


def _is_doubtful(tree, layout, video):
    """Whether the number of maps and fixation files of a video file disagrees with the frames of its header."""
    if layout.frames or video.timeline is not None:
        return False
    patterns = [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]
    for pattern in [each for each in patterns if "{frame" in each]:
        labelled = frame_files(tree, pattern, video.fields)
        if labelled and max(labelled) != layout.first_frame + layout.skip_frames + len(video.numbers) - 1:
            return True
    return False


def _length(path):
    """(frames, frames per second) of a video file, from its header."""
    from mindaam.data.videos.reading import frame_count

    return frame_count(path)


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


def _problems(tree, layout, video, source):
    """The Problems of one video."""
    if layout.frames:
        yield from _frame_problems(tree, layout, video)
    if video.audio is not None and tree.size(video.audio) == 0:
        yield Problem(video.audio, "the audio file is empty (0 bytes)", stimulus=video.name)
    elif layout.sound and video.audio is None:
        yield Problem(video.path, f"the video has no audio file ({fill(layout.sound, video.fields)})", NOTE, video.name)
    if not len(video.numbers):
        yield Problem(video.path, "the video has no frames", stimulus=video.name)
    elif video.split is not None and video.split not in layout.splits.unlabelled:
        yield from _truth_problems(tree, layout, video, source)


def _frame_problems(tree, layout, video):
    """Frames that are empty or missing."""
    sizes = frame_files(tree, layout.frames, video.fields)
    empty = [number for number in video.numbers.tolist() if sizes[number] == 0]
    if empty:
        reason = f"{_counted(empty, 'frame')} empty (0 bytes): {_some(empty)}"
        yield Problem(video.path, reason, stimulus=video.name)
    gaps = np.flatnonzero(np.diff(video.numbers) != 1)
    if len(gaps):
        missing = [int(video.numbers[gap]) + 1 for gap in gaps]
        yield Problem(video.path, f"frames are missing from number {_some(missing)} on", stimulus=video.name)


def _truth_problems(tree, layout, video, source):
    """Maps and fixations that are missing, empty, or of frames that do not exist."""
    patterns = {"maps": layout.maps, "fixations": [layout.fixations.path] if layout.fixations else []}
    for kind, there in (("maps", video.mapped), ("fixations", video.gazed)):
        if patterns[kind] and not there.any():
            severity = DAMAGED if kind == source else NOTE
            yield Problem(video.path, f"the video has no {kind}", severity, video.name)
        elif patterns[kind] and not there.all():
            yield Problem(video.path, f"{int((~there).sum())} of {len(there)} frames have no {kind}", NOTE, video.name)
    known = {*video.labels.tolist(), *_skipped(tree, layout, video)}
    for what, pattern in [(what, each) for what, some in patterns.items() for each in some if "{frame" in each]:
        files = frame_files(tree, pattern, video.fields)
        empty = sorted(number for number, size in files.items() if size == 0)
        if empty:
            reason = f"the {what} of {_counted(empty, 'frame')} empty (0 bytes): {_some(empty)}"
            yield Problem(video.path, reason, stimulus=video.name)
        alone = sorted(set(files) - known)
        if alone:
            reason = f"the {what} of {_counted(alone, 'frame')} without the frame: {_some(alone)}"
            yield Problem(video.path, reason, stimulus=video.name)
    for path in video.gaze:
        if tree.size(path) == 0:
            yield Problem(path, "the file of fixations is empty (0 bytes)", stimulus=video.name)


def _skipped(tree, layout, video):
    """Labels of the frames at the start of the video that the layout skips."""
    if layout.frames:
        return sorted(frame_files(tree, layout.frames, video.fields))[: layout.skip_frames]
    return range(layout.first_frame, layout.first_frame + layout.skip_frames)


def _without_video(tree, layout, known):
    """The Problems of folders of maps or fixations without a video. known: the fields of all videos."""
    for pattern in [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]:
        if "{frame" not in pattern:
            continue
        folder = pattern.rpartition("/")[0]
        mine = {fill(folder, fields) for fields in known if is_plain(folder, fields)}
        for path, _ in tree.folders(folder):
            if path not in mine and any(size != FOLDER for size in tree.listing(path).values()):
                yield Problem(path, "a folder of maps or fixations without a video")


def _counted(numbers, what):
    return f"1 {what} is" if len(numbers) == 1 else f"{len(numbers)} {what}s are"


def _some(numbers):
    return ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
