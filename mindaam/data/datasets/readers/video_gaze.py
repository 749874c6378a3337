"""Fixations of one video of a dataset, and published maps, from files for each frame or for the whole video."""

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from mindaam.data import media
from mindaam.data.datasets.forms.image_forms import IMAGE_FORMS
from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS, VideoFacts
from mindaam.data.datasets.readers.video_problems import frames_and_rate, map_fault
from mindaam.errors import InputError


class VideoGaze(NamedTuple):
    """Fixations of a whole video. of_frame: {frame number: float32 [n,2] (x, y), or [n,3] (x, y, viewer)}; beyond:
    number of fixations before its first frame or after its last."""

    of_frame: dict = {}
    beyond: int = 0


def read_video_gaze(tree, layout, video, size):
    """The VideoGaze of a video; an empty one where no file has any.

    tree: Tree; layout: Layout with fixations for whole videos; video: Video; size: (height, width) of its frames.
    """
    if not video.gaze:
        return VideoGaze()
    beyond, form = [], layout.fixations
    facts = VideoFacts(
        video.name, video.numbers, video.rate, size, video.start, video.timeline, beyond, _map_size(tree, video)
    )
    paths = [tree.path(path) for path in video.gaze]
    options = {key: video.fields[key] for key in ("condition",) if key in video.fields}
    return VideoGaze(VIDEO_FORMS[form.form](paths, facts, **form.options, **options), sum(beyond))


def read_frame_gaze(tree, layout, video, position, size):
    """The fixations of one frame, float32 [n,2] (x, y), n >= 0, from a file of its own.

    tree, layout, video, size: as above, the layout with fixations for frames. InputError for a file that is missing or
    damaged.
    """
    if not video.gazed[position]:
        return np.zeros((0, 2), np.float32)
    form, fields = layout.fixations, _fields(video, position)
    path = tree.first([form.path], fields)
    if path is None:
        raise InputError(f"{tree.path(video.path)}: the fixations of frame {fields['frame']} no longer exist")
    return IMAGE_FORMS[form.form](tree.path(path), size, **form.options)


def _map_size(tree, video):
    """(height, width) of a video of maps; None where there is none, or only a damaged one, which its reader reports."""
    from mindaam.data.videos.reading import video_info

    if video.maps is not None:
        with suppress(InputError):
            info = video_info(tree.path(video.maps))
            return info.height, info.width
    return None


def open_maps(tree, video):
    """The GrayFrames of a video's maps. InputError where there are none, or another number of them than frames."""
    from mindaam.data.videos.gray import GrayFrames

    if video.maps is None:
        raise InputError(f"{tree.path(video.path)}: the video has no published maps")
    path, timeline = tree.path(video.maps), video.map_timeline
    if timeline is None:  # even times, as those of the video's own frames are then
        count = int(video.numbers.max(initial=0)) + 1
        return GrayFrames(path, np.arange(count) / frames_and_rate(path)[1], exact=False)
    fault = map_fault(video, len(timeline.times))
    if fault:
        raise InputError(f"{path}: {fault}")
    return GrayFrames(path, timeline.times)


def map_of(gray, what):
    """Gray values of a map, float32 [h,w], less their minimum, for which videos have a level above 0. BlankMap, which
    names `what`, where all are equal."""
    least, most = gray.min(), gray.max()
    if not most > least:
        raise media.BlankMap(f"{what}: the density map is blank; restore the original file")
    return gray - least


def read_frame_map(tree, layout, video, position):
    """The published density map of one frame, float32 [h,w] as stored; InputError when it is damaged or blank."""
    path = frame_map(tree, layout, video, position)
    if path is None:
        number = int(video.labels[position])
        raise InputError(f"{tree.path(video.path)}: frame {number} has no published map")
    return media.read_map(tree.path(path))


def frame_map(tree, layout, video, position):
    """The path of a frame's published map under the dataset's folder, or of the video of maps; None when it does not
    exist."""
    return video.maps or tree.first(layout.maps, _fields(video, position))


def nearest(labelled, position):
    """Positions of labeled frames by their distance from `position`, of two equal ones the later first.

    labelled: bool [n]. The released code uses the next frame, too.
    """
    places = np.flatnonzero(labelled)
    return places[np.lexsort((-places, np.abs(places - position)))].tolist()


def _fields(video, position):
    return {**video.fields, "frame": int(video.labels[position])}
