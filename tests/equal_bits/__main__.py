"""Compares tiny training runs of all tasks bit for bit with those of an earlier commit, on the same machine:

    python -m tests.equal_bits [--before COMMIT] [--keep DIR] [--only NAME]...     # or: make equal-bits

COMMIT is checked out into a temporary folder, and both trees train on the same synthetic data with the same stand-in
weights: phases, corpus (images and videos with audio), videos, sounding, and ranks (the corpus, shared by two). A run
has three forms. NAME is the whole run. NAME-resumed continues a copy of it that ends halfway. NAME-continued is the
present tree continuing the earlier commit's half; it may refuse an old layout in one sentence. Compared are all values
of the logs except time and memory, every trained tensor and all optimizer state in the checkpoints, the models that a
run writes with their metadata, and its scores. The exit code is 1 when anything differs. DIR keeps the earlier commit's
runs for the next call.
"""

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT
from tests.equal_bits import data
from tests.equal_bits.comparing import Verdict, compare, same_start
from tests.equal_bits.reading import durations, read
from tests.equal_bits.running import POINTER, Refused, Tree, require_own_package, train
from tests.equal_bits.runs import runs

BEFORE = "c4cb037"  # the last commit that changed what a run computes, by round-off
KINDS = RESUMED, CONTINUED = "resumed", "continued"


def main():
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.equal_bits", description="compare tiny runs of two commits")
    parser.add_argument("--before", metavar="COMMIT", default=BEFORE, help=f"the earlier commit ({BEFORE})")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the earlier commit's runs, or take kept ones")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="a run, as corpus or corpus-resumed; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (2)")
    options = parser.parse_args()
    names = [name for run in runs(Path()) for name in (run, *(f"{run}-{kind}" for kind in KINDS))]
    wanted = options.only or names
    if not set(wanted) <= set(names):
        parser.error(f"--only takes one of {', '.join(names)}")
    place = Path(tempfile.mkdtemp(prefix="equal-bits-"))
    kept = (options.keep or place / "before").resolve()
    before = prepare(options.before, kept, [name.partition("-")[0] for name in wanted], options.jobs)
    equal = show(after(before, place / "present", wanted, options.jobs))
    if equal:
        shutil.rmtree(place)
    else:
        print(f"The runs are in {place} and {before}")
    return 0 if equal else 1


def prepare(commit, kept, names, jobs):
    """The folder with the data and `commit`'s runs of these names and what they start from; missing ones are made."""
    commit = git("rev-parse", "--verify", f"{commit}^{{commit}}")
    kept.mkdir(parents=True, exist_ok=True)
    definition = repr((data.VERSION, runs(Path())))
    place = kept / f"{commit[:12]}-{hashlib.sha256(definition.encode()).hexdigest()[:8]}"
    starts = {name: run.start for name, run in runs(Path()).items()}
    names = {*names, *(starts[name] for name in names if starts[name])}
    if missing(place, names):
        with open(kept / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be making the same
            if not (place / "data").exists():
                make_data(place)
            with worktree(commit) as folder:
                tree = Tree(folder, place / "data")
                require_own_package(tree)
                for later in (False, True):  # those that start from another's model come second
                    some = [name for name in missing(place, names) if bool(starts[name]) == later]
                    errors = perform({name: lambda name=name: begin(tree, place, name) for name in some}, jobs)
                    for name, error in errors.items():
                        if error:
                            raise RuntimeError(f"{name} of {commit}: {error}")
    return place


def missing(place, names):
    """Which of these runs of the earlier commit are not there, in the order of `runs`."""
    return [name for name in runs(place) if name in names and not (place / name / "done").exists()]


def make_data(place):
    """Writes the data to a folder beside their place, pins the hashes of the weights, and renames the folder."""
    beside = place / "data.part"
    shutil.rmtree(beside, ignore_errors=True)
    data.make(beside)
    for name in data.ENCODERS:
        command = [sys.executable, "-m", "mindaam.cli.main", "zoo", "verify", name, "--accept"]
        subprocess.run(command, env=data.environment(beside, ROOT), check=True, stdout=subprocess.DEVNULL)
    beside.rename(place / "data")


def started(place):
    """{name: Run} on the data of the folder `place`, those that start from another's model with the path of that of the
    earlier commit."""
    found = runs(place / "data")
    for name, run in found.items():
        if run.start:
            start = {"start": str(place / run.start / "run" / "best.safetensors")}
            found[name] = run._replace(configuration={**run.configuration, **start})
    return found


def begin(tree, place, name):
    """Makes a whole run of the earlier commit, after the one that it starts from."""
    shutil.rmtree(place / name, ignore_errors=True)
    train(tree, started(place)[name], place / name)
    (place / name / "done").touch()


def after(before, place, wanted, jobs):
    """{name: Verdicts} of the runs of the present tree."""
    tree, found = Tree(ROOT, before / "data"), started(before)
    require_own_package(tree)
    wholes = [name for name in found if {name, f"{name}-{RESUMED}"} & set(wanted)]
    tasks = {name: lambda name=name: train(tree, found[name], place / name) for name in wholes}
    for kind, origin in ((RESUMED, place), (CONTINUED, before)):
        for name in found:
            if f"{name}-{kind}" in wanted:
                tasks[f"{name}-{kind}"] = lambda name=name, kind=kind, origin=origin: train(
                    tree, found[name], place / f"{name}-{kind}", origin / name / "half"
                )
    errors = perform(tasks, jobs)
    return {name: verdicts(found, before, place, name, errors[name]) for name in wanted}


def verdicts(found, before, place, name, error):
    """The Verdicts on one run of the present tree; error: what it ended with, or None."""
    whole, _, kind = name.partition("-")
    run, theirs = found[whole], before / whole
    if isinstance(error, Refused) and kind == CONTINUED and not (theirs / "half" / POINTER).exists():
        return [Verdict("resume of an old folder", 1, note=f"refused: {error}")]
    if error:
        return [Verdict("run", 0, str(error))]
    mine = (place / name / "run",) if kind else (place / name / "run", place / name / "half")
    found = compare(read(run, theirs / "run", theirs / "half"), read(run, *mine))
    if kind:
        half = (place / whole if kind == RESUMED else theirs) / "half"
        found.append(same_start(durations(half), durations(place / name / "run"), run.half))
    return found


def perform(tasks, jobs):
    """Calls functions {name: function}, several at a time; returns {name: its Refused or RuntimeError, or None}.

    NAME-resumed waits for NAME.
    """
    futures = {}

    def one(name, task):
        whole, _, kind = name.partition("-")
        if kind == RESUMED and futures[whole].result():
            return RuntimeError("the run that it continues failed")
        print(f"{name} ...", flush=True)
        try:
            task()
        except (Refused, RuntimeError) as error:
            return error

    with ThreadPoolExecutor(jobs) as pool:  # in order, so that what is waited for has begun
        for name, task in tasks.items():
            futures[name] = pool.submit(one, name, task)
    return {name: future.result() for name, future in futures.items()}


def show(found):
    """Prints a table of {name: Verdicts}; returns whether all are equal."""
    rows = [(name, each) for name, several in found.items() for each in several]
    width, kind = (max(map(len, texts)) for texts in ([name for name, _ in rows], [each.what for _, each in rows]))
    for name, each in rows:
        result = "equal" if each.difference is None else f"DIFFERS: {each.difference}"
        note = f"  ({each.note})" if each.note else ""
        print(f"{name:{width}}  {each.what:{kind}}  {each.compared:6}  {result}{note}")
    return all(each.difference is None for _, each in rows)


@contextmanager
def worktree(commit):
    """Inside it, the folder of a checkout of a commit."""
    with tempfile.TemporaryDirectory(prefix="equal-bits-tree-") as place:
        folder = Path(place).resolve() / "tree"
        git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            git("worktree", "remove", "--force", str(folder))


def git(*arguments):
    """What git answers, asked in the present tree."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
