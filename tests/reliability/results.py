"""What a run of one row gave, as JSON in build/reliability/."""

import json
import os
import platform
import time
from importlib.metadata import version

from tests.reliability.row import FELL, READ, REFUSED, ROOT

FOLDER = ROOT / "build" / "reliability"


def summary(row, seed, tries, seconds):
    """{name, tried, read, refused, fell, ...} of the tries of a row; the falls with all that is known of them."""
    verdicts = [one["verdict"] for one in tries]
    return {
        "name": row.name,
        "seed": seed,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "tried": len(tries),
        **{verdict: verdicts.count(verdict) for verdict in (READ, REFUSED, FELL)},
        "worst_seconds": max((one["seconds"] for one in tries), default=0.0),
        "worst_megabytes": max((one["megabytes"] for one in tries), default=0),
        "row_seconds": round(seconds, 1),
        "falls": [one for one in tries if one["verdict"] == FELL],
    }


def write_result(row, seed, tries, seconds):
    """Writes the row's file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(summary(row, seed, tries, seconds), indent=1)
    (FOLDER / f"{row.name}.json").write_text(f"{text}\n", encoding="utf-8")


def read_result(name):
    """The row's summary, or None when it was not run yet."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def machine():
    """What the figures depend on: processors and memory, and the versions of what decodes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    import av

    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    names = {"mindspore": "MindSpore", "pillow": "Pillow", "av": "PyAV", "soundfile": "SoundFile", "numpy": "NumPy"}
    versions = ", ".join(f"{shown} {version(name)}" for name, shown in names.items())
    return (
        f"{len(os.sched_getaffinity(0))} cores of {platform.machine()}, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, {versions}, FFmpeg's libavcodec {ffmpeg}"
    )
