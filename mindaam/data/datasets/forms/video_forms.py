"""Fixations of whole videos in the forms in which datasets publish them: text and MATLAB files of gaze over time.

Each form is a function (paths, video, **options) -> {frame number: float32 [n,3]}: the (x, y) that fall on a frame, in
its pixels and as the source has them, also those beside the frame and NaN, and the number of the viewer; frames with
none are skipped, and forms that do not keep viewers apart return [n,2]. paths: the
files of this video, or of all videos; video: VideoFacts; options: those of the set's record. All raise InputError for a
file that is damaged or says nothing of the video.
"""

import os
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.forms.json_stream import elements
from mindaam.data.datasets.forms.matlab import read_mat
from mindaam.data.datasets.readers.gaze_files import gaze_csv
from mindaam.errors import InputError

FIXATION = 1  # DIEM's event: the eye rests
ROUNDED = 2e-3  # seconds by which containers round times, at worst, and then some
UNEVEN = 0.25  # parts of a frame's time by which even times may be off
ENDLESS = 1e12  # ms that no fixation begins after or lasts; no number is less
NUMBERS = ((2, "i"), (2, "u"), (2, "f"))  # dimensions and kinds of an array of pixels
MOST = 1e6  # pixels or frames a second that a video cannot have
CENTRE = 20  # LEDOV: what lies within a height / CENTRE of the middle may still be the point shown before the video


class VideoFacts(NamedTuple):
    """What a form needs to know of a video. name: its path or name. numbers: int [n], the frames' numbers as in their
    file names, of a video file from 0. rate: frames a second. size: (height, width) of its frames in pixels. start: the
    number of the very first frame, which may be skipped of `numbers`. timeline: the video file's Timeline, or None.
    beyond: a list that takes how many fixations are of frames before the first or after the last; None: nobody asks.
    map_size: (height, width) of its published maps, None where they are not known."""

    name: str
    numbers: np.ndarray
    rate: float
    size: tuple
    start: int = 0
    timeline: object = None
    beyond: list | None = None
    map_size: tuple | None = None

    def clock(self, ticks, second):
        """Positions of times among the frames: float64, 2.5 in the middle of the third frame's time; below 0 before the
        first frame is shown, and the number of frames or more after the last.

        ticks: float [n] since the video's start, `second` of them a second. Where the video's times are known and not
        even, they decide; even times are counted by `rate`, for containers round them.
        """
        if self.timeline is None or self._is_even():
            return ticks * self.rate / second
        times, end, _ = self.timeline
        numbers = np.arange(len(times) + 1.0)
        return np.interp(np.asarray(ticks) / second, [*times, end], numbers, left=-1.0, right=len(times) + 1.0)

    def _is_even(self):
        times = self.timeline.times
        apart = np.abs(times - np.arange(len(times)) / self.rate).max()
        return apart <= min(ROUNDED, UNEVEN / self.rate)


def diem_events(paths, film, screen=(1280, 960)):
    """DIEM's text files, one a viewer: frame (from 1), then x, y, pupil and event of the left and of the right eye.

    Places are those of a screen (width, height) on whose middle the video was shown unscaled. Of a viewer and frame
    there is one point: the mean of the eyes that rest, as the project counts none but these as certain.
    """
    frames, points = [], []
    for viewer, path in enumerate(paths):
        table = _table(path, [(str(column), np.float64) for column in range(9)], range(9))
        if not np.isfinite(table["0"]).all():
            raise InputError(f"{path} is damaged: a row has no frame number; copy the file again")
        eyes = np.stack([[table[str(column)] for column in (eye, eye + 1)] for eye in (1, 5)])  # [eye, x or y, row]
        resting = np.stack([table["4"] == FIXATION, table["8"] == FIXATION])[:, None]
        seen = resting.any((0, 1))
        total = np.where(resting, eyes, 0.0).sum(0)
        frames.append(table["0"][seen])
        points.append(_viewed(from_screen((total[:, seen] / resting.sum(0)[:, seen]).T, screen, film.size), viewer))
    frames, points = _joined(frames, points)
    return by_frame(film, frames.astype(np.int64) - 1, points)


def gaze_samples(paths, film, screen, columns, header=0, from_first=False):
    """Text files of an eye tracker's samples, one a viewer, in rows cut at blanks: DHF1K's and those of the Actions in
    the Eye.

    screen: (width, height) which the video filled as far as its shape allows. columns: those of the time in
    microseconds, x, y and the event, of which only F, a fixation, counts. header: lines before the first row.
    from_first: the video begins with the first sample, otherwise at time 0. A tracker is far quicker than a video; of a
    viewer and frame the sample nearest to the middle of the frame's time is taken.
    """
    frames, points = [], []
    for viewer, path in enumerate(paths):
        fields = [("time", np.float64), ("x", np.float64), ("y", np.float64), ("event", "U1")]
        table = _table(path, fields, columns, header)
        clock = film.clock(table["time"] - (table["time"][0] if from_first and len(table) else 0), 1e6)
        fixed = (table["event"] == "F") & (clock >= 0) & np.isfinite(clock)
        clock, rows = clock[fixed], table[fixed]
        order = np.lexsort((np.abs(clock % 1 - 0.5), np.floor(clock)))
        seen, first = np.unique(np.floor(clock)[order], return_index=True)
        frames.append(seen)
        sampled = np.stack([rows["x"], rows["y"]], 1)[order[first]]
        points.append(_viewed(from_screen(sampled, screen, film.size, fitted=True), viewer))
    frames, points = _joined(frames, points)
    return by_frame(film, frames.astype(np.int64), points)


def coutrot_mat(paths, film, variable, condition):
    """A MATLAB file of all clips: variable.condition.clip.data, [2, frames, viewers] of (x, y) in the clip's pixels.

    condition: which soundtrack the viewers heard.
    """
    path, name = _only(paths), PurePosixPath(film.name).stem
    clips = _field(_database(path, variable), condition, path, f"condition {condition}")
    clip = _field(clips, name, path, f"gaze of {name}")
    return _from_cube(_field(clip, "data", path, f"data of {name}"), film, path)


def eye_data_mat(paths, film, variable="eye_data_all"):
    """The MATLAB file of the Athens eye-tracking of ETMD and SumMe: variable.clip, [2, frames, viewers] of (x, y) in
    parts of the frame's width and height."""
    path, name = _only(paths), PurePosixPath(film.name).stem
    cube = _field(_database(path, variable), name, path, f"gaze of {name}")
    return _from_cube(cube, film, path, scale=film.size[::-1])


def ledov_mat(paths, film):
    """LEDOV's Data.mat: a row a fixation with the viewer, start and duration in ms, x, y in pixels of VideoSize.

    A fixation lies on the frames from ceil(start) to ceil(end), counted from 1. Before a video a point is shown in the
    middle: what comes before a viewer's first fixation that is off the middle both across and down is skipped, as in
    the database's own demo.m.
    """
    path = _only(paths)
    data = _database(path, "Data")
    rows, (width, height), rate, count = _ledov_fields(data, path)
    margin, begun, kept = round(height / CENTRE), False, []
    count = min(count, int(film.numbers.max(initial=film.start - 1)) - film.start + 1)
    facts = film._replace(rate=rate)
    begins, ends = facts.clock(rows[:, 1], 1000), facts.clock(rows[:, 1] + rows[:, 2], 1000)
    for k, (viewer, start, duration, x, y) in enumerate(rows[:, :5]):
        if k == 0 or viewer != rows[k - 1, 0] or start < rows[k - 1, 1]:
            begun = False
        off = abs(x - width / 2) > margin and abs(y - height / 2) > margin
        begun = begun or (off and 0 < x < width and 0 < y < height)
        if begun and np.abs([start, duration]).max() < ENDLESS:
            first, last = max(1, int(np.ceil(begins[k]))), min(count, int(np.ceil(ends[k])))
            kept += [(frame - 1, x, y, viewer) for frame in range(first, last + 1)]
    kept = np.array(kept, np.float64).reshape(-1, 4)
    return by_frame(film, kept[:, 0].astype(np.int64), kept[:, 1:] * (film.size[1] / width, film.size[0] / height, 1))


def frame_lists(paths, film):
    """A JSON file of one video: a list with an element for each frame, each a list of [row, column], a pixel of the
    map of that frame, counted from 0, whose center is meant. InputError for fewer elements than frames."""
    path, frames, points = _only(paths), [], []
    for frame, listed in enumerate(elements(path)):
        points.append(_pixels(listed, path, frame))
        frames.append(np.full(len(points[-1]), frame))
    count = int(film.numbers[-1]) - film.start + 1
    if len(points) < count:
        raise InputError(
            f"{path}: it lists {len(points)} frames, but {film.name} has {count}; restore the original file"
        )
    scale = np.divide(film.size[::-1], (film.map_size or film.size)[::-1])
    frames, points = _joined(frames, points, columns=2)
    return by_frame(film, frames.astype(np.int64), points * scale)


VIDEO_FORMS = {
    "diem_events": diem_events,
    "gaze_samples": gaze_samples,
    "coutrot_mat": coutrot_mat,
    "eye_data_mat": eye_data_mat,
    "ledov_mat": ledov_mat,
    "frame_lists": frame_lists,
    "gaze_csv": gaze_csv,
}


def by_frame(film, frames, points):
    """Rows float [n,k] (x, y, ...) on frames int [n], counted from 0 at the video's first, as {frame number: float32
    [m,k]}."""
    numbers = frames + film.start
    if film.beyond is not None and len(film.numbers):
        film.beyond.append(int(((numbers < film.start) | (numbers > film.numbers[-1])).sum()))
    kept = np.isin(numbers, film.numbers)
    order = np.argsort(numbers[kept], kind="stable")
    seen, first = np.unique(numbers[kept][order], return_index=True)
    groups = np.split(points[kept][order].astype(np.float32), first[1:])
    return dict(zip(seen.tolist(), groups, strict=True)) if len(seen) else {}


def from_screen(points, screen, size, *, fitted=False):
    """Points [n,2] on a screen (width, height), in pixels of the video of `size` (height, width) on its middle.

    fitted: the video was scaled to fill the screen as far as its shape allows.
    """
    screen, shown = np.asarray(screen, np.float64), np.asarray(size[::-1], np.float64)
    scale = (screen / shown).min() if fitted else 1.0
    return (points - (screen - shown * scale) / 2) / scale


def _from_cube(cube, film, path, scale=(1.0, 1.0)):
    """by_frame of an array [2 or more, frames, viewers]; a single viewer's may lack the last axis."""
    cube = np.asarray(cube)
    if cube.ndim not in (2, 3) or cube.dtype.kind not in "fiu" or cube.shape[0] < 2:
        raise InputError(f"{path}: the gaze of {film.name} is no array of x and y by frame and viewer; copy it again")
    cube = cube.reshape(*cube.shape[:2], -1)
    points = np.moveaxis(cube[:2].astype(np.float64), 0, 2) * scale  # [frames, viewers, 2]
    frames, viewers = np.indices(points.shape[:2])
    return by_frame(film, frames.ravel(), np.column_stack([points.reshape(-1, 2), viewers.ravel()]))


def _pixels(listed, path, frame):
    """The centers (x, y), float64 [n,2], of pixels [row, column] that a JSON file lists for a frame."""
    try:
        pixels = np.array(listed)
        if not isinstance(listed, list) or pixels.size and (pixels.ndim, pixels.dtype.kind) not in NUMBERS:
            raise ValueError
        return pixels.reshape(-1, 2)[:, ::-1].astype(np.float64) + 0.5
    except (ValueError, OverflowError):  # rows of unequal lengths, or of another length than 2
        raise InputError(f"{path}: frame {frame} has no list of [row, column]; copy the file again") from None


def _ledov_fields(data, path):
    """(rows float64 [n,5], (width, height), frames a second, number of frames) of a LEDOV record."""
    try:
        rows = np.asarray(data["fixdata"], np.float64)
        width, height = np.ravel(data["VideoSize"])[:2].astype(float).tolist()
        rate, count = float(np.ravel(data["VideoFrameRate"])[0]), int(np.ravel(data["VideoFrames"])[0])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(f"{path}: Data has no usable fixdata, VideoSize, rate or length ({error})") from error
    rows = rows.reshape(-1, 5) if not rows.size else rows
    if rows.ndim != 2 or rows.shape[1] < 5 or not all(0 < each < MOST for each in (width, height, rate)):
        raise InputError(f"{path}: fixdata needs five columns, and the video a size and a rate; copy the file again")
    return rows, (width, height), rate, count


def _database(path, variable):
    """One variable of a MATLAB file; the last ones are kept, as videos of one set may share a file."""
    try:
        state = Path(path).stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); restore the file") from error
    return _read_once(str(path), variable, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _read_once(path, variable, _changed, _length):
    return read_mat(path, [variable])[variable]


def _field(struct, name, path, what):
    if not isinstance(struct, dict) or name not in struct:
        raise InputError(f"{path} has no {what}; is it the file of this dataset, and complete?")
    return struct[name]


def _only(paths):
    if len(paths) != 1:
        raise InputError(f"{len(paths)} files of fixations for one video, where there must be one: {paths}")
    return paths[0]


def _joined(frames, points, columns=3):
    """The lists' arrays end to end; of nothing, empty ones."""
    return np.concatenate([np.zeros(0), *frames]), np.concatenate([np.zeros((0, columns)), *points])


def _viewed(points, viewer):
    """Points [n,2] of one viewer as rows [n,3] (x, y, viewer)."""
    return np.insert(points, 2, viewer, axis=1)


def _table(path, fields, columns, header=0):
    """A text file of rows cut at blanks, as a structured array. fields: [(name, dtype)] of the `columns`."""
    if not os.path.isfile(path) or not Path(path).stat().st_size:
        raise InputError(f"{path} is missing or empty; copy the dataset again")
    try:
        with open(path, encoding="utf-8-sig") as lines:
            if not any(line.strip() for number, line in enumerate(lines) if number >= header):
                return np.zeros(0, fields)
        options = {"usecols": columns, "skiprows": header, "ndmin": 1, "comments": None, "encoding": "utf-8-sig"}
        return np.loadtxt(path, dtype=fields, **options)
    except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise InputError(f"{path} is no table of gaze ({error}); copy the file again") from error
