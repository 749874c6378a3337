"""Threads side by side: order, bounds, and that nothing hangs or is swallowed."""

import itertools
import threading
import time

import pytest

from mindaam.inference.pipeline import Behind, ahead


def others():
    return [thread for thread in threading.enumerate() if thread is not threading.current_thread()]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(others())
    yield
    assert set(others()) <= before


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)


def test_ahead_gives_everything_in_order():
    assert list(ahead(range(100), 3)) == list(range(100))
    assert list(ahead([], 1)) == []


def test_ahead_is_ahead_but_not_far():
    taken = []
    source = (taken.append(number) or number for number in itertools.count())
    items = ahead(source, 2)
    assert next(items) == 0
    until(lambda: len(taken) == 4)  # one given, two waiting, one in hand
    time.sleep(0.05)
    assert len(taken) == 4
    items.close()


def test_an_error_comes_after_the_items_before_it():
    def source():
        yield 1
        yield 2
        raise ValueError("broken at 3")

    items = ahead(source(), 5)
    assert next(items) == 1 and next(items) == 2
    with pytest.raises(ValueError, match="broken at 3"):
        next(items)


def test_closing_closes_the_source():
    closed = threading.Event()

    def source():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    items = ahead(source(), 1)
    next(items)
    items.close()
    assert closed.is_set()


def test_work_is_done_in_order_and_waited_for():
    done = []

    def slowly(number, name):
        time.sleep(0.002)
        done.append((number, name))

    with Behind(slowly, 2) as behind:
        for number in range(20):
            behind.put(number, "x")
    assert done == [(number, "x") for number in range(20)]


def test_putting_waits_for_room():
    gate, done = threading.Event(), []

    def work(number):
        gate.wait(10)
        done.append(number)

    with Behind(work, 1) as behind:
        behind.put(0)
        behind.put(1)
        third = threading.Thread(target=behind.put, args=(2,))
        third.start()
        time.sleep(0.05)
        assert third.is_alive() and not done
        gate.set()
        third.join(10)
    assert done == [0, 1, 2]


def test_an_error_of_the_work_is_raised_by_the_next_put():
    def work(number):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), Behind(work, 1) as behind:
        for number in range(1000):
            behind.put(number)
        pytest.fail("nothing was raised")


def test_an_error_of_the_last_work_is_raised_at_the_end():
    def work(number):
        time.sleep(0.02)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), Behind(work, 1) as behind:
        behind.put(0)


@pytest.mark.parametrize(("error", "kept"), [(KeyboardInterrupt, True), (ValueError, False)])
def test_what_waits_is_done_after_ctrl_c_only(error, kept):
    gate, done = threading.Event(), []

    def work(number):
        gate.wait(10)
        done.append(number)

    with pytest.raises(error), Behind(work, 8) as behind:
        for number in range(5):
            behind.put(number)
        threading.Timer(0.05, gate.set).start()
        raise error
    assert (done == list(range(5))) == kept


class Impatient(threading.Thread):
    """A thread in whose `join` Ctrl-C is pressed, as often as `presses` says."""

    presses = 0

    def join(self, timeout=None):
        super().join(timeout)
        if Impatient.presses and self.is_alive():
            Impatient.presses -= 1
            raise KeyboardInterrupt


@pytest.mark.parametrize(("presses", "kept"), [(1, True), (2, False)])
def test_ctrl_c_while_the_last_work_is_waited_for_never_leaves_the_thread_behind(monkeypatch, presses, kept):
    monkeypatch.setattr("mindaam.inference.pipeline.Thread", Impatient)
    monkeypatch.setattr("mindaam.inference.pipeline.PATIENCE", 0.01)
    Impatient.presses, done = presses, []

    def work(number):
        time.sleep(0.05)
        done.append(number)

    with pytest.raises(KeyboardInterrupt), Behind(work, 8) as behind:
        for number in range(5):
            behind.put(number)
    assert not behind._thread.is_alive() and Impatient.presses == 0
    assert (done == list(range(5))) == kept
