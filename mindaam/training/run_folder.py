"""A run's folder: config.yaml, environment.json, data.json, metrics.csv, epochs.csv and other logs, events/.

Checkpoints lie in it too (`training.checkpoints`), and what a task leaves behind.
"""

import json
from pathlib import Path

import yaml

from mindaam import runtime
from mindaam.errors import ConfigError
from mindaam.files import prepare_folder, write_text
from mindaam.training import checkpoints, old_layouts
from mindaam.training.reporting.csv_log import CsvLog
from mindaam.training.reporting.events import Events

EPOCHS = "epochs.csv"
LISTED = 10  # lines about data that are skipped that are shown


def run_folder(config_path, out, tiny):
    """The Path of a run's folder: `out`, by default runs/<the configuration's name>."""
    return Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))


def to_resume(folder, resume):
    """The checkpoint to continue from, zoo.run_checkpoints.Found, or None for a run that begins. A folder of an older
    layout is converted.

    Raises ConfigError when the folder holds a run and `resume` is False.
    """
    found = checkpoints.latest(folder)
    older = found is None and old_layouts.holds_run(folder)
    if (found or older) and not resume:
        raise ConfigError(f"{folder} contains a run; continue it with --resume, or choose another folder with --out")
    if older:
        old_layouts.convert(folder)
        found = checkpoints.latest(folder)
    return found


def write_description(task, setup):
    """Makes a run's folder and writes what it is: config.yaml, environment.json, data.json; shows what is skipped."""
    folder, progress = setup.folder, setup.progress
    prepare_folder(folder)
    resolved = yaml.safe_dump(json.loads(task.config.model_dump_json()), sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", resolved)
    made_with = {**checkpoints.environment(), "ranks": setup.world.size, **runtime.settings()}
    write_json(folder / "environment.json", made_with)
    write_json(folder / "data.json", task.described())
    for line in task.left_out[:LISTED]:
        progress.say(f"skipped: {line}")
    if len(task.left_out) > LISTED:
        progress.say(f"skipped: {len(task.left_out) - LISTED} more, all in {folder / 'data.json'}")


def write_json(path, content):
    """Writes plain values as a JSON file, whole."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1))


class Logs:
    """The CSV files and TensorBoard events of a run, on rank 0; on the others nothing is written.

    number: steps done; what an earlier attempt wrote after them is dropped.
    """

    def __init__(self, task, number, setup):
        self.files, self.events = {}, None
        if not setup.world.is_first:
            return
        columns = ("step", "epoch", *task.columns, "rate", *task.terms, "norm", "samples", "seconds")
        columns = (*columns, "waiting", "computing", "memory_mb")
        logs = {"metrics.csv": tuple(dict.fromkeys(columns)), **task.logs}  # a task's epoch may be a label
        self.files = {name: CsvLog(setup.folder / name, each, number) for name, each in logs.items()}
        self.events = Events(setup.folder / "events", number, setup.progress.say)

    def step(self, row):
        """A step's row, to metrics.csv and events."""
        self.write("metrics.csv", row)
        if self.events:
            self.events.step(row)

    def epoch(self, row):
        """An epoch's row, to epochs.csv and events."""
        self.write(EPOCHS, row)
        if self.events:
            self.events.epoch(row)

    def write(self, name, row):
        """A row of a CSV file."""
        if self.events:
            self.files[name].write(row)

    def close(self):
        """Closes the events."""
        if self.events:
            self.events.close()
