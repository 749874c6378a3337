"""The TensorBoard events of a run: files in a folder, written by tensorboardX.

A step is one event with all its numbers, written at once and in order, without a thread or a queue: it takes less than
a tenth of a millisecond. When a run continues from a checkpoint, its new file starts with a mark by which TensorBoard
drops the events that an earlier attempt wrote after that checkpoint.
"""

import math
import time
from pathlib import Path

from mindaam.files import cannot_write, prepare_folder
from mindaam.streams import print_message

FLUSHED_EVERY = 30.0  # seconds; the most that a killed run loses of its curves
PLACE = ("step", "epoch", "phase", "set", "kind")  # of a row: its place, not a measurement


class Events:
    """The event files of a run: `step` and `epoch` take the rows of metrics.csv and epochs.csv; close it after use.

    folder: created if it does not exist. resume_step: the last step whose events stay, 0 for a run from the start; the
    events of an earlier attempt after it are no longer shown. say: called with one line when tensorboardX is missing or
    cannot be used; then no events are written. Raises OutputError when the files cannot be written.
    """

    def __init__(self, folder, resume_step, say=None):
        self.folder, self._writer, self._flushed = Path(folder), None, 0.0
        try:
            from tensorboardX import event_file_writer
            from tensorboardX.proto import event_pb2, summary_pb2
        except Exception as error:  # an unfitting protobuf raises TypeError, or an error of its own
            line = " ".join(str(error).split()) or type(error).__name__
            say = say or print_message
            say(f"no TensorBoard events: tensorboardX cannot be used ({line}); pip install 'tensorboardX>=2.6.2,<3'")
            return
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        prepare_folder(self.folder)
        # The files' names hold the second in which they were created: attempts within one must not share a file, and
        # TensorBoard reads files in the order of their names.
        number = sum(1 for _ in self.folder.glob("events.out.tfevents.*"))
        try:
            self._writer = event_file_writer.EventsWriter(str(self.folder / "events"), f".{number:06d}")
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        # the first step after the resumed one, and all after it, are dropped
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step=resume_step + 1 if resume_step else 0, session_log=start)
        self._flush()

    def step(self, row):
        """A step's row: "step", "kind" (of the task's steps) and numbers, shown as `kind/name`."""
        self._scalars(row, lambda name: f"{row.get('kind', 'train')}/{name}")

    def epoch(self, row):
        """An epoch's row: "step", and scores such as "osie_CC", shown as `CC/osie`; "epoch" is shown beside them."""
        self._scalars(row, _score_tag)
        if self._writer is not None:
            self._flush()

    def close(self):
        """Writes everything to the disk and closes the file; a second call does nothing."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        try:
            writer.close()
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _scalars(self, row, tag_of):
        """One event of a row's numbers; empty cells and texts are skipped."""
        if self._writer is None:
            return
        numbers = {tag_of(name): _number(value) for name, value in row.items() if name not in PLACE}
        values = [
            self._summary.Value(tag=name, simple_value=value) for name, value in numbers.items() if value is not None
        ]
        if "epoch" in row:
            tag = f"epoch/{row.get('kind', 'scored')}"
            values.append(self._summary.Value(tag=tag, simple_value=_number(row["epoch"])))
        self._write(step=int(row["step"]), summary=self._summary(value=values))
        if time.monotonic() - self._flushed > FLUSHED_EVERY:
            self._flush()

    def _write(self, **content):
        try:
            self._writer.write_event(self._event(wall_time=time.time(), **content))
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _flush(self):
        try:
            self._writer.flush()
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self._flushed = time.monotonic()


def _score_tag(name):
    """ "osie_CC" -> "CC/osie": one group of curves a metric, one curve a set. Any other name is a group of its own."""
    head, _, metric = name.rpartition("_")
    return f"{metric}/{head}" if head else name


def _number(value):
    """A float, or None for a text. NaN stays: TensorBoard marks it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    # beyond float32, in which events hold it
    return number if not math.isfinite(number) or abs(number) < 3e38 else math.copysign(math.inf, number)
