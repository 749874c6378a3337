"""The CSV files of a run."""

import csv

import pytest

from mindaam.errors import OutputError
from mindaam.training.reporting.csv_log import CsvLog


def rows(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_rows_are_appended_and_the_columns_named_once(tmp_path):
    path = tmp_path / "metrics.csv"
    log = CsvLog(path, ("step", "loss", "folder"), 0)
    log.write({"step": 1, "loss": 0.1234567, "folder": "osie"})
    log.write({"step": 2, "loss": 1e-9})
    assert rows(path) == [["step", "loss", "folder"], ["1", "0.123457", "osie"], ["2", "1e-09", ""]]


def test_a_resumed_log_drops_the_rows_after_the_step_that_it_continues_from(tmp_path):
    path, columns = tmp_path / "metrics.csv", ("step", "loss")
    first = CsvLog(path, columns, 0)
    for step in range(1, 6):
        first.write({"step": step, "loss": step / 10})
    CsvLog(path, columns, 3).write({"step": 4, "loss": 9.0})
    assert rows(path)[1:] == [["1", "0.1"], ["2", "0.2"], ["3", "0.3"], ["4", "9"]]
    CsvLog(path, columns, 0)
    assert rows(path) == [["step", "loss"]]
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.csv"]


def test_texts_that_a_spreadsheet_would_run_are_guarded_once(tmp_path):
    path, columns = tmp_path / "metrics.csv", ("step", "=set", "loss")
    CsvLog(path, columns, 0).write({"step": 1, "=set": "=cmd|' /C calc'!A0", "loss": -0.5})
    CsvLog(path, columns, 1).write({"step": 2, "=set": "-1", "loss": -1e-9})
    guarded = [["step", "'=set", "loss"], ["1", "'=cmd|' /C calc'!A0", "-0.5"], ["2", "-1", "-1e-09"]]
    assert rows(path) == guarded


def test_a_resumed_log_drops_truncated_rows(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"step,loss\n1,0.5\n\n2\n,0.5\nx,1\n2,0.5,7\n2,\xff\0\n1")
    CsvLog(path, ("step", "loss"), 3)
    assert rows(path) == [["step", "loss"], ["1", "0.5"], ["2", "\ufffd"]]
    path.write_bytes(b"")
    CsvLog(path, ("step", "loss"), 3)
    assert rows(path) == [["step", "loss"]]


def test_a_log_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write .*absent.*metrics.csv"):
        CsvLog(tmp_path / "absent" / "metrics.csv", ("step",), 0)


def test_a_resumed_log_may_have_other_columns(tmp_path):
    CsvLog(tmp_path / "a.csv", ["step", "osie_CC", "avad_CC"], 0).write({"step": 1, "osie_CC": 0.5, "avad_CC": 0.25})
    log = CsvLog(tmp_path / "a.csv", ["step", "osie_CC", "fiwi_CC"], 1)
    log.write({"step": 2, "osie_CC": 0.75, "fiwi_CC": 0.5})
    assert (tmp_path / "a.csv").read_text().split() == ["step,osie_CC,fiwi_CC", "1,0.5,", "2,0.75,0.5"]
