"""`mindaam predict` in environments that machines really have: each gives its results, or one sentence."""

import os
import resource
import shutil
import subprocess

from mindaam.data.media import read_image
from tests.reliability.command import ended, require_sentence
from tests.reliability.originals.images import image
from tests.reliability.row import Row, require

FULL = "/dev/full"
GONE = "/nonexistent/folder"
WITHOUT = None  # a variable that is taken out


def _limit(which, soft, hard=None):
    return lambda: resource.setrlimit(which, (soft, soft if hard is None else hard))


def _closed(*numbers):
    def close():
        for number in numbers:
            os.close(number)

    return close


def _elsewhere():
    """Into a folder that is gone a moment later."""
    os.makedirs("gone", exist_ok=True)
    os.chdir("gone")
    os.rmdir(f"{os.getcwd()}")


def _one_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


# name: what is different: variables; before, called in the new process; stdout, stderr, out (the results' folder);
# fake: without MindSpore;
# fails: the command cannot give results, and says so with one of these words
CASES = {
    "nothing": {},
    "no HOME": {"HOME": WITHOUT, "XDG_CACHE_HOME": WITHOUT, "MINDAAM_CACHE": WITHOUT},
    "HOME that is not there": {"HOME": GONE, "MINDAAM_CACHE": WITHOUT},
    "HOME that is a file": {"fake": True, "HOME": "/dev/null", "MINDAAM_CACHE": WITHOUT},
    "TMPDIR that is not there": {"TMPDIR": GONE, "TMP": WITHOUT, "TEMP": WITHOUT},
    "TMPDIR that cannot be written": {"TMPDIR": "/proc"},
    "cache that cannot be": {"MINDAAM_CACHE": "/dev/null/cache"},
    "almost no variables": {name: WITHOUT for name in os.environ if name not in ("PATH", "LD_LIBRARY_PATH")},
    "24 file descriptors": {"before": _limit(resource.RLIMIT_NOFILE, 24)},
    "C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a terminal of ASCII": {"fake": True, "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "POSIX"},
    "Turkish": {"fake": True, "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "umask 077": {"fake": True, "before": lambda: os.umask(0o077)},
    "closed stdin": {"fake": True, "before": _closed(0)},
    "closed stdout": {"fake": True, "before": _closed(1)},
    "closed stderr": {"fake": True, "before": _closed(2)},
    "all streams closed": {"before": _closed(0, 1, 2)},
    "full stdout": {"fake": True, "stdout": FULL, "fails": ("standard output",), "results": True},
    "full stderr": {"fake": True, "stderr": FULL},
    "full disk": {"fake": True, "before": _limit(resource.RLIMIT_FSIZE, 1000), "fails": ("cannot write", "space")},
    "full disk for the second file": {
        "fake": True,
        "before": _limit(resource.RLIMIT_FSIZE, 1024),
        "fails": ("cannot write",),
    },
    "nothing may be written": {"fake": True, "before": _limit(resource.RLIMIT_FSIZE, 0), "fails": ("cannot write",)},
    "results into a file": {"fake": True, "out": "/dev/null/out", "fails": ("/dev/null",)},
    "results where nothing may be": {"fake": True, "out": "/proc/out", "fails": ("/proc",)},
    "one core": {"before": _one_core},
    "OMP_NUM_THREADS=abc": {"OMP_NUM_THREADS": "abc", "told": True},
    "GLOG_v=abc": {"GLOG_v": "abc", "told": True},
    "GLOG_v=9": {"GLOG_v": "9", "told": True},
    "no terminal": {"fake": True, "TERM": "dumb", "COLUMNS": "0", "LINES": "0", "FORCE_COLOR": "1"},
    "asserts off": {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
    "a small stack": {"before": _limit(resource.RLIMIT_STACK, 1 << 20, resource.RLIM_INFINITY)},
    "a folder that no longer exists": {"fake": True, "before": _elsewhere, "fails": ("no longer exists",)},
}
NAMES = tuple(CASES)
OWN = ("fake", "before", "stdout", "stderr", "out", "fails", "told", "results")


def make(dice, number, folder):
    """An image, its name in Greek, in a folder named after the environment."""
    root = folder / f"{number}"
    shutil.rmtree(root, ignore_errors=True)
    (root / "images").mkdir(parents=True)
    (root / "images" / "εικόνα.jpg").write_bytes(image("jpeg", (60, 90))[1])
    return root


def attempt(path):
    """Predicts it."""
    case = CASES[NAMES[int(path.name)]]
    environment = {**os.environ, **{name: value for name, value in case.items() if name not in OWN}}
    environment = {name: value for name, value in environment.items() if value is not WITHOUT}
    out = case.get("out", path / "out")
    arguments = ("predict", path / "images", "-o", out)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with open(FULL, "w") as full:
        streams = {name: full if name in case else pipe for name, pipe in streams.items()}
        code, said, err = ended(
            "fake" if "fake" in case else "real",
            arguments,
            path,
            before=case.get("before"),
            environment=environment,
            name=path.name,
            **streams,
        )
    if "fails" in case:
        require_sentence(code, said, err, case["fails"])
    else:
        require(code == 0, f"exit code {code}: {err[-300:]!r}")
        require(not err or ("told" in case and err.startswith("mindaam: ") and err.count("\n") == 1), f"{err[-300:]!r}")
    if "fails" not in case or "results" in case:
        for suffix in ("overlay.jpg", "map.png"):
            require(read_image(out / f"εικόνα.{suffix}").shape == (90, 60, 3), f"the {suffix} is another")
    elif "out" not in case:
        for each in out.iterdir() if out.exists() else ():  # what was done before the disk was full is kept
            require(not each.name.startswith(".") and read_image(each).size, f"left behind: {each}")


ROW = Row(
    "environments",
    "environments",
    "Without a home or a temporary folder, with few file descriptors, closed or full streams, other locales or one "
    "core, a command returns its results; if it cannot write, it reports this and leaves no partial files.",
    "`mindaam predict` of an image with a Greek name in 32 environments, on MindSpore.",
    len(NAMES),
    make,
    attempt,
    seconds=60,
    megabytes=3000,
)
