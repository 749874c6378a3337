"""Forms in which datasets of images store fixations; a record of the catalogue names one and gives its options.

IMAGE_FORMS read one file an image: function(path, size, **options) -> float32 [n,2] (x, y) in pixels of a stimulus
of `size` (height, width). TABLE_FORMS read files about many images: function(paths, **options) -> {image as the
source names it: float32 [n,2]}. Forms that keep viewers apart return [n,3] (x, y, viewer), the viewers of an image
numbered from 0. Points outside the image are given out as well. Every function raises InputError,
which names the file and what is wrong, for content that is not as the form says.

A raster's pixel (column, row), counted from 0, gives its center, (column + 0.5, row + 0.5), and so do coordinates that
are pixels' numbers; coordinates that were measured stay as the source has them.
"""

import csv
from pathlib import Path

import numpy as np

from mindaam.data.datasets.forms.json_stream import members
from mindaam.data.datasets.forms.matlab import read_mat
from mindaam.data.media import BlankMap, read_map
from mindaam.data.tables import misfit, number
from mindaam.errors import InputError


def points_image(path, size, threshold=0.5):
    """An image of the stimulus's size that is black but for fixated pixels (MIT1003, SalECI, FiWI).

    threshold: how bright a fixated pixel is at least, as a share of the brightest: a JPEG leaves gray about the dots.
    """
    try:
        gray = read_map(path)
    except BlankMap:
        return np.zeros((0, 2), np.float32)
    _require_size(path, gray.shape, size)
    return _centres(gray >= threshold * gray.max())


def mask_mat(path, size, variable):
    """A matrix of the stimulus's size in a MATLAB file that is 0 but at fixated pixels (CAT2000)."""
    mask = read_mat(path, [variable])[variable]
    sound = isinstance(mask, np.ndarray) and mask.ndim == 2 and mask.dtype.kind in "fiub" and np.isfinite(mask).all()
    if not sound:
        raise InputError(f"{path}: {variable} is no matrix of fixated pixels; copy the file again")
    _require_size(path, mask.shape, size)
    return _centres(mask != 0)


def salicon_gaze(path, size, field="fixations"):
    """SALICON's file of one image: the structs `gaze`, one a viewer, with pixels' numbers (x, y) from 1.

    field: "fixations", what the publisher found in the mouse's track, or "location", the track itself.
    """
    points = [_pairs(_member(viewer, field, path), path, field) for viewer in _each(_variable(path, "gaze"))]
    return _of_viewers(each - np.float32(0.5) for each in points)


def osie_fixations(paths, variable="fixations"):
    """OSIE's cells of structs, one an image: `img`, its file's name, and `subjects` with `fix_x` and `fix_y`."""
    table = {}
    for path in paths:
        for picture in _each(_variable(path, variable)):
            points = [
                _columns(_member(viewer, "fix_x", path), _member(viewer, "fix_y", path), path)
                for viewer in _each(_member(picture, "subjects", path))
            ]
            table[_text(picture, "img", path)] = _of_viewers(points)
    return table


def figrim_images(paths, variable="allImages", time="enc"):
    """FIGRIM's structs, one an image: `category`, `filename`, and a struct a viewer in `userdata`.

    time: which of an image's showings, "enc" the first, which the published maps are made of, "rec" and "rec2" its
    repetitions. Viewers who did not see the image have no fixations.
    """
    table = {}
    for path in paths:
        for picture in _each(_variable(path, variable)):
            seen = [_member(viewer, "fixations", path) for viewer in _each(_member(picture, "userdata", path))]
            points = [_pairs(each[time], path, time) for each in seen if isinstance(each, dict) and time in each]
            table[f"{_text(picture, 'category', path)}/{_text(picture, 'filename', path)}"] = _of_viewers(points)
    return table


def gazepoint_logs(paths):
    """UEyes' logs of a Gazepoint tracker, a row a fixation, in fractions of the screen (which `from_screen` takes on).

    MEDIA_NAME is the image; FPOGX and FPOGY the fixation's mean, used where FPOGV says that it is valid. (The
    publisher's maps take the last sample of each fixation instead, BPOGX and BPOGY.) Some rows of the real logs are cut
    short; rows without numbers are skipped. A row with more cells than the header has columns is refused, as its
    numbers may stand under other names.
    """
    table = {}
    for viewer, path in enumerate(paths):
        for row in _csv_rows(path, ("MEDIA_NAME", "FPOGX", "FPOGY", "FPOGV")):
            try:
                point, valid = (number(row["FPOGX"]), number(row["FPOGY"])), number(row["FPOGV"]) == 1
            except ValueError:
                continue
            points = table.setdefault(row["MEDIA_NAME"].strip(), [])
            if valid:
                points.append((*point, viewer))
    return {name: np.array(points, np.float32).reshape(-1, 3) for name, points in table.items()}


def salicon_json(paths):
    """SALICON's annotations of 2015, in the manner of COCO: `images` (id, file_name) and `annotations`, one a viewer,
    with `fixations` as pixels' numbers [row, column] from 1."""
    table = {}
    for path in paths:
        names, points = {}, {}
        for key, value in members(path, "annotations"):
            try:
                if key == "images":
                    names = {image["id"]: image["file_name"] for image in value}
                elif key == "annotations":
                    points.setdefault(value["image_id"], []).append(_pairs(value["fixations"], path, "fixations"))
            except (KeyError, TypeError) as error:
                raise InputError(f"{path}: {key} lacks {error}; copy the file again") from error
        unknown = sorted(map(str, points.keys() - names.keys()))
        if unknown:
            raise InputError(f"{path}: images lacks the id {unknown[0]} of an annotation; copy the file again")
        for key, of_image in points.items():
            table[names[key]] = _of_viewers(each[:, ::-1] - np.float32(0.5) for each in of_image)
    return table


def from_screen(points, size, screen):
    """Fractions of a screen [n,2] (x, y) as pixels of an image that was shown on it: float32 [n,2].

    size: the stored image's (height, width); screen: (width, height) in pixels. The image was in the screen's
    middle, as large as fits.
    """
    screen, shown = np.array(screen, np.float64), np.array([size[1], size[0]], np.float64)
    scale = (screen / shown).min()
    return ((np.asarray(points, np.float64) * screen - (screen - shown * scale) / 2) / scale).astype(np.float32)


IMAGE_FORMS = {"points_image": points_image, "mask_mat": mask_mat, "salicon_gaze": salicon_gaze}
TABLE_FORMS = {
    "osie_fixations": osie_fixations,
    "figrim_images": figrim_images,
    "gazepoint_logs": gazepoint_logs,
    "salicon_json": salicon_json,
}


def _require_size(path, found, size):
    if tuple(found) != tuple(size):
        raise InputError(
            f"{path} is {found[1]}x{found[0]} but its image is {size[1]}x{size[0]}; restore both from one source"
        )


def _centres(fixated):
    """The centers (x, y) of a mask's pixels, row by row: bool [H,W] -> float32 [n,2]."""
    rows, columns = np.nonzero(fixated)
    return np.stack([columns, rows], 1).astype(np.float32) + np.float32(0.5)


def _variable(path, name):
    return read_mat(path, [name])[name]


def _each(value):
    """The structs of a cell or of an array of structs; one struct stands for an array of one."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def _member(struct, name, path):
    if not isinstance(struct, dict) or name not in struct:
        raise InputError(f"{path} has no {name} where it should; copy the file again")
    return struct[name]


def _text(struct, name, path):
    value = _member(struct, name, path)
    if not isinstance(value, str):
        raise InputError(f"{path}: {name} is no text; copy the file again")
    return value


def _pairs(values, path, what):
    """Rows (x, y) as float32 [n,2]; further columns are skipped."""
    values = _numbers(values, path, what)
    if values.size == 0:
        return np.zeros((0, 2), np.float32)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(f"{path}: {what} is no list of points but of shape {values.shape}; copy the file again")
    return values[:, :2]


def _columns(xs, ys, path):
    """Two vectors of the same length as float32 [n,2]."""
    xs, ys = (_numbers(values, path, "fix_x or fix_y").ravel() for values in (xs, ys))
    if len(xs) != len(ys):
        raise InputError(f"{path}: fix_x has {len(xs)} values but fix_y {len(ys)}; copy the file again")
    return np.stack([xs, ys], 1)


def _numbers(values, path, what):
    try:
        values = np.asarray(values)
    except ValueError:  # rows of different lengths
        values = np.array(None)
    if values.size and values.dtype.kind not in "fiub":
        raise InputError(f"{path}: {what} holds something else than numbers; copy the file again")
    return values.astype(np.float32)


def _of_viewers(points):
    """The points [n,2] of each viewer as rows float32 [m,3] (x, y, viewer)."""
    rows = [np.insert(each, 2, viewer, axis=1) for viewer, each in enumerate(points)]
    return np.concatenate([np.zeros((0, 3), np.float32), *rows])


def _csv_rows(path, columns):
    """The `columns` of a table with a header, a dict a row; a row that is truncated has "" for what it lacks.

    InputError where the table lacks one of them, or has a row that is too long.
    """
    try:
        with open(Path(path), encoding="utf-8-sig", errors="replace", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            absent = [name for name in columns if name not in header]
            if absent:
                raise InputError(f"{path} has no column {', '.join(absent)}; copy the file again")
            for cells in reader:
                cells += [""] * (len(header) - len(cells))
                wrong = misfit(cells, header)
                if wrong:
                    raise InputError(f"{path}, line {reader.line_num}: {wrong}; copy the file again")
                row = dict(zip(header, cells, strict=False))
                if row["MEDIA_NAME"]:
                    yield row
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    except csv.Error as error:
        raise InputError(f"{path} is damaged ({error}); copy the file again") from error
