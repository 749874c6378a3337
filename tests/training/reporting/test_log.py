"""The CSV files of a run and its line on the terminal."""

import csv
import io

import pytest

from mindaam.errors import OutputError
from mindaam.training.reporting import log
from mindaam.training.reporting.log import CsvLog, Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (36000 + 62, "10:01:02")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def rows(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_rows_are_appended_and_the_columns_named_once(tmp_path):
    path = tmp_path / "steps.csv"
    log = CsvLog(path, ("step", "loss", "folder"), 0)
    log.write({"step": 1, "loss": 0.1234567, "folder": "osie"})
    log.write({"step": 2, "loss": 1e-9})
    assert rows(path) == [["step", "loss", "folder"], ["1", "0.123457", "osie"], ["2", "1e-09", ""]]


def test_a_resumed_log_drops_the_rows_after_the_step_that_it_goes_on_from(tmp_path):
    path, columns = tmp_path / "steps.csv", ("step", "loss")
    first = CsvLog(path, columns, 0)
    for step in range(1, 6):
        first.write({"step": step, "loss": step / 10})
    CsvLog(path, columns, 3).write({"step": 4, "loss": 9.0})
    assert rows(path)[1:] == [["1", "0.1"], ["2", "0.2"], ["3", "0.3"], ["4", "9"]]
    CsvLog(path, columns, 0)
    assert rows(path) == [["step", "loss"]]
    assert [each.name for each in tmp_path.iterdir()] == ["steps.csv"]


def test_texts_that_a_spreadsheet_would_run_are_guarded_once(tmp_path):
    path, columns = tmp_path / "steps.csv", ("step", "=set", "loss")
    CsvLog(path, columns, 0).write({"step": 1, "=set": "=cmd|' /C calc'!A0", "loss": -0.5})
    CsvLog(path, columns, 1).write({"step": 2, "=set": "-1", "loss": -1e-9})
    guarded = [["step", "'=set", "loss"], ["1", "'=cmd|' /C calc'!A0", "-0.5"], ["2", "-1", "-1e-09"]]
    assert rows(path) == guarded


def test_a_resumed_log_drops_rows_that_were_cut_short(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_bytes(b"step,loss\n1,0.5\n\n2\n,0.5\nx,1\n2,0.5,7\n2,\xff\0\n1")
    CsvLog(path, ("step", "loss"), 3)
    assert rows(path) == [["step", "loss"], ["1", "0.5"], ["2", "\ufffd"]]
    path.write_bytes(b"")
    CsvLog(path, ("step", "loss"), 3)
    assert rows(path) == [["step", "loss"]]


def test_a_log_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write .*absent.*steps.csv"):
        CsvLog(tmp_path / "absent" / "steps.csv", ("step",), 0)


def test_progress_tells_pace_and_time_left():
    stream = Terminal()
    progress = Progress(1000, stream)
    progress.show("frozen 1/2", 400, loss=0.5, cc=0.75, seconds=2.0)
    line = stream.getvalue()
    assert line.startswith("\r") and "\n" not in line
    for part in ("frozen 1/2", "step 400/1000", "loss 0.500", "CC 0.750", "2.00 s/step", "20:00 left"):
        assert part in line


def test_the_pace_is_that_of_the_recent_steps_and_compilation_does_not_count():
    stream = Terminal()
    progress = Progress(1000, stream)
    for step, seconds in enumerate([60.0, *[1.0] * 9], 1):
        progress.show("frozen 1/2", step, 0.0, 0.0, seconds)
    assert "1.00 s/step  16:30 left" in stream.getvalue().rsplit("\r", 1)[-1]
    for step in range(11, 11 + Progress.RECENT):
        progress.show("adapted 1/4", step, 0.0, 0.0, 3.0)
    assert "3.00 s/step  47:00 left" in stream.getvalue().rsplit("\r", 1)[-1]


def test_in_a_file_a_line_a_minute_but_every_result(monkeypatch):
    now, stream = [100.0], io.StringIO()
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    progress = Progress(10, stream)
    for step in range(1, 8):
        progress.show("frozen 1/1", step, 0.0, 0.0, 1.0)
        now[0] += 20.5
    progress.say("mean CC 0.8")
    told = stream.getvalue().splitlines()
    assert [line.split("step ")[1].split("/")[0] for line in told[:-1]] == ["1", "4", "7"]
    assert told[-1] == "mean CC 0.8"


def test_a_result_takes_the_place_of_the_passing_line():
    stream = Terminal()
    progress = Progress(10, stream)
    progress.passing("on the way")
    progress.say("there")
    assert stream.getvalue() == "\r\x1b[Kon the way\r\x1b[Kthere\n"


def test_laps_add_up(monkeypatch):
    times = iter([0.0, 2.0, 5.5])
    monkeypatch.setattr(log.time, "monotonic", lambda: next(times))
    progress = Progress(1, io.StringIO())
    assert (progress.lap(), progress.lap()) == (2.0, 3.5)


def test_a_resumed_log_may_have_other_columns(tmp_path):
    CsvLog(tmp_path / "a.csv", ["step", "osie_CC", "avad_CC"], 0).write({"step": 1, "osie_CC": 0.5, "avad_CC": 0.25})
    log = CsvLog(tmp_path / "a.csv", ["step", "osie_CC", "fiwi_CC"], 1)
    log.write({"step": 2, "osie_CC": 0.75, "fiwi_CC": 0.5})
    assert (tmp_path / "a.csv").read_text().split() == ["step,osie_CC,fiwi_CC", "1,0.5,", "2,0.75,0.5"]
