"""Timelines found once and kept, for a video has to be decoded to know its frames.

A gaze folder that was imported has those of its videos beside its lists; all others are in the user's cache, a file a
folder, since a folder of data may be read-only and is never changed. An entry counts as long as its video has the same
size and was not changed since. What else stands in such a file is skipped, and found again.
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

VERSION = 5  # rises when a video's frames or times are found by another rule
KEPT = "timelines.json"  # in a gaze folder
THREADS = min(4, os.cpu_count() or 1)
MANY, LARGE = 20, 200_000_000  # videos, or their bytes, from which on it is said what takes long
SAVING = 60.0  # seconds after which what was found is kept, lest it be lost
MAX_SECOND, MAX_RATE = 1e9, 1e6
_asked = []  # files whose lock threads of this process have or wait for


def find_timelines(root, paths):
    """{path: Timeline} of videos, paths under a folder; those that cannot be read are skipped.

    What is not kept is found, several videos at a time, and kept. Processes that ask for the same at once wait for the
    first of them.
    """
    found = known_timelines(root, paths)
    if len(found) == len(paths):
        return found
    with _alone(_cache_file(root)):
        found = known_timelines(root, paths)  # another process may have found them meanwhile
        missing = [path for path in paths if path not in found]
        length = sum(size for size, _ in filter(None, (_state(root / path) for path in missing)))
        if len(missing) >= MANY or length >= LARGE:
            videos = "1 video" if len(missing) == 1 else f"{len(missing)} videos"
            _report(f"{root}: counting the frames of {videos} ({length / 1e6:.0f} MB), once")
        return found | _found(root, missing)


def known_timelines(root, paths):
    """{path: Timeline} of those videos under a folder of which they are kept. Nothing is decoded."""
    found = {}
    for file in (root / KEPT, _cache_file(root)):
        entries = _entries(file)
        for path in paths if entries else ():
            known = None if path in found else _sound(entries.get(path), _state(root / path))
            if known is not None:
                found[path] = known
    return found


def keep(file, root, timelines):
    """Writes {path: Timeline} of videos under a folder into a file; OutputError when that is impossible."""
    _write(file, {path: _entry(root / path, known) for path, known in timelines.items()})


def _found(root, paths):
    """{path: Timeline} of videos that are decoded now; they are kept as they come."""
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
    except InputError:  # whoever reads the video says what is wrong with it
        return None


def _keep_more(root, timelines):
    """Adds to what is kept in the user's cache; where that is impossible they will be found again."""
    if not timelines:
        return
    file = _cache_file(root)
    with suppress(OSError, OutputError):
        os.makedirs(file.parent, exist_ok=True)
        kept = {path: entry for path, entry in _entries(file).items() if _sound(entry, _state(root / path))}
        _write(file, kept | {path: _entry(root / path, known) for path, known in timelines.items()})


def _write(file, entries):
    write_text(file, json.dumps({"version": VERSION, "videos": entries}))


def _entry(path, known):
    times = base64.b64encode(known.times.astype("<f8").tobytes()).decode()
    size, changed = _state(path)
    return {"bytes": size, "mtime_ns": changed, "end": known.end, "nominal": known.nominal, "times": times}


def _entries(file):
    """{path: entry} of a file, not yet checked; none of one that is not there, or not ours."""
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


def _sound(entry, state):
    """The Timeline in an entry, None unless it is one and of the video in that state."""
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
    """(bytes, time of the last change in ns) of a file; None where there is none."""
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
    """Inside it no other process is inside it with the same file, where the system can say so; a cache that cannot be
    written to, or that lies on a disk without locks, is no reason to stop."""
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
                if is_first:  # the threads of one process take turns without a word
                    _report("waiting for another process that counts the frames of the same videos")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        _asked.remove(file)
        os.close(handle)


def _report(line):
    with suppress(OSError, ValueError):  # stderr may be closed
        print_message(line)
