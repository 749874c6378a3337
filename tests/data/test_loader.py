"""Worker processes return results in order, bounded ahead, pass errors on, and leave nothing running."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from mindaam.data.loader import Loader
from mindaam.errors import InputError, MindAAMError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def describe(source, index, factor=1):
    """What workers do in these tests; the first items are the slowest, so that order is not luck."""
    time.sleep(0.05 if index == 0 else 0)
    return source[index] * factor, os.getpid()


def refuse(source, index):
    if index == 2:
        raise InputError(f"{source[index]} is damaged; copy it again")
    return index


def vanish(source, index):
    os._exit(1)


def loaded_modules(source, index):
    return sorted(sys.modules)


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_order_from_every_source(workers):
    sources = {"tens": [10 * i for i in range(20)], "ones": list(range(20))}
    items = [("tens", 0), ("ones", 3, 7), *[("tens", i) for i in range(1, 20)]]
    with Loader(sources, describe, workers=workers) as load:
        results = list(load(items))
        again = list(load([("ones", 5)]))
    assert [value for value, _ in results] == [0, 21, *[10 * i for i in range(1, 20)]]
    assert again[0][0] == 5
    others = {pid for _, pid in results + again} - {os.getpid()}
    assert bool(others) == bool(workers) and len(others) <= workers
    assert multiprocessing.active_children() == []


def test_no_more_is_asked_for_than_allowed():
    asked = []

    def items():
        for index in range(10):
            asked.append(index)
            yield "a", index

    with Loader({"a": list(range(10))}, describe, workers=1, ahead=3) as load:
        results = load(items())
        assert asked == []
        assert next(results)[0] == 0
        assert len(asked) == 4  # three ahead of the one that was delivered
        results.close()
    assert len(asked) == 4 and multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_an_input_error_surfaces_at_its_turn_and_the_loader_lives_on(workers):
    with Loader({"a": ["p.jpg", "q.jpg", "r.jpg", "s.jpg"]}, refuse, workers=workers) as load:
        seen = []
        with pytest.raises(InputError, match="^r.jpg is damaged; copy it again$"):
            for result in load([("a", i) for i in range(4)]):
                seen.append(result)
        assert seen == [0, 1]
        assert list(load([("a", 3)])) == [3]


def test_a_dead_worker_is_one_clear_error():
    with Loader({"a": [0]}, vanish, workers=1) as load, pytest.raises(MindAAMError, match="has died"):
        list(load([("a", 0)]))
    assert multiprocessing.active_children() == []


def test_workers_import_no_mindspore():
    with Loader({"a": [0]}, loaded_modules, workers=1) as load:
        (modules,) = load([("a", 0)])
    assert "mindaam.data.loader" in modules
    assert not [name for name in modules if name.split(".")[0] in ("mindspore", "mindformers", "matplotlib")]


SCRIPT = """
import os, sys, time
sys.path.insert(0, {root!r})
from mindaam.data.loader import Loader

def work(source, index):
    return os.getpid()

if __name__ == "__main__":
    with Loader([[]], work, workers=1) as load:
        for pid in load((0, i) for i in range(1000)):
            print(pid, flush=True)
            time.sleep(60)
"""


def started(tmp_path):
    """A script that is at its first result for a minute: (process, its worker's id)."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(ROOT)))
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a suite that runs in a shell's background hands on a SIGINT that is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return process, int(process.stdout.readline())


def gone(pid, seconds=10):
    """Whether the process ends within so many seconds (a zombie waiting for its parent has ended)."""
    status = pathlib.Path(f"/proc/{pid}/stat")
    for _ in range(seconds * 20):
        if not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_ctrl_c_ends_the_workers_with_one_traceback(tmp_path):
    process, worker = started(tmp_path)
    time.sleep(0.5)  # by now the worker has done what was asked ahead and waits, where an interrupt would show
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and gone(worker)
    assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors


@pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    process, worker = started(tmp_path)
    process.kill()
    process.wait()
    assert gone(worker)
    process.communicate()


def test_threads_answer_in_order_and_pass_errors_on():
    import threading

    used = set()

    def slow_first(source, index):
        used.add(threading.current_thread().name)
        time.sleep(0.05 if index == 0 else 0)
        if index == 7:
            raise InputError("no seventh")
        return source + index

    with Loader({"a": 10}, slow_first, workers=2, threads=True) as load:
        assert list(load(("a", index) for index in range(6))) == list(range(10, 16))
        with pytest.raises(InputError, match="no seventh"):
            list(load(("a", index) for index in range(9)))
    assert len(used) == 2 and threading.current_thread().name not in used


def large(source, number):
    return bytes(40_000_000)


def test_workers_that_are_told_to_end_while_they_hand_over_a_result_do_not_leave_the_caller_waiting():
    loader = Loader([None], large, workers=2, ahead=8)
    results = loader((0, number) for number in range(50))
    next(results)
    for process in list(loader._pool._processes):
        os.kill(process, signal.SIGTERM)
    closing = threading.Thread(target=lambda: (results.close(), loader.close()), daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
