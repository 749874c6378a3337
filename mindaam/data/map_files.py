"""Files of maps that another tool saved: gray images, NumPy arrays, and videos, frame by frame.

The files are untrusted: arrays are never unpickled, their headers are checked before memory is allocated, and of a
video one frame is in memory at a time. All functions return float32 [h,w] in the scale of the file.
"""

import math
import re
import zipfile
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy

from mindaam import files
from mindaam.data.media import IMAGE_SUFFIXES, MAX_PIXELS, VIDEO_SUFFIXES, read_gray
from mindaam.errors import InputError

ARRAYS = (".npy", ".npz")
OF_IMAGES = (*ARRAYS, ".map.png", *IMAGE_SUFFIXES)  # suffixes, the preferred first: arrays are exact
OF_VIDEOS = (*ARRAYS, *(f"{start}{suffix}" for start in (".map", "") for suffix in VIDEO_SUFFIXES))
OF_FRAMES = (*IMAGE_SUFFIXES, ".npy")  # in a folder of numbered frames
DENSITY, TIMES = "density", "times"  # arrays of the .npz that `mindaam predict` saves for a video


def read_map(path):
    """The map in an image, .npy or .npz file; InputError for damage, and for arrays that are not one map."""
    if path.suffix.lower() not in ARRAYS:
        return read_gray(path)
    with _array(path) as (stream, shape, kind):
        if len(shape) != 2:
            raise InputError(f"{path}: the map of an image must be an array [height, width], not of shape {shape}")
        return _next_map(stream, shape, kind)


def video_maps(path):
    """Yields the map of each frame of a video, a folder of numbered frames, or an array [frames, height, width] in a
    .npy or .npz file. InputError for damage."""
    if path.is_dir():
        yield from (read_map(path / name) for name in numbered(path, [each.name for each in path.iterdir()]))
    elif path.suffix.lower() in ARRAYS:
        yield from _array_maps(path)
    else:
        from mindaam.data.videos.gray import gray_frames

        for values, _ in gray_frames(path):
            yield np.array(values(), np.float32)


def count_maps(path):
    """The number of maps that `video_maps` yields; InputError for damage."""
    if path.is_dir():
        return len(numbered(path, [each.name for each in path.iterdir()]))
    if path.suffix.lower() in ARRAYS:
        with _array(path) as (_, shape, _):
            return shape[0] if len(shape) == 3 else 1
    from mindaam.data.videos.timeline import timeline

    return len(timeline(path).times)


def numbered(folder, names):
    """The names of the frames in a folder, by the last number in each; others are skipped. InputError for two frames of
    one number."""
    found = {}
    for name in sorted(names):
        number = re.search(r"(\d+)\D*$", name.partition(".")[0])
        if not name.lower().endswith(OF_FRAMES) or name.startswith(".") or number is None:
            continue
        other = found.setdefault(int(number.group(1)), name)
        if other != name:
            raise InputError(f"{folder}: {other} and {name} are maps of one frame; keep one of them")
    return [found[number] for number in sorted(found)]


def _array_maps(path):
    with _array(path) as (stream, shape, kind):
        if len(shape) != 3:
            raise InputError(
                f"{path}: the maps of a video must be an array [frames, height, width], not of shape {shape}"
            )
        for _ in range(shape[0]):
            yield _next_map(stream, shape[1:], kind)


@contextmanager
def _array(path):
    """(stream at the first value, shape, dtype) of the array of maps in a .npy or .npz file; errors until the end of
    the block are InputErrors."""
    try:
        with files.opened(path) as stream:
            if path.suffix.lower() == ".npy":
                yield (stream, *_header(stream, path))
                return
            with zipfile.ZipFile(stream) as archive, archive.open(_member(archive, path)) as member:
                shape, kind = _header(member, path)
                if f"{TIMES}.npy" in archive.namelist():
                    _require_times(archive, path, shape)
                yield member, shape, kind
    except InputError:
        raise
    except Exception as error:  # the parsers of headers and archives may raise anything for damaged bytes
        raise InputError(f"{path} is damaged or no array of maps ({error}); save the maps again") from error


def _member(archive, path):
    """The name of the array of maps in an .npz: `density`, or the only one."""
    names = [name for name in archive.namelist() if name.endswith(".npy")]
    wanted = f"{DENSITY}.npy" if f"{DENSITY}.npy" in names else names[0] if len(names) == 1 else None
    if wanted is None:
        raise InputError(f"{path} must contain an array named {DENSITY}, or only one; save the maps again")
    return wanted


def _header(stream, path):
    """(shape, dtype) of a .npy stream; InputError for what cannot be maps, before anything is allocated."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, kind = read(stream)
    if kind.hasobject or kind.kind not in "fiub" or fortran:
        order = " in Fortran's order" if fortran else ""
        raise InputError(f"{path}: an array of {kind}{order} is not read; save numbers in C order, such as float32")
    if len(shape) not in (2, 3) or min(shape) < 1 or math.prod(shape[-2:]) > MAX_PIXELS:
        raise InputError(
            f"{path}: an array of shape {shape} is no map; save [height, width] or [frames, height, width]"
        )
    return shape, kind


def _next_map(stream, size, kind):
    wanted = math.prod(size) * kind.itemsize
    content = stream.read(wanted)
    if len(content) < wanted:
        raise EOFError("it ends too early")
    with np.errstate(over="ignore"):  # what is beyond float32 is infinite, which the scores refuse
        return np.frombuffer(content, kind).reshape(size).astype(np.float32)


def _require_times(archive, path, shape):
    """InputError unless the array `times` has one rising time for each map."""
    with archive.open(f"{TIMES}.npy") as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        found, _, kind = read(stream)
        if found != shape[:1] or len(shape) != 3 or kind.kind != "f":
            raise InputError(f"{path}: {TIMES} has the shape {found} for maps of shape {shape}; save the maps again")
        times = np.frombuffer(stream.read(found[0] * kind.itemsize), kind)
    if len(times) != found[0] or not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise InputError(f"{path}: {TIMES} must be rising numbers, one for each map; save the maps again")
