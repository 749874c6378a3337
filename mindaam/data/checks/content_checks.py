"""What is inside the files of one image or video: does everything open, do sizes agree, where do fixations lie.

Nothing is decoded that a header tells, unless everything is asked for ("deep").
"""

from typing import NamedTuple

import numpy as np

from mindaam.data import media
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.readers.image_index import in_tables
from mindaam.data.datasets.readers.video_frames import read_frames
from mindaam.data.datasets.readers.video_gaze import frame_map
from mindaam.data.datasets.readers.video_index import whole_video
from mindaam.data.datasets.tree import DAMAGED, NOTE, Problem
from mindaam.errors import InputError, unforeseen

FRAMES = 5  # of a video, spread over it, of which maps and fixations are opened unless all are
ASPECT = 0.02  # relative difference of two aspect ratios that rounding to whole pixels may leave
STRAY = 0.5  # share of an image's or video's fixations outside it from which on they cannot be meant for it


class Look(NamedTuple):
    """What was seen of one image or video.

    problems: Problems. images: images or frames that were opened. fixations: how many were read; outside: of these,
    how many lie outside the image; outside_swapped: how many would if x and y were swapped. fits: how well fixations
    lie on the published maps, [(mean standardized map value at them, the same with x and y swapped)].
    """

    problems: tuple = ()
    images: int = 0
    fixations: int = 0
    outside: int = 0
    outside_swapped: int = 0
    fits: tuple = ()


def together(looks):
    """One Look that adds up several."""
    looks = list(looks)
    counts = (sum(look[field] for look in looks) for field in range(1, 5))
    problems = tuple(problem for look in looks for problem in look.problems)
    return Look(problems, *counts, tuple(fit for look in looks for fit in look.fits))


def look_at_image(reader, index, *, labelled=True, gaze=True, deep=False):
    """The Look at one image of a ImageSet.

    labelled: whether it should have a truth; gaze: whether its fixations can be read; deep: decode the image too.
    What is wrong with maps where densities are made of fixations is a note, and the other way round.
    """
    stimulus, problems = reader.stimuli[index], []
    attempt = _Attempts(reader.tree, stimulus.name, problems)
    size = attempt(stimulus.path, lambda: reader.image(index).shape[:2] if deep else reader.size(index))
    if size is None or not labelled:
        return Look(tuple(problems), 1)
    published, weight = None, _weights(reader)
    if stimulus.map is not None:
        published = attempt(stimulus.map, lambda: media.read_map(reader.map_path(index)), weight["maps"])
        if published is not None:
            problems += disagreeing(stimulus.map, stimulus.name, published.shape, size, weight["maps"])
    fixations = reader.layout.fixations
    if not gaze or fixations is None or (stimulus.gaze is None and not in_tables(reader.layout)):
        return Look(tuple(problems), 1)
    where = stimulus.gaze or fixations.path
    points = attempt(where, lambda: reader.recorded(index), weight["fixations"])
    if points is None:
        return Look(tuple(problems), 1)
    look = judged(points, size, published)
    problems += straying(where, stimulus.name, look, size, weight["fixations"])
    return look._replace(problems=tuple(problems), images=1)


def look_at_video(reader, index, *, labelled=True, deep=False):
    """The Look at one video of a VideoSet: at some frames spread over it, or at all of them when deep; as above."""
    film, problems = reader.videos[index], []
    attempt = _Attempts(reader.tree, film.name, problems)
    count = reader.frames(index)
    opened_places = list(range(count)) if deep else sample_indices(count, FRAMES)
    size = attempt(film.path, lambda: reader.size(index))
    if size is None:
        return Look(tuple(problems))
    opened = attempt(film.path, lambda: _frames_opened(reader, index, opened_places, deep)) or 0
    attempt(film.audio or film.path, lambda: _heard(reader, index, deep))
    if not labelled:
        return Look(tuple(problems), opened)
    weight, places = _weights(reader), opened_places
    if whole_video(reader.layout) and film.gaze:
        if attempt(film.path, lambda: reader.recorded(index, 0), weight["fixations"]) is None:
            return Look(tuple(problems), opened)
        places = range(count)  # all fixations are in memory now
    looks, mapped = [], {place for place in opened_places if film.mapped[place]}
    for place in places:
        published = attempt(film.path, lambda at=place: _map(reader, index, at, mapped), weight["maps"])
        if published is not None:
            file = _map_file(reader, film, place)
            problems += disagreeing(file, film.name, published.shape, size, weight["maps"])
        if film.gazed[place]:
            points = attempt(film.path, lambda at=place: reader.recorded(index, at), weight["fixations"])
            looks += [] if points is None or not len(points) else [judged(points, size, published)]
    look = together(looks)
    if film.gazed.any() and not problems:
        some = None if len(places) == count else len(places)
        problems += straying(film.path, film.name, look, size, weight["fixations"], some)
    late = reader.video_gaze(index).beyond
    if late:
        reason = f"{late} fixations are on frames before the first or after the last; they are skipped"
        problems.append(Problem(film.path, reason, NOTE, film.name))
    fits = (_mean(look.fits),) if look.fits else ()  # frames of one video are no independent witnesses
    return look._replace(problems=tuple(dict.fromkeys(problems)), images=opened, fits=fits)


def judged(points, size, published=None):
    """The Look that counts fixations [n,2] (x, y) on an image of `size` (H, W); published: its map [h,w], or None."""
    points = np.asarray(points, np.float32).reshape(-1, 2)
    inside, turned = ground_truth.inside(points, size), ground_truth.inside(points[:, ::-1], size)
    fits = ()
    if published is not None and len(inside) and len(turned) and published.std() > 0:
        standard = (published - published.mean()) / published.std()
        fits = ((_at(standard, inside, size), _at(standard, turned, size)),)
    return Look((), 0, len(points), len(points) - len(inside), len(points) - len(turned), fits)


def straying(path, stimulus, look, size, severity=DAMAGED, frames=None):
    """The Problems of an image's or video's fixations as counted by a Look: none at all, or outside the image.

    frames: of how many frames they are, None for all of them. severity: of what makes them useless.
    """
    if not look.fixations and frames is not None:
        return [Problem(path, f"none of {frames} frames looked at has a fixation", NOTE, stimulus)]
    if not look.fixations:
        return [Problem(path, "holds no fixation", severity, stimulus)]
    if not look.outside:
        return []
    lie = "lies" if look.outside == 1 else "lie"
    counted = f"{look.outside} of {look.fixations} fixations {lie} outside the image, which is {size[1]}x{size[0]}"
    if look.outside > STRAY * look.fixations:
        likely = look.outside_swapped < look.outside
        why = "x and y seem to be swapped" if likely else "they seem to be for another size"
        return [Problem(path, f"{counted}: {why}; restore the file", severity, stimulus)]
    return [Problem(path, f"{counted}; they are skipped", NOTE, stimulus)]


def disagreeing(path, stimulus, found, size, severity=DAMAGED):
    """The Problems of a map of size `found` (H, W) on an image of `size`: another shape, or only another size."""
    if tuple(found) == tuple(size):
        return []
    sizes = f"the map is {found[1]}x{found[0]}, the image {size[1]}x{size[0]}"
    rounding = max(ASPECT, 1 / min(*found, *size))
    if abs(found[1] * size[0] / (found[0] * size[1]) - 1) > rounding:
        return [Problem(path, f"sizes disagree: {sizes}; restore the original files", severity, stimulus)]
    return [Problem(path, f"{sizes}; it is resized", NOTE, stimulus)]


def sample_indices(count, most):
    """At most `most` of the places 0..count-1, evenly spread from the first to the last; the same every time."""
    if count <= most:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, most).round().astype(int)).tolist()


def reason_of(error, tree, path):
    """What an InputError says, without the path under the tree at its beginning, or at least without the tree's."""
    text, whole = str(error), str(tree.path(path))
    if text.startswith((f"{whole} ", f"{whole}:")):
        return text[len(whole) :].lstrip(": ")
    return text.removeprefix(f"{tree.root}/")


class _Attempts:
    """Runs readers and notes what they refuse as Problems of one stimulus."""

    def __init__(self, tree, stimulus, problems):
        self._tree, self._stimulus, self._problems = tree, stimulus, problems

    def __call__(self, path, read, severity=DAMAGED):
        """What `read` gives, or None after any exception."""
        try:
            return read()
        except InputError as error:
            problem = error
        except Exception as error:  # whatever it is, it is about one file of many, which are all looked at
            problem = unforeseen(self._tree.path(path), error)
        self._problems.append(Problem(path, reason_of(problem, self._tree, path), severity, self._stimulus))
        return None


def _weights(reader):
    """How severe a fault of fixations, or of maps, is: what densities are not made of can be done without."""
    return {kind: DAMAGED if reader.source == kind else NOTE for kind in ("fixations", "maps")}


def _map(reader, index, place, mapped):
    """A frame's map if it is one of those `mapped`; None where it is blank: then the nearest other frame's is taken,
    which is no fault."""
    try:
        if place not in mapped:
            return None
        return reader.published_map(index, place)
    except media.BlankMap:
        return None


def _map_file(reader, film, place):
    """The path of a frame's map under the dataset's folder, or of the video where it has none."""
    return frame_map(reader.tree, reader.layout, film, place) or film.path


def _heard(reader, index, deep):
    """Opens a video's sound if it has any; deep: decodes it to its end. InputError for one that is damaged."""
    from mindaam.data.audio.audio_track import AudioTrack

    if reader.has_audio(index):
        with AudioTrack(reader.audio_path(index), rate=None) as track:
            if deep:
                for _ in track.pieces():
                    pass  # it is decoded, and not kept


def _frames_opened(reader, index, positions, deep):
    """How many frames were opened: decoded when deep or in a video file, by their headers otherwise."""
    film, frames = reader.videos[index], reader.layout.frames
    if not frames:
        groups = [positions] if deep else [[place] for place in sorted({*positions[:1], *positions[-1:]})]
        return sum(1 for group in groups for _ in _frames(reader, index, group))
    if deep:
        return sum(1 for _ in _frames(reader, index, positions))
    size = reader.size(index)
    for position in positions:
        name = reader.tree.first([frames], {**film.fields, "frame": int(film.numbers[position])})
        found = media.image_size(reader.tree.path(name))
        if found != size:
            raise InputError(
                f"{reader.tree.path(name)}: sizes disagree: the frame is {found[1]}x{found[0]}, the video's first "
                f"{size[1]}x{size[0]}; restore the original frames"
            )
    return len(positions)


def _frames(reader, index, positions):
    return read_frames(reader.tree, reader.layout, reader.videos[index], positions, reader.shape(index))


def _mean(fits):
    return tuple(sum(column) / len(fits) for column in zip(*fits, strict=True))


def _at(standard, points, size):
    """Mean of a map [h,w] at fixations [n,2] of an image of `size`."""
    scale = np.array([standard.shape[1] / size[1], standard.shape[0] / size[0]])
    columns, rows = np.minimum(points * scale, [standard.shape[1] - 1, standard.shape[0] - 1]).astype(int).T
    return float(standard[rows, columns].mean())
