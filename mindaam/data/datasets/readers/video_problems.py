"""What is wrong with the files of a video of a dataset: missing or misfit frames, maps, fixations and audio."""

import numpy as np

from mindaam.data.datasets.tree import DAMAGED, FOLDER, NOTE, Problem, compiled, fill, is_plain
from mindaam.errors import InputError


def problems_of(tree, layout, video, source):
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


def without_video(tree, layout, known):
    """The Problems of folders of maps or fixations without a video. known: the fields of all videos."""
    for pattern in [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]:
        if "{frame" not in pattern:
            continue
        folder = pattern.rpartition("/")[0]
        mine = {fill(folder, fields) for fields in known if is_plain(folder, fields)}
        for path, _ in tree.folders(folder):
            if path not in mine and any(size != FOLDER for size in tree.listing(path).values()):
                yield Problem(path, "a folder of maps or fixations without a video")


def map_fault(video, maps):
    """A sentence if a video of maps does not have as many frames as its video, else None. maps: their number."""
    frames = len(video.numbers) + int(video.numbers[0]) if len(video.numbers) else 0
    if maps == frames:
        return None
    return f"the video of maps has {maps:,} frames but the video has {frames:,}; restore the original files"


def maps_in(tree, video):
    """Number of frames of a video of maps, by its header if it was not decoded; InputError when it is damaged."""
    timeline = video.map_timeline
    return frames_and_rate(tree.path(video.maps))[0] if timeline is None else len(timeline.times)


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


def frames_and_rate(path):
    """(frames, frames per second) of a video file, from its header."""
    from mindaam.data.videos.reading import frame_count

    return frame_count(path)


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
    if video.maps is not None:
        yield from _map_problems(tree, video, DAMAGED if source == "maps" else NOTE)
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


def _map_problems(tree, video, severity):
    """The Problems of a video of maps: damage, and another number of frames than the video has."""
    try:
        fault = map_fault(video, maps_in(tree, video))
    except InputError as error:
        fault = str(error).removeprefix(str(tree.path(video.maps))).lstrip(": ")
    if fault:
        yield Problem(video.maps, fault, severity, video.name)


def _skipped(tree, layout, video):
    """Labels of the frames at the start of the video that the layout skips."""
    if layout.frames:
        return sorted(frame_files(tree, layout.frames, video.fields))[: layout.skip_frames]
    return range(layout.first_frame, layout.first_frame + layout.skip_frames)


def _counted(numbers, what):
    return f"1 {what} is" if len(numbers) == 1 else f"{len(numbers)} {what}s are"


def _some(numbers):
    return ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
