"""TensorBoard's event files, read back record by record."""

import math
import struct
import sys

import pytest

from mindaam.errors import OutputError
from mindaam.training.reporting.events import Events


def records(path):
    """The events of one file; each record's two checksums are checked."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    data, events, place = path.read_bytes(), [], 0
    while place < len(data):
        head = data[place : place + 8]
        length, check = struct.unpack("<QI", data[place : place + 12])
        body = data[place + 12 : place + 12 + length]
        assert masked_crc32c(head) == check
        assert masked_crc32c(body) == struct.unpack("<I", data[place + 12 + length : place + 16 + length])[0]
        events.append(Event.FromString(body))
        place += 16 + length
    return events


def shown(folder):
    """{(tag, step): [values]} as TensorBoard shows them: a START drops what came before at its step or later."""
    from tensorboardX.proto.event_pb2 import SessionLog

    kept = []
    for path in sorted(folder.iterdir()):
        for event in records(path):
            if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                kept = [each for each in kept if each[1] < event.step]
            kept += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    found = {}
    for tag, step, value in kept:
        found.setdefault((tag, step), []).append(value)
    return found


def row(step, loss, kind="pictures", **more):
    return {"step": step, "epoch": 0, "phase": "a", "set": "osie", "kind": kind, "loss": loss, **more}


def test_a_step_and_an_epoch_come_back_as_they_were_written(tmp_path):
    events = Events(tmp_path / "events", 0)
    events.step(row(1, 1.5, rate=1e-4, gate=""))
    events.step(row(2, math.nan, kind="clips", gate=0.25))
    events.epoch({"step": 2, "epoch": 1, "phase": "a", "mean_CC": 0.5, "my_set_CC": 0.75, "my_set_KLD": None})
    events.close()
    found = shown(tmp_path / "events")
    assert found["pictures/loss", 1] == [1.5] and found["pictures/rate", 1] == [pytest.approx(1e-4)]
    assert found["clips/gate", 2] == [0.25] and math.isnan(found["clips/loss", 2][0])
    assert found["CC/mean", 2] == [0.5] and found["CC/my_set", 2] == [0.75] and found["epoch/scored", 2] == [1]
    assert not any(tag in ("pictures/gate", "KLD/my_set", "pictures/set") for tag, _ in found)


def test_the_first_event_names_the_format_and_files_are_where_tensorboard_looks(tmp_path):
    Events(tmp_path, 0).close()
    [path] = tmp_path.iterdir()
    assert ".tfevents." in path.name and records(path)[0].file_version == "brain.Event:2"


def test_what_an_earlier_attempt_wrote_after_the_checkpoint_is_shown_no_more(tmp_path):
    first = Events(tmp_path, 0)
    for step in range(1, 8):
        first.step(row(step, 1.0))
    first.epoch({"step": 6, "epoch": 1, "mean_CC": 0.1})
    first.close()
    second = Events(tmp_path, 4)  # within the same second: a file of its own all the same
    for step in range(5, 10):
        second.step(row(step, 2.0))
    second.close()
    assert len(list(tmp_path.iterdir())) == 2
    found = shown(tmp_path)
    assert [found["pictures/loss", step] for step in range(1, 10)] == [[1.0]] * 4 + [[2.0]] * 5
    assert ("CC/mean", 6) not in found


def test_a_run_from_the_start_hides_all_of_an_earlier_one(tmp_path):
    first = Events(tmp_path, 0)
    first.step(row(3, 1.0))
    first.close()
    Events(tmp_path, 0).close()
    assert shown(tmp_path) == {}


def test_a_run_that_was_killed_leaves_a_file_that_can_be_read_up_to_its_last_flush(tmp_path):
    events = Events(tmp_path, 0)
    events.epoch({"step": 1, "epoch": 1, "mean_CC": 0.5})
    [path] = tmp_path.iterdir()
    assert records(path)[-1].summary.value[0].simple_value == 0.5  # nobody has closed it
    events.close()
    events.close()


def test_without_tensorboardx_one_line_is_said_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    said = []
    events = Events(tmp_path / "events", 0, said.append)
    events.step(row(1, 1.0))
    events.epoch({"step": 1, "epoch": 1, "mean_CC": 0.5})
    events.close()
    assert len(said) == 1 and "pip install" in said[0] and "\n" not in said[0]
    assert not (tmp_path / "events").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        Events(tmp_path / "file" / "events", 0)
