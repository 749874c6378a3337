"""A run's line on the terminal."""

import io

import pytest

from mindaam.training.reporting import progress as module
from mindaam.training.reporting.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def row(step, seconds):
    return {
        "step": step, "loss": 0.5, "cc": 0.75, "rate": 1e-3, "samples": 8, "seconds": seconds, "memory_mb": 2048
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (36000 + 62, "10:01:02")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_progress_shows_pace_and_time_left():
    stream = Terminal()
    Progress(1000, stream).step("epoch 1/2 osie", row(400, 2.0))
    line = stream.getvalue()
    assert line.startswith("\r") and "\n" not in line
    shown = ("epoch 1/2 osie", "step 400/1000", "loss 0.500", "CC 0.750", "lr 0.001", "4.0 samples/s", "20:00 left")
    for part in (*shown, "2.0 GB"):
        assert part in line


def test_the_pace_is_that_of_the_recent_steps_and_compilation_does_not_count():
    stream = Terminal()
    progress = Progress(1000, stream)
    progress.step("epoch 1/2", row(1, 60.0), compiled=True)
    assert "compiled in 1:00" in stream.getvalue() and " left" not in stream.getvalue()
    for step in range(2, 5):
        progress.step("epoch 1/2", row(step, 1.0))
    progress.step("epoch 1/2", row(5, 90.0), compiled=True)  # another kind of step
    assert "8.0 samples/s  16:35 left" in stream.getvalue().rsplit("\r", 1)[-1]
    for step, seconds in enumerate([60.0, *[1.0] * 4], 6):  # a pause
        progress.step("epoch 1/2", row(step, seconds))
    assert "8.0 samples/s  16:30 left" in stream.getvalue().rsplit("\r", 1)[-1]
    for step in range(11, 11 + Progress.RECENT):
        progress.step("epoch 2/2", row(step, 3.0))
    assert "2.7 samples/s  47:00 left" in stream.getvalue().rsplit("\r", 1)[-1]


def test_in_a_file_a_line_per_minute_but_every_result(monkeypatch):
    now, stream = [100.0], io.StringIO()
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress = Progress(10, stream)
    for step in range(1, 8):
        progress.step("epoch 1/1", row(step, 1.0))
        now[0] += 20.5
    progress.say("mean CC 0.8")
    lines = stream.getvalue().splitlines()
    assert [line.split("step ")[1].split("/")[0] for line in lines[:-1]] == ["1", "4", "7"]
    assert lines[-1] == "mean CC 0.8"


def test_a_result_replaces_the_passing_line():
    stream = Terminal()
    progress = Progress(10, stream)
    progress.passing("computing")
    progress.say("done")
    assert stream.getvalue() == "\r\x1b[Kcomputing\r\x1b[Kdone\n"


def test_a_quiet_rank_prints_nothing():
    stream = Terminal()
    progress = Progress(10, stream, quiet=True)
    progress.step("epoch 1/1", row(1, 1.0))
    progress.say("done")
    assert not stream.getvalue()
