"""MindSpore serves one thread at a time, and no fork: what waits, what is refused, and that nothing hangs."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from mindaam import turns
from mindaam.errors import ConfigError
from mindaam.inference.predictor import Predictor
from tests.fakes import FakeEncoder, FakeModel

PHOTOS = [np.full((20, 30, 3), 5 * number, np.uint8) for number in range(40)]


def fake(clip=None):
    return Predictor(FakeModel(clip=clip), sentence_encoder=FakeEncoder())


def test_one_thread_at_a_time_and_the_same_one_again():
    inside, most = [], []

    @turns.turn()
    def work(_):
        with turns.turn():
            inside.append(None)
            most.append(len(inside))
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(500)))
    assert set(most) == {1} and len(most) == 500


def test_threads_that_share_a_predictor_get_what_one_alone_gets():
    alone = [fake().predict(photo).map for photo in PHOTOS]
    predictor = fake()
    with ThreadPoolExecutor(8) as pool:  # more photographs than features are kept
        together = list(pool.map(lambda photo: predictor.predict(photo).map, PHOTOS * 5))
    for number, each in enumerate(together):
        np.testing.assert_array_equal(each, alone[number % len(PHOTOS)])


def test_streams_side_by_side_keep_apart_and_hold_nothing_between_frames():
    predictor, films = fake(4), (PHOTOS[:10], PHOTOS[20:30])
    alone = [[each.map for each in predictor.stream(film)] for film in films]
    together = list(zip(*map(predictor.stream, films), strict=True))
    for number, pair in enumerate(together):
        for film, each in zip(alone, pair, strict=True):
            np.testing.assert_array_equal(each.map, film[number])
    begun = predictor.stream(PHOTOS)
    next(begun)
    other = Thread(target=predictor.predict, args=(PHOTOS[0],))
    other.start()
    other.join(20)
    assert not other.is_alive()


def in_a_fork(work):
    """Runs `work` in a fork of this process; returns its exit code, 1 for an exception, at most 20 seconds later."""
    import signal

    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused():
    try:
        fake().predict(PHOTOS[0])
    except ConfigError as error:
        return 3 if "spawn" in str(error) and "each" in str(error) else 4
    return 0


def test_a_fork_is_refused_at_once_after_mindspore_has_run_and_not_before(monkeypatch):
    monkeypatch.setattr(turns, "_has_run", False)
    assert in_a_fork(refused) == 0
    monkeypatch.setattr(turns, "_has_run", True)
    assert in_a_fork(refused) == 3
    assert refused() == 0  # the process itself goes on


def test_a_turn_that_another_thread_had_is_not_waited_for_in_a_fork(monkeypatch):
    monkeypatch.setattr(turns, "_has_run", False)
    taken, done = Event(), Event()

    def hold():
        with turns.turn():
            taken.set()
            done.wait(20)

    holder = Thread(target=hold)
    holder.start()
    taken.wait(20)
    assert in_a_fork(refused) == 0
    done.set()
    holder.join()


def test_what_runs_is_noted(monkeypatch):
    from mindaam import graphs

    monkeypatch.setattr(turns, "_has_run", False)
    assert graphs.run(lambda x: x + 1, 1) == 2
    assert turns._has_run


def test_a_predictor_is_not_handed_to_another_process():
    with pytest.raises(ConfigError, match="belongs to the process"):
        pickle.dumps(fake())


@pytest.mark.slow
def test_two_predictors_in_four_threads_for_real():
    """Without turns: a segmentation fault."""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.threads_scenario"], cwd=root, capture_output=True, text=True, timeout=500
    )
    assert (done.returncode, done.stdout.strip()) == (0, "same: True; in a fork: refused"), done.stderr
