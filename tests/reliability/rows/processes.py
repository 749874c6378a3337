"""Commands that are killed, stopped or run twice at once; long runs, threads and forks."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

from mindaam.data.media import read_image
from mindaam.errors import ConfigError
from tests.clips import make_clip, pictures
from tests.reliability.command import LONGEST, ended, started
from tests.reliability.originals.images import image
from tests.reliability.row import ROOT, Row, require
from tests.reliability.rows.videos import read

MOMENTS = 20
IMAGES, FRAMES = 24, 150
MANY_IMAGES, MANY_FRAMES = 300, 10_000
VIDEO_SECONDS = 1.0  # about how long its files are being written
GROWTH = 40  # MB by which a process may have more at its most after many than after few
STOPPED = 130  # exit code, as of Ctrl-C
CASES = (
    *[("kill", "images", moment) for moment in range(MOMENTS)],
    *[("kill", "video", moment) for moment in range(MOMENTS)],
    *[(name, what, moment) for name in ("SIGTERM", "SIGHUP", "SIGINT") for what in ("images", "video")
      for moment in (0, 5, 12)],
    ("together", "images", 0), ("together", "video", 0), ("memory", "images", 0), ("memory", "video", 0),
    ("memory", "model", 0), ("threads", "", 0), ("pickled", "", 0),
)  # fmt: skip


def make(dice, number, folder):
    """The folder of try `number`, named after it."""
    root = folder / f"{number}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    return root


def attempt(path):
    """What the try's name says."""
    how, what, moment = CASES[int(path.name)]
    if how == "together":
        _together(path, what)
    elif how == "memory":
        _memory(path, what)
    elif how == "threads":
        _threads(path)
    elif how == "pickled":
        _pickled()
    else:
        _stopped(path, how, what, moment)


def _inputs(path, what, count=None):
    """Writes what is predicted; returns its path."""
    if what == "video":
        return make_clip(path / "video.mp4", pictures(count or FRAMES, (48, 64)), tone=1.0)
    (path / "images").mkdir(exist_ok=True)
    content = image("jpeg", (60, 90))[1]
    for number in range(count or IMAGES):
        (path / "images" / f"{number:03}.jpg").write_bytes(content)
    return path / "images"


def _stopped(path, how, what, moment):
    """A command that is stopped at a moment of its work leaves whole files only, and the next one does all of it."""
    source, out = _inputs(path, what), path / "out"
    process = started("fake", ("predict", source, "-o", out), path)
    _wait_for(process, out, what, moment)
    process.send_signal(signal.SIGKILL if how == "kill" else getattr(signal, how))
    err = process.communicate(timeout=LONGEST)[1].decode()
    done = process.returncode == 0  # it was quicker
    if how != "kill":
        require(done or process.returncode == STOPPED, f"exit code {process.returncode}: {err[-200:]!r}")
        require("Traceback" not in err, f"a traceback: {err[-200:]!r}")
        left = [each.name for each in _files(out) if each.name.startswith(".")]
        require(not left, f"left behind: {left}")
    _require_whole(out)
    code, _, err = ended("fake", ("predict", source, "-o", out), path, name=f"the run after a {how}")
    require(code == 0 and not err, f"the next run ended with {code}: {err[-200:]!r}")
    _require_all(out, what)


def _wait_for(process, out, what, moment):
    """Waits until as many files are there as the moment has; of a video until its files have been there for so long."""
    until = time.monotonic() + LONGEST
    wanted = 1 if what == "video" else 2 * moment
    while process.poll() is None and time.monotonic() < until:
        if len(_files(out)) >= wanted and (wanted or out.exists()):
            break
        time.sleep(0.0005)
    if what == "video":
        time.sleep(moment * VIDEO_SECONDS / MOMENTS)


def _files(out):
    return sorted(out.iterdir()) if out.exists() else []


def _require_whole(out):
    """Fallen unless every file under a final name is whole."""
    for each in _files(out):
        if each.name.startswith("."):
            continue
        if each.suffix == ".mp4":
            require(len(read(each)) > 0, f"{each.name} has no frames")
        else:
            require(read_image(each).shape == (90, 60, 3), f"{each.name} is another image")


def _require_all(out, what):
    """Fallen unless all results are there, whole."""
    _require_whole(out)
    shown = [each for each in _files(out) if not each.name.startswith(".")]
    require(len(shown) == (2 if what == "video" else 2 * IMAGES), f"{len(shown)} files")
    if what == "video":
        require(all(len(read(each)) == FRAMES for each in shown), "frames are missing")


def _together(path, what):
    """Two processes that write into one folder at once."""
    source, out = _inputs(path, what), path / "out"
    both = [started("fake", ("predict", source, "-o", out), path) for _ in range(2)]
    for each in both:
        err = each.communicate(timeout=LONGEST)[1].decode()
        require(each.returncode == 0 and not err, f"exit code {each.returncode}: {err[-200:]!r}")
    _require_all(out, what)
    require(not [each for each in _files(out) if each.name.startswith(".")], "left behind")


def _memory(path, what):
    """Many take no more memory than few."""
    few, many = (20, MANY_IMAGES) if what != "video" else (1000, MANY_FRAMES)
    peaks = []
    for count in (few, many):
        place = path / f"{count}"
        place.mkdir()
        if what == "model":
            peaks.append(_peak(("tests.reliability.many", count), place))
        else:
            source = _inputs(place, what, count)
            command = "tests.reliability.command", "fake", "predict", source, "-o", place / "out"
            peaks.append(_peak(command, place))
        shutil.rmtree(place)
    require(peaks[1] - peaks[0] < GROWTH, f"{few} took {peaks[0]} MB, {many} took {peaks[1]} MB")


def _peak(module, folder):
    """MB that a module with its arguments had at most.

    A small process starts it, since Linux counts what the starter of a process had as the process's own.
    """
    measure = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, sys.executable, "-m", *map(str, module)], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    require(done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]!r}")
    return int(done.stdout)


def _threads(path):
    """Four threads at two predictors, and a fork."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.threads_scenario"], capture_output=True, text=True, cwd=path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GLOG_v": "3"}, timeout=5 * LONGEST,
    )  # fmt: skip
    require(done.stdout.strip() == "same: True; in a fork: refused", f"{done.stdout!r} {done.stderr[-200:]!r}")


def _pickled():
    """A Predictor does not go to a spawned process."""
    from mindaam.inference.predictor import Predictor
    from tests.fakes import FakeEncoder, FakeModel

    try:
        pickle.dumps(Predictor(FakeModel(), sentence_encoder=FakeEncoder()))
    except ConfigError as error:
        require("make one in each process" in str(error), f"{error}")
    else:
        require(False, "a Predictor was pickled")


ROW = Row(
    "processes",
    "kills, signals, two processes, long runs, threads",
    "A killed command leaves no partial file under a final name, and the next run does all of the work; a stopped "
    "one leaves no other files. Two commands can write to one folder. Memory does not grow with the amount of work. "
    "Threads get the same results as a single one, and a forked process is refused.",
    f"kill -9 at {MOMENTS} points of a folder of images and of a video, SIGTERM, SIGHUP and SIGINT at three each; "
    f"{MANY_IMAGES} images against 20 and {MANY_FRAMES:,} frames against 1,000; four threads with two models; a fork.",
    len(CASES),
    make,
    attempt,
    seconds=120,
    megabytes=2000,
)
