"""Timelines are computed once and cached, since they need a video to be decoded.

An imported gaze folder has those of its videos beside its lists; all others are in the user's cache, one file per
folder, since a folder of data may be read-only and is never changed. An entry counts as long as its video has the same
size and date. Other entries of such a file are ignored, and computed again.
"""

import base64
import fcntl
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache

import numpy as np

from mindaam.data.listed import read_object
from mindaam.data.videos.timeline import Timeline, timeline
from mindaam.errors import InputError, OutputError
from mindaam.files import real, write_text
from mindaam.places import user_cache
from mindaam.streams import print_message

VERSION = 5  # rises when frames or times are found by another rule
KEPT = "timelines.json"  # in a gaze folder
THREADS = min(4, os.cpu_count() or 1)
MANY, LARGE = 20, 200_000_000  # videos, or their bytes, from which on a message reports the work
SAVING = 60.0  # seconds between two writes of the cache
MAX_SECOND, MAX_RATE = 1e9, 1e6
_asked = []  # files whose lock a thread of this process has or waits for


def find_timelines(root, paths):
    """{path: Timeline} of videos, paths under a folder; unreadable ones are missing.

    Timelines that are not cached are computed, several videos at a time, and cached. Other processes that need the same
    ones wait for the first.
    """
    found = known_timelines(root, paths)
    if len(found) == len(paths):
        return found
    with _alone(_cache_file(root)):
        found = known_timelines(root, paths)  # another process may have found them in the meantime
        missing = [path for path in paths if path not in found]
        length = sum(size for size, _ in filter(None, (_state(root / path) for path in missing)))
        if len(missing) >= MANY or length >= LARGE:
            videos = "1 video" if len(missing) == 1 else f"{len(missing)} videos"
            _report(f"{root}: counting the frames of {videos} ({length / 1e6:.0f} MB), once")
        return found | _found(root, missing)


def known_timelines(root, paths):
    """{path: Timeline} of the videos under a folder that are cached. Nothing is decoded."""
    found = {}
    for file in (root / KEPT, _cache_file(root)):
        entries = _entries(file)
        for path in paths if entries else ():
            known = None if path in found else _valid(entries.get(path), _state(root / path))
            if known is not None:
                found[path] = known
    return found


def keep(file, root, timelines):
    """Writes {path: Timeline} of videos under a folder into a file; OutputError when that is impossible."""
    _write(file, {path: _entry(root / path, known) for path, known in timelines.items()})


def _found(root, paths):
    """{path: Timeline} of videos that are decoded now; they are cached as they come."""
    found, saved = {}, time.monotonic()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for path, known in zip(paths, pool.map(lambda path: _decoded(root / path), paths), strict=True):
            if known is not None:
                found[path] = known
            if time.monotonic() - saved > SAVING:
                _keep_more(root, found)
                saved = time.monotonic()
    finally:
        pool.shutdown(cancel_futures=True)
        _keep_more(root, found)
    return found


def _decoded(path):
    try:
        return timeline(path)
    except InputError:  # the reader of the video raises its error
        return None


def _keep_more(root, timelines):
    """Adds to the user's cache; where that is impossible they are computed again next time."""
    if not timelines:
        return
    file = _cache_file(root)
    with suppress(OSError, OutputError):
        os.makedirs(file.parent, exist_ok=True)
        kept = {path: entry for path, entry in _entries(file).items() if _valid(entry, _state(root / path))}
        _write(file, kept | {path: _entry(root / path, known) for path, known in timelines.items()})


def _write(file, entries):
    write_text(file, json.dumps({"version": VERSION, "videos": entries}))


def _entry(path, known):
    times = base64.b64encode(known.times.astype("<f8").tobytes()).decode()
    size, changed = _state(path)
    return {"bytes": size, "mtime_ns": changed, "end": known.end, "nominal": known.nominal, "times": times}


def _entries(file):
    """{path: entry} of a file, not yet checked; {} of one that does not exist or has another format."""
    try:
        state = os.stat(file)
        return _read_once(file, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=4)
def _read_once(file, _changed, _size):
    try:
        content = read_object(file)
    except InputError:
        return {}
    videos = content.get("videos")
    return videos if content.get("version") == VERSION and isinstance(videos, dict) else {}


def _valid(entry, state):
    """The Timeline of an entry; None unless it is valid and of the video in that state."""
    try:
        if state is None or (entry["bytes"], entry["mtime_ns"]) != state:
            return None
        times = np.frombuffer(base64.b64decode(entry["times"], validate=True), "<f8").astype(np.float64)
        known = Timeline(times, float(entry["end"]), float(entry["nominal"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    rising = len(times) > 0 and times[0] >= 0 and bool((np.diff(times) > 0).all())
    return known if rising and times[-1] < known.end < MAX_SECOND and 0 < known.nominal < MAX_RATE else None


def _state(path):
    """(bytes, time of the last change in ns) of a file; None where it does not exist."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def _cache_file(root):
    name = hashlib.sha256(os.fsencode(real(root))).hexdigest()[:32]
    return user_cache() / "timelines" / f"{name}.json"


@contextmanager
def _alone(file):
    """A lock between processes on one file. An unwritable cache, or a disk without locks, is not an error."""
    with suppress(OSError):
        os.makedirs(file.parent, exist_ok=True)
    try:
        handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield
        return
    is_first = file not in _asked
    _asked.append(file)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if is_first:  # the threads of one process take turns silently
                    _report("waiting for another process that counts the frames of the same videos")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        _asked.remove(file)
        os.close(handle)


def _report(line):
    with suppress(OSError, ValueError):  # stderr may be closed
        print_message(line)
